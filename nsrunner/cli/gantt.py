"""A timeline as a chart of characters: each state has its own, and with colour its own colour besides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..lifecycle.simulate.timeline import Timeline
from ..lifecycle.text import go_duration
from .bars import Look, Mark, Row, rows, ticks
from .output import Palette, escape

__all__ = ["chart"]

_CHARACTERS: Final = {
    Look.READY: ("=", "green"),
    Look.RUNNING: ("-", "cyan"),
    Look.WAITING: (".", "yellow"),
    Look.TERMINATING: ("~", "magenta"),
    Look.SUCCEEDED: ("_", "dim"),
    Look.FAILED: ("x", "red"),
}
_LEAST: Final = 20
"""Columns of time that there are even on a terminal too narrow for them."""
_NAME: Final = 12
"""Columns that a name may have in any case; beyond that and a third of the width it is cut."""
_LABEL: Final = 10
"""Columns between the beginnings of two times of the axis."""


def chart(timeline: Timeline, *, width: int, palette: Palette) -> str:
    """``width``: columns of the terminal."""
    drawn = rows(timeline)
    most = max(width // 3, _NAME)
    names = [name if len(name) <= most else f"{name[: most - 2]}.." for name in (escape(row.name) for row in drawn)]
    margin = max(map(len, names)) + 2
    columns = max(width - margin, _LEAST)
    lines = []
    for name, row in zip(names, drawn, strict=True):
        lines.append(name.ljust(margin) + _bar(row, timeline.end, columns, palette))
        if row.marks:
            lines.append(" " * margin + _marks(row.marks, timeline.end, columns, palette))
    lines += [" " * margin + line for line in _axis(timeline.end, columns)]
    return "\n".join([*(line.rstrip() for line in lines), "", *_legend(width, palette), ""])


def _bar(row: Row, end: float, columns: int, palette: Palette) -> str:
    """Each column shows what lasted longest in its time."""
    cells: list[Look | None] = []
    per_column = end / columns
    for column in range(columns):
        begin, until = column * per_column, (column + 1) * per_column
        shares: dict[Look, float] = {}
        for stretch in row.stretches:
            share = min(stretch.end, until) - max(stretch.start, begin)
            if share > 0:
                shares[stretch.look] = shares.get(stretch.look, 0.0) + share
        cells.append(max(shares, key=lambda look: shares[look]) if shares else None)
    return _painted(cells, palette)


def _painted(cells: Sequence[Look | None], palette: Palette) -> str:
    """Cells that look alike share their colour's escape sequences."""
    parts, begin = [], 0
    for index in range(1, len(cells) + 1):
        if index == len(cells) or cells[index] is not cells[begin]:
            look, count = cells[begin], index - begin
            if look is None:
                parts.append(" " * count)
            else:
                character, colour = _CHARACTERS[look]
                parts.append(palette.paint(character * count, colour))
            begin = index
    return "".join(parts)


def _marks(marks: Sequence[Mark], end: float, columns: int, palette: Palette) -> str:
    cells = [" "] * columns
    for mark in marks:
        column = min(int(mark.time / end * columns), columns - 1) if end else 0
        character = "R" if mark.restart else "!"
        cells[column] = character if cells[column] in (" ", character) else "*"
    painted = {"R": palette.paint("R", "bold"), "!": palette.paint("!", "red"), "*": palette.paint("*", "red")}
    return "".join(painted.get(cell, cell) for cell in cells).rstrip()


def _axis(end: float, columns: int) -> tuple[str, str]:
    """A ruler, and the times below it."""
    ruler, labels = ["-"] * columns, ""
    for time in ticks(end, columns // _LABEL):
        column = int(time / end * columns) if end else 0
        label = go_duration(time)
        if column >= columns or column < len(labels):
            continue
        ruler[column] = "+"
        if column + len(label) <= columns:
            labels = labels.ljust(column) + label + " "
    return "".join(ruler), labels


def _legend(width: int, palette: Palette) -> list[str]:
    entries = [(character, colour, look.value) for look, (character, colour) in _CHARACTERS.items()]
    entries += [("R", "bold", "restart"), ("!", "red", "probe failed"), ("*", "red", "both")]
    lines, length = [""], 0
    for character, colour, words in entries:
        size = len(words) + 4
        if length and length + size > width:
            lines.append("")
            length = 0
        lines[-1] += f"{palette.paint(character, colour)} {words}  "
        length += size
    return [line.rstrip() for line in lines]
