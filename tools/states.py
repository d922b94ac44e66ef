"""Writes docs/states.md, the state machines' tables and pictures, and the pictures in docs/design.md, from the tables
themselves."""

from __future__ import annotations

from pathlib import Path

from nsrunner.lifecycle.diagram import illustrate, render

if __name__ == "__main__":
    docs = Path(__file__).parents[1] / "docs"
    docs.joinpath("states.md").write_text(render(), encoding="utf-8")
    design = docs / "design.md"
    design.write_text(illustrate(design.read_text(encoding="utf-8")), encoding="utf-8")
