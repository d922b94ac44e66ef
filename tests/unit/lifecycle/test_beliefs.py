"""The table of common beliefs in docs/kubelet.md names a test for each: they are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
NAMED: Final = re.compile(r"`([\w/]+\.py)::(\w+)`")


def test_each_belief_names_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "kubelet.md").read_text()
    section = page.partition("## What many believe of the kubelet")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 15
    for row in rows:
        found = NAMED.search(row)
        assert found is not None, row
        assert f"def {found[2]}(" in (ROOT / "tests" / "unit" / found[1]).read_text(), row
