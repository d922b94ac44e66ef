"""Virtual time: an event loop whose clock jumps to the next deadline whenever nothing else is to be done.

Hours of timers pass in milliseconds, in the order in which they really would. For code that waits for timers and for
other tasks only: what happens outside of the process (children, threads, sockets) takes no virtual time, so a loop that
waits for them would jump over it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from nsrunner.lifecycle.events import Now

__all__ = ["Deadlock", "VirtualClock", "VirtualTimeLoop", "run"]

T = TypeVar("T")

WALL_START = 1_700_000_000.0
"""Seconds since the epoch when virtual time is 0: 2023-11-14T22:13:20Z."""


class Deadlock(RuntimeError):
    """Everything waits, and no timer is set: in real time the program would hang."""


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting, advances the time."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise Deadlock("every task waits and no timer is set")
            self.time += max(timeout, 0)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that starts at time 0 and never really sleeps."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.time


class VirtualClock:
    """The supervisor's Clock on the running loop's time."""

    def now(self) -> Now:
        mono = asyncio.get_running_loop().time()
        return Now(mono=mono, wall=WALL_START + mono)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Like asyncio.run(), in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
