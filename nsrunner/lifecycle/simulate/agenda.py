"""What is going to happen in a simulated world, in the order of time."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from nsrunner.lifecycle.events import Event

__all__ = ["Agenda", "Happening"]

Happening = Callable[[float], list[Event]]
"""Called at its time, which it is given; returns what the machine is to be told."""


class Agenda:
    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Happening]] = []
        self._number = 0

    def add(self, time: float, happening: Happening) -> None:
        """At equal times what was added first comes first."""
        self._number += 1
        heapq.heappush(self._heap, (time, self._number, happening))

    def next_time(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def pop(self) -> list[Event]:
        time, _, happening = heapq.heappop(self._heap)
        return happening(time)
