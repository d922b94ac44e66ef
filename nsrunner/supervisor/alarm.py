"""When a pod's machine is to be woken: at its instant, or for what is in no hurry together with other pods'.

To wake this process up costs as much as a probe does, so attempts of probes wait for the next of the beats that all
pods of a supervisor have in common.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from nsrunner.supervisor.ports import Clock

__all__ = ["BEATS", "Alarm", "Beats"]

BEATS: Final = 50
"""A second."""


class _Beat(Struct, eq=False):
    """One to come: who is to be woken."""

    timer: asyncio.TimerHandle
    alarms: dict[Alarm, None]


class Beats:
    """Of one event loop."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._coming: dict[int, _Beat] = {}
        """By number: whole beats of monotonic time."""

    def add(self, number: int, alarm: Alarm) -> None:
        beat = self._coming.get(number)
        if beat is None:
            delay = max(0.0, number / BEATS - self.clock.now().mono)
            timer = asyncio.get_running_loop().call_later(delay, self._ring, number)
            beat = self._coming[number] = _Beat(timer, {})
        beat.alarms[alarm] = None

    def remove(self, number: int, alarm: Alarm) -> None:
        beat = self._coming.get(number)
        if beat is None:  # it is just ringing
            return
        beat.alarms.pop(alarm, None)
        if not beat.alarms:
            beat.timer.cancel()
            del self._coming[number]

    def _ring(self, number: int) -> None:
        for alarm in self._coming.pop(number).alarms:
            alarm.reached(number)


class Alarm:
    """One pod's. ``ring`` is called once for each time that it was set, and does not raise."""

    def __init__(self, beats: Beats, ring: Callable[[], None]) -> None:
        self._beats = beats
        self._ring = ring
        self._beat: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._instant = 0.0
        """Monotonic time for which the timer is set."""

    def set(self, instant: float | None, leisurely: float | None) -> None:
        """Rings at ``instant``, or at the first beat from ``leisurely`` on where that is earlier; both are
        monotonic times, None: never. What was set before no longer counts."""
        beat = None if leisurely is None else math.ceil(leisurely * BEATS)
        if beat is not None and instant is not None and instant <= beat / BEATS:
            beat = None
        elif beat is not None:
            instant = None
        if beat != self._beat:
            if self._beat is not None:
                self._beats.remove(self._beat, self)
            self._beat = beat
            if beat is not None:
                self._beats.add(beat, self)
        if self._timer is not None:
            if instant == self._instant:
                return
            self._timer.cancel()
            self._timer = None
        if instant is not None:
            self._instant = instant
            delay = max(0.0, instant - self._beats.clock.now().mono)
            self._timer = asyncio.get_running_loop().call_later(delay, self._at_instant)

    def reached(self, beat: int) -> None:
        """For the beats; a beat that was forgotten meanwhile is passed over."""
        if beat == self._beat:
            self._beat = None
            self._ring()

    def _at_instant(self) -> None:
        self._timer = None
        self._ring()
