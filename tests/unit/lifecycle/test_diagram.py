"""docs/states.md is what the tables say."""

from __future__ import annotations

from pathlib import Path

from nsrunner.lifecycle.diagram import render

PAGE = Path(__file__).parents[3] / "docs" / "states.md"


def test_the_committed_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python tools/states.py"


def test_the_page_shows_what_the_tables_hold() -> None:
    page = render()
    assert "    NEW --> CREATING: PodAdded\n" in page
    assert "    LAST --> STOPPING: Due, Go\n" in page
    assert "    KILLING --> KILLING" not in page
    assert "| PodAdded | NEW → CREATING |  | elsewhere |\n" in page
    assert page.endswith("\n")
