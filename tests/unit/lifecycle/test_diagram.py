"""docs/states.md, and the pictures of docs/design.md, are what the tables say."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsrunner.lifecycle.diagram import illustrate, render

PAGE = Path(__file__).parents[3] / "docs" / "states.md"
DESIGN = PAGE.with_name("design.md")


def test_the_committed_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python tools/states.py"


def test_the_pictures_of_the_design_are_up_to_date() -> None:
    design = DESIGN.read_text(encoding="utf-8")
    assert design == illustrate(design), "run: python tools/states.py"
    assert design.count("stateDiagram-v2") == 2


def test_only_what_is_between_the_marks_is_replaced() -> None:
    page = "a\n<!-- pictures: python tools/states.py -->\nwhat was before\n<!-- end of pictures -->\nb\n"
    done = illustrate(page)
    assert done.startswith("a\n<!--") and done.endswith("<!-- end of pictures -->\nb\n")
    assert "what was before" not in done
    assert "NEW --> CREATING: PodAdded" in done
    assert "LAST --> STOPPING: Due, Go" in done
    with pytest.raises(ValueError, match="has no"):
        illustrate("a page without marks")


def test_the_page_shows_what_the_tables_hold() -> None:
    page = render()
    assert "    NEW --> CREATING: PodAdded\n" in page
    assert "    LAST --> STOPPING: Due, Go\n" in page
    assert "    KILLING --> KILLING" not in page
    assert "| PodAdded | NEW → CREATING |  | elsewhere |\n" in page
    assert page.endswith("\n")
