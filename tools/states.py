"""Writes docs/states.md, the state machines' tables and pictures, from the tables themselves."""

from __future__ import annotations

from pathlib import Path

from nsrunner.lifecycle.diagram import render

if __name__ == "__main__":
    Path(__file__).parents[1].joinpath("docs", "states.md").write_text(render(), encoding="utf-8")
