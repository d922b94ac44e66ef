"""When a silence is one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from nsrunner.sandbox.hearing import PATIENCE, Hearing
from nsrunner.testing import clock


class Ends:
    def __init__(self, *, answers: bool = False) -> None:
        self.asked: list[float] = []
        self.told: list[bool] = []
        self.answers = answers
        self.hearing = Hearing(self.ask, self.told.append)

    def ask(self) -> None:
        self.asked.append(asyncio.get_running_loop().time())
        self.hearing.sent()
        if self.answers:
            self.hearing.heard()


def play(script: Callable[[], Coroutine[None, None, None]]) -> None:
    clock.run(script())


def test_who_answers_is_never_asked() -> None:
    async def script() -> None:
        ends = Ends()
        for _ in range(100):
            ends.hearing.sent()
            await asyncio.sleep(PATIENCE / 3)
            ends.hearing.heard()
        await asyncio.sleep(100)
        assert (ends.asked, ends.told) == ([], [])

    play(script)


def test_who_has_nothing_to_say_but_is_there() -> None:
    async def script() -> None:
        ends = Ends(answers=True)
        ends.hearing.sent()
        await asyncio.sleep(100)
        assert (ends.asked, ends.told) == ([PATIENCE], [])

    play(script)


def test_silence_and_its_end() -> None:
    async def script() -> None:
        ends = Ends()
        ends.hearing.sent()
        await asyncio.sleep(2 * PATIENCE - 0.1)
        assert ends.asked == [PATIENCE] and not ends.told
        await asyncio.sleep(0.2)
        assert ends.told == [True] and ends.hearing.silent
        ends.hearing.sent()
        await asyncio.sleep(100)
        assert ends.asked == [PATIENCE], "it has been asked"
        ends.hearing.heard()
        assert ends.told == [True, False]
        ends.hearing.sent()
        await asyncio.sleep(100)
        assert ends.told == [True, False, True]

    play(script)


def test_the_end_is_no_silence() -> None:
    async def script() -> None:
        ends = Ends()
        ends.hearing.sent()
        await asyncio.sleep(20)
        ends.hearing.end()
        assert ends.told == [True, False]
        ends.hearing.sent()
        await asyncio.sleep(20)
        other = Ends()
        other.hearing.sent()
        other.hearing.end()
        await asyncio.sleep(20)
        assert (ends.told, other.asked, other.told) == ([True, False], [], [])

    play(script)
