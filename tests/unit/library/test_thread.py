import asyncio
import os
import signal
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from nsrunner.errors import UsageError
from nsrunner.library.thread import LoopThread


@pytest.fixture
def thread() -> LoopThread:
    return LoopThread.acquire()


async def name() -> str:
    return threading.current_thread().name


def test_one_thread_serves_all_and_goes_with_the_last() -> None:
    first, second = LoopThread.acquire(), LoopThread.acquire()
    assert first is second
    assert first.call(name()) == "nsrunner"
    first.release()
    assert second.call(name()) == "nsrunner"
    second.release()
    assert "nsrunner" not in [each.name for each in threading.enumerate()]
    third = LoopThread.acquire()
    assert third is not first
    third.release()


def test_errors_come_through(thread: LoopThread) -> None:
    async def fail() -> None:
        raise UsageError("no")

    with pytest.raises(UsageError, match="no"):
        thread.call(fail())
    thread.release()


class Interrupted(Exception):
    pass


def test_a_signal_that_wakes_no_system_call_of_the_main_thread_interrupts_a_call(
    thread: LoopThread,
) -> None:
    """As one does that comes just before the wait: here another thread takes it, and the handler is the main one's."""

    def sleeps() -> bool:
        stat = Path(f"/proc/self/task/{threading.main_thread().native_id}/stat").read_text()
        return stat.rpartition(") ")[2][0] == "S"

    async def forever() -> None:
        while not sleeps():
            os.sched_yield()
        signal.raise_signal(signal.SIGUSR1)
        await asyncio.sleep(10)
        late.append("the call ended first")

    def interrupt(*_: object) -> None:
        raise Interrupted

    late: list[str] = []
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(Interrupted):
            thread.call(forever())
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not late
    assert signal.set_wakeup_fd(-1) == -1
    assert thread.call(name()) == "nsrunner"
    thread.release()


def test_the_loop_itself_may_not_wait_for_itself(thread: LoopThread) -> None:
    async def inside() -> None:
        thread.call(name())

    with pytest.raises(UsageError, match="use AsyncPod"):
        thread.call(inside())
    thread.release()


def test_items_are_fetched_one_by_one_and_the_generator_is_closed(thread: LoopThread) -> None:
    log = []

    async def numbers() -> AsyncGenerator[int, None]:
        try:
            for number in range(3):
                log.append(number)
                await asyncio.sleep(0)
                yield number
        finally:
            log.append(-1)

    assert list(thread.iterate(numbers())) == [0, 1, 2]
    some = thread.iterate(numbers())
    assert next(some) == 0
    some.close()
    assert log == [0, 1, 2, -1, 0, -1]
    thread.release()


def test_what_is_left_open_is_closed_with_the_loop(thread: LoopThread) -> None:
    log = []

    async def numbers() -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
        finally:
            log.append("closed")

    left = thread.iterate(numbers())
    assert next(left) == 1
    thread.release()
    assert log == ["closed"]
    left.close()
    with pytest.raises(UsageError, match="was closed"):
        thread.call(name())


def test_a_forked_child_may_not_use_it_but_has_its_own(thread: LoopThread) -> None:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            try:
                thread.call(name())
            except UsageError as error:
                assert "was forked" in str(error)
                own = LoopThread.acquire()
                assert own is not thread
                assert own.call(name()) == "nsrunner"
                code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert thread.call(name()) == "nsrunner"
    thread.release()
