import asyncio
import time

import pytest

from nsrunner.testing.clock import Deadlock, VirtualClock, run


def test_an_hour_takes_no_time() -> None:
    async def script() -> float:
        clock = VirtualClock()
        before = clock.now()
        async with asyncio.timeout(3600):
            await asyncio.sleep(3599)
        after = clock.now()
        assert after.wall - before.wall == after.mono - before.mono
        return after.mono - before.mono

    started = time.monotonic()
    assert run(script()) == 3599
    assert time.monotonic() - started < 5


def test_timers_come_in_their_order() -> None:
    async def script() -> list[int]:
        order: list[int] = []

        async def note(seconds: int) -> None:
            await asyncio.sleep(seconds)
            order.append(seconds)

        async with asyncio.TaskGroup() as group:
            for seconds in (30, 1, 20, 3):
                group.create_task(note(seconds))
        return order

    assert run(script()) == [1, 3, 20, 30]


def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    async def script() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run(script())
