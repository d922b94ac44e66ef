"""Lines of CRI log files (``TIMESTAMP STREAM TAGS CONTENT``), and how they are shown. Pure (kubelet-semantics 26)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["LogEntry", "LogItem", "Renderer", "Skipped", "parse_line", "render", "timestamp", "written_since"]

_STREAMS: Final[dict[bytes, Literal["stdout", "stderr"]]] = {b"stdout": "stdout", b"stderr": "stderr"}
_STAMP_LENGTH: Final = 30
"""``2006-01-02T15:04:05.000000000Z``: what the shim writes. Such stamps sort as text."""


class LogEntry(NamedTuple):
    """One line of a log file."""

    time: str
    """RFC 3339 as it was written; empty for a line that is none of ours."""
    stream: Literal["stdout", "stderr"]
    partial: bool
    """The next entry of the stream goes on with the same line."""
    data: bytes
    """Without the newline."""


class Skipped(NamedTuple):
    """Log that was rotated away before it could be read, or that is no log."""

    bytes: int


LogItem: TypeAlias = LogEntry | Skipped


def parse_line(line: bytes) -> LogEntry:
    """``line`` has no newline. Anything that is not of the format is shown as it is, on stdout."""
    parts = line.split(b" ", 3)
    if len(parts) == 4 and (stream := _STREAMS.get(parts[1])) is not None:
        tag = parts[2].partition(b":")[0]
        if tag in (b"F", b"P"):
            return LogEntry(parts[0].decode("ascii", "replace"), stream, tag == b"P", parts[3])
    return LogEntry("", "stdout", False, line)


def timestamp(seconds: float) -> str:
    """A moment since the epoch, in the form of the shim's stamps (microseconds are enough to compare by)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def written_since(entry: LogEntry, since: str) -> bool:
    """Whether the entry is not older than ``since``, which :func:`timestamp` gave.

    Other writers' stamps may be shorter, or of another zone; an unreadable one is not held back.
    """
    if len(entry.time) == _STAMP_LENGTH and entry.time.endswith("Z"):
        return entry.time >= since
    try:
        moment = datetime.fromisoformat(_microseconds(entry.time))
    except ValueError:
        return True
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return timestamp(moment.timestamp()) >= since


def _microseconds(time: str) -> str:
    """fromisoformat() takes six digits of a fraction."""
    head, dot, rest = time.partition(".")
    if not dot:
        return time
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return f"{head}.{digits[:6]:0<6}{rest[len(digits) :]}"


class Renderer:
    """What ``kubectl logs`` prints: partial entries joined, a stamp before each line, at most ``limit`` bytes."""

    def __init__(self, *, timestamps: bool = False, limit: int | None = None) -> None:
        self._timestamps = timestamps
        self._left = limit
        self._begun: dict[str, bool] = {}

    @property
    def full(self) -> bool:
        """The limit is reached: nothing follows."""
        return self._left == 0

    def text(self, item: LogItem) -> bytes:
        """Of the next item; empty when nothing is shown of it."""
        if isinstance(item, Skipped):
            return b""
        text = item.data if item.partial else item.data + b"\n"
        if self._timestamps and not self._begun.get(item.stream) and item.time:
            text = f"{item.time} ".encode() + text
        self._begun[item.stream] = item.partial
        if self._left is not None:
            text = text[: self._left]
            self._left -= len(text)
        return text


def render(items: Iterable[LogItem], *, timestamps: bool = False, limit: int | None = None) -> Iterator[bytes]:
    """All that a :class:`Renderer` makes of the items."""
    renderer = Renderer(timestamps=timestamps, limit=limit)
    for item in items:
        if text := renderer.text(item):
            yield text
        if renderer.full:
            return
