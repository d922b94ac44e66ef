"""A timeline as an SVG picture: one file that needs nothing else, for browsers and reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..lifecycle.simulate.timeline import Timeline
from ..lifecycle.text import go_duration
from .bars import Look, Mark, Row, Stretch, rows, ticks
from .output import escape

__all__ = ["picture"]

_COLOURS: Final = {
    Look.READY: "#3aa655",
    Look.RUNNING: "#4a90d9",
    Look.WAITING: "#f2c14e",
    Look.TERMINATING: "#e8833a",
    Look.SUCCEEDED: "#b8bec8",
    Look.FAILED: "#c0392b",
}
_WIDTH: Final = 960
_ROW: Final = 34
_BAR: Final = 18
_TOP: Final = 40
_LETTER: Final = 7.5
"""About the width of a letter of the labels."""


def picture(timeline: Timeline, title: str) -> str:
    """The whole file."""
    drawn = rows(timeline)
    margin = round(max(len(row.name) for row in drawn) * _LETTER) + 24
    scale = (_WIDTH - margin - 24) / (timeline.end or 1)
    bottom = _TOP + _ROW * len(drawn)
    height = bottom + 64
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f"<title>{_text(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="24" font-size="15" font-weight="bold">{_text(title)}</text>',
        *_axis(timeline.end, margin, scale, bottom),
    ]
    for number, row in enumerate(drawn):
        lines += _row(row, margin, scale, _TOP + _ROW * number)
    lines += [*_legend(bottom + 46), "</svg>"]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Harmless in XML, as text and in quotes: no control characters either, which XML cannot hold at all."""
    text = escape(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("\ufffe", "?").replace("\uffff", "?")


def _axis(end: float, margin: int, scale: float, bottom: int) -> Iterator[str]:
    for time in ticks(end, 10):
        x = f"{margin + time * scale:.2f}"
        yield f'<line x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}" stroke="#dddddd"/>'
        yield f'<text x="{x}" y="{bottom + 16}" text-anchor="middle" fill="#555555">{go_duration(time)}</text>'


def _row(row: Row, margin: int, scale: float, top: int) -> Iterator[str]:
    yield f'<text x="12" y="{top + 20}">{_text(row.name)}</text>'
    for stretch in row.stretches:
        yield _stretch(stretch, margin, scale, top + 6)
    for mark in row.marks:
        yield _mark(mark, margin + mark.time * scale, top + 6)


def _stretch(stretch: Stretch, margin: int, scale: float, top: int) -> str:
    x, width = margin + stretch.start * scale, max((stretch.end - stretch.start) * scale, 0.5)
    told = f"{go_duration(stretch.start)} to {go_duration(stretch.end)}: {stretch.text}"
    return (
        f'<rect x="{x:.2f}" y="{top}" width="{width:.2f}" height="{_BAR}" fill="{_COLOURS[stretch.look]}">'
        f"<title>{_text(told)}</title></rect>"
    )


def _mark(mark: Mark, x: float, top: int) -> str:
    """A triangle above the bar for a restart, a dot in it for a failed probe."""
    told = f"<title>{_text(f'{go_duration(mark.time)}: {mark.text}')}</title>"
    if mark.restart:
        return f'<path d="M{x:.2f} {top} l-4 -6 h8 z" fill="#222222">{told}</path>'
    return f'<circle cx="{x:.2f}" cy="{top + _BAR / 2:g}" r="3" fill="#7b241c" stroke="#ffffff">{told}</circle>'


def _legend(y: int) -> Iterator[str]:
    x = 12.0
    for look, colour in _COLOURS.items():
        yield f'<rect x="{x:g}" y="{y - 10}" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{x + 17:g}" y="{y}">{look.value}</text>'
        x += 34 + len(look.value) * _LETTER
    yield f'<path d="M{x + 4:g} {y + 1} l-4 -8 h8 z" fill="#222222"/>'
    yield f'<text x="{x + 13:g}" y="{y}">restart</text>'
    x += 30 + 7 * _LETTER
    yield f'<circle cx="{x + 4:g}" cy="{y - 4}" r="3" fill="#7b241c"/>'
    yield f'<text x="{x + 13:g}" y="{y}">probe failed</text>'
