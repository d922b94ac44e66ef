"""One line on the terminal that says what is being waited for, and is gone when it is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self, TextIO

from .output import escape, terminal_width
from .selection import Target

__all__ = ["Progress", "awaited"]

_CLEAR: Final = "\r\x1b[K"


class Progress:
    """On standard error, if that is a terminal; else nothing is shown."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._wanted = os.environ.get("TERM", "dumb") != "dumb" and self._stream.isatty()
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.show("")

    def show(self, text: str) -> None:
        """Instead of what was shown; as much of it as the terminal has room for in a line."""
        if not self._wanted or text == self._shown:
            return
        self._shown = text
        width = (terminal_width(self._stream) or 80) - 1
        line = escape(text)
        try:
            self._stream.write(_CLEAR + (line if len(line) <= width else f"{line[: max(width - 3, 0)]}..."))
            self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone: nobody looks
            self._wanted = False


def awaited(target: Target, object: Mapping[str, Any] | None) -> str:
    """In words: what an object is that is not yet as it is to be. None: it does not exist."""
    if object is None:
        return f"{target}: does not exist yet ..."
    status = object.get("status") or {}
    until = (object.get("metadata") or {}).get("deletionTimestamp")
    if until is not None:
        return f"{target}: is ending{_deadline(until)} ..."
    reasons = [str(status[key]) for key in ("phase", "reason") if status.get(key)]
    reasons += _waits(status) or _unready(status)
    return f"{target}: {', '.join(reasons) or 'is there'} ..."


def _deadline(stamp: object) -> str:
    import time

    from nsrunner.model.printing.ages import parse_time

    moment = parse_time(stamp)
    return "" if moment is None else f", killed at {time.strftime('%H:%M:%S', time.localtime(moment))} at the latest"


def _unready(status: Mapping[str, Any]) -> list[str]:
    """The message of its condition Ready."""
    return [
        str(each["message"])
        for each in status.get("conditions") or ()
        if each.get("type") == "Ready" and each.get("status") == "False" and each.get("message")
    ]


def _waits(status: Mapping[str, Any]) -> list[str]:
    """Why containers do not run."""
    found = []
    for group in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(group) or ():
            waiting = (container.get("state") or {}).get("waiting")
            if waiting is None:
                continue
            until = _next_start(container)
            found.append(f"{container.get('name')} waits: {waiting.get('reason', '')}{until}")
    return found


def _next_start(container: Mapping[str, Any]) -> str:
    import time

    from .describe_container import waits_until

    until = waits_until(container, time.time())
    return f", next start at {until.split(' ')[0]}" if until else ""
