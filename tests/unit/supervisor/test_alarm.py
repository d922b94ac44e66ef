"""When alarms ring: at an instant, or with others at a beat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from nsrunner.supervisor.alarm import BEATS, Alarm, Beats
from nsrunner.testing import clock


class Bench:
    def __init__(self) -> None:
        self.clock = clock.VirtualClock()
        self.beats = Beats(self.clock)
        self.rung: list[tuple[str, float]] = []
        self.start = self.clock.now().mono

    def alarm(self, name: str) -> Alarm:
        return Alarm(self.beats, lambda: self.rung.append((name, self.clock.now().mono)))

    def at(self, seconds: float) -> float:
        return self.start + seconds

    @property
    def timers(self) -> int:
        """Of the loop, that will do something."""
        scheduled: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        return sum(not timer.cancelled() for timer in scheduled)


def play(script: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    async def played() -> None:
        bench = Bench()
        await script(bench)
        assert not bench.beats._coming
        assert bench.timers == 0

    clock.run(played())


def test_at_an_instant() -> None:
    async def script(bench: Bench) -> None:
        bench.alarm("a").set(bench.at(1.2345), None)
        await asyncio.sleep(5)
        assert bench.rung == [("a", pytest.approx(bench.at(1.2345)))]

    play(script)


def test_what_is_in_no_hurry_rings_together_and_never_too_early() -> None:
    async def script(bench: Bench) -> None:
        beat = -(-bench.at(1) * BEATS // 1) / BEATS
        alarms = [bench.alarm(name) for name in "abc"]
        for alarm, part in zip(alarms, (0.1, 0.5, 0.9), strict=True):
            alarm.set(bench.at(77), beat + part / BEATS)
        assert bench.timers == 1
        await asyncio.sleep(5)
        assert [name for name, _ in bench.rung] == ["a", "b", "c"]
        assert [time for _, time in bench.rung] == [pytest.approx(beat + 1 / BEATS)] * 3

    play(script)


@pytest.mark.parametrize(("instant", "leisurely"), [(2.0, 3.0), (2.0, 2.0), (2.001, 2.0)])
def test_the_instant_is_kept_where_it_comes_first(instant: float, leisurely: float) -> None:
    async def script(bench: Bench) -> None:
        bench.start = float(int(bench.start)) + 0.0005  # no beat
        bench.alarm("a").set(bench.at(instant), bench.at(leisurely))
        await asyncio.sleep(10)
        assert bench.rung == [("a", pytest.approx(bench.at(instant)))]

    play(script)


def test_what_was_set_before_no_longer_counts() -> None:
    async def script(bench: Bench) -> None:
        alarm = bench.alarm("a")
        for instant, leisurely in ((1, None), (None, 1), (2, 1), (1, 2), (None, None), (3, None), (3, None), (None, 4)):
            alarm.set(
                None if instant is None else bench.at(instant), None if leisurely is None else bench.at(leisurely)
            )
        assert bench.timers == 1
        await asyncio.sleep(10)
        assert bench.rung == [("a", pytest.approx(bench.at(4), abs=1 / BEATS))]
        alarm.set(bench.at(11), bench.at(12))
        alarm.set(None, None)
        await asyncio.sleep(10)
        assert len(bench.rung) == 1

    play(script)


def test_one_that_is_set_by_the_ring_of_another() -> None:
    async def script(bench: Bench) -> None:
        quiet = bench.alarm("quiet")

        def ring() -> None:
            bench.rung.append(("loud", bench.clock.now().mono))
            quiet.set(None, None)  # it is to ring at the same beat
            again.set(None, bench.at(1))  # which is over

        again = bench.alarm("again")
        loud = Alarm(bench.beats, ring)
        for alarm in (loud, quiet):
            alarm.set(None, bench.at(1))
        await asyncio.sleep(5)
        assert [name for name, _ in bench.rung] == ["loud", "again"]

    play(script)
