"""How text reaches the user: escaping, colour, columns, messages.

Whatever comes from a manifest, a container or the kernel may hold control characters that rewrite a terminal
(CVE-2021-25743); everything but raw logs goes through :func:`escape`.

No dataclasses here, nor in what the fast verbs import: importing them takes longer than what the verbs do.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import IO, Final, NamedTuple, TextIO

__all__ = ["Column", "Palette", "colour_wanted", "escape", "escape_block", "say", "table", "terminal_width", "write"]

# C0, DEL, C1, then what reorders or hides text: bidi marks, embeddings and isolates, zero-width characters, line and
# paragraph separators, interlinear annotations, tags; and lone surrogates (undecodable bytes).
_UNSAFE: Final = (
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape_match(match: re.Match[str]) -> str:
    char = match.group()
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: one undecodable byte
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def escape(text: str) -> str:
    """``text`` on one line, harmless on any terminal: what could steer it is written as an escape such as ``\\x1b``."""
    if text.isprintable():  # nothing of the above: no need for a pattern that takes milliseconds to compile
        return text
    return re.sub(_UNSAFE, _escape_match, text)


def escape_block(text: str) -> str:
    """The same for text that may have several lines: line feeds stay."""
    return "\n".join(escape(line) for line in text.split("\n"))


def colour_wanted(stream: IO[str]) -> bool:
    """Colour is for terminals; ``NO_COLOR`` (no-color.org) forbids and ``FORCE_COLOR`` demands it."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return os.environ.get("TERM", "dumb") != "dumb" and stream.isatty()


def terminal_width(stream: IO[str]) -> int | None:
    """Columns of the terminal behind ``stream``; None when there is none. ``COLUMNS`` wins."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        width = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # not a terminal; no descriptor at all
        return None
    return width or None


class Palette:
    """ANSI colours for one stream, or the text as it is."""

    _CODES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "magenta": "35"}
    _CYCLE: Final = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    def paint(self, text: str, style: str) -> str:
        return self._wrap(text, self._CODES[style])

    def nth(self, text: str, index: int) -> str:
        """The colour of the ``index``-th container."""
        return self._wrap(text, self._CYCLE[index % len(self._CYCLE)])

    def _wrap(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.enabled else text


def say(message: str, *, stream: TextIO | None = None) -> None:
    """One message to standard error. A standard error that cannot be written to is nobody's to be told about."""
    out = sys.stderr if stream is None else stream
    try:
        out.write(escape_block(message) + "\n")
        out.flush()
    except (OSError, ValueError):  # closed, full, or its reader gone
        pass


def write(text: str) -> None:
    """A result to standard output, at once. Raises BrokenPipeError and OSError; ``main`` turns them into exit codes."""
    sys.stdout.write(text)
    sys.stdout.flush()


class Column(NamedTuple):
    title: str
    right: bool = False
    keep: int = 0
    """Columns are left out, the highest number first, while a terminal is too narrow; 0 always stays."""


_GAP: Final = 3
_NARROWEST: Final = 3
"""Characters of a column, in kubectl's tables (its tabwriter's 6, less the gap)."""


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None,
    gap: int = _GAP,
    headers: bool = True,
) -> str:
    """Aligned columns, as kubectl prints them: upper-case titles, three blanks between. Cells are escaped.

    ``width`` is that of a terminal, None for a pipe or a file, where nothing is ever left out. Without ``headers`` the
    titles take no room either.
    """
    cells = [[escape(cell) for cell in row] for row in rows]
    titles = [[column.title for column in columns]] if headers else []
    least = _NARROWEST if gap == _GAP else 0
    widths = [max([least, *(len(row[i]) for row in (*titles, *cells))]) for i in range(len(columns))]
    shown = list(range(len(columns)))
    while width is not None and sum(widths[i] for i in shown) + gap * (len(shown) - 1) > width:
        victims = [i for i in shown if columns[i].keep]
        if not victims:
            break
        shown.remove(max(victims, key=lambda i: columns[i].keep))
    lines = []
    for row in (*titles, *cells):
        parts = [row[i].rjust(widths[i]) if columns[i].right else row[i].ljust(widths[i]) for i in shown]
        lines.append((" " * gap).join(parts).rstrip())
    return "".join(f"{line}\n" for line in lines)
