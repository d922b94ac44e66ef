"""The caller's terminal: its size, and raw mode that is left on every way out."""

from __future__ import annotations

import os
import signal
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

from . import exits

__all__ = ["ended_by_signals", "raw", "size"]


def size() -> tuple[int, int]:
    """(rows, columns) of the terminal behind one of the standard streams; 24 x 80 when there is none."""
    for fd in (0, 1, 2):
        try:
            found = os.get_terminal_size(fd)
        except OSError:
            continue
        if found.lines and found.columns:
            return found.lines, found.columns
    return 24, 80


@contextmanager
def raw(fd: int) -> Iterator[None]:
    """Keys go to the command as they are. What the terminal was before comes back, whatever happens in between."""
    if not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSADRAIN)
        yield
    finally:
        # Not TCSADRAIN: output that a paused terminal does not take must not keep us. Background: TTOU would stop us.
        ignored = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            termios.tcsetattr(fd, termios.TCSANOW, before)
        except termios.error:  # the terminal is gone
            pass
        finally:
            signal.signal(signal.SIGTTOU, ignored)


_ENDING: Final = {
    signal.SIGINT: exits.INTERRUPTED,
    signal.SIGTERM: exits.TERMINATED,
    signal.SIGHUP: exits.TERMINATED,
    signal.SIGQUIT: 128 + signal.SIGQUIT,
}


def _end(number: int, _: FrameType | None) -> NoReturn:
    for other in _ENDING:  # a second one may not interrupt what the first one set off
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(_ENDING[signal.Signals(number)])


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """INT, TERM, HUP and QUIT unwind the stack, so that everything is put back, and end in their exit codes."""
    numbers = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]  # nohup(1) means it
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
