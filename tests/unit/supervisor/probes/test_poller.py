"""Many descriptors behind one: readiness, time limits, and what is held."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from nsrunner.supervisor.probes.poller import READABLE, WRITABLE, Poller
from unit.supervisor.probes.servers import run


def fds() -> int:
    return len(os.listdir("/proc/self/fd"))


class Waiter:
    """Waits for one end of a pair of sockets."""

    def __init__(self, poller: Poller, within: float = 10.0) -> None:
        self.poller = poller
        self.ours, self.theirs = socket.socketpair()
        self.deadline = poller.time() + within
        self.heard: list[str] = []
        self.done = asyncio.Event()

    def watch(self, events: int = READABLE) -> None:
        self.poller.watch(self.ours.fileno(), events, self)

    def ready(self) -> None:
        self.heard.append("ready")
        self.done.set()

    def expired(self) -> None:
        self.heard.append("expired")
        self.done.set()

    def close(self) -> None:
        self.poller.forget(self.ours.fileno())
        self.ours.close()
        self.theirs.close()


def test_one_is_told_once_and_may_ask_again() -> None:
    async def script() -> None:
        poller = Poller.acquire()
        waiter = Waiter(poller)
        for _ in range(3):
            waiter.watch()
            waiter.theirs.send(b"x")
            await waiter.done.wait()
            waiter.done.clear()
            await asyncio.sleep(0.01)
        waiter.watch(WRITABLE)
        await waiter.done.wait()
        assert waiter.heard == ["ready"] * 4
        waiter.close()
        poller.release()

    run(script())


def test_time_limits_in_any_order() -> None:
    async def script() -> None:
        poller = Poller.acquire()
        waiters = [Waiter(poller, within) for within in (0.06, 0.02, 10.0, 0.04)]
        for waiter in waiters:
            waiter.watch()
        for waiter, within in zip(waiters, (0.06, 0.02, None, 0.04), strict=True):
            if within is not None:
                await waiter.done.wait()
                assert poller.time() >= waiter.deadline
        assert [waiter.heard for waiter in waiters] == [["expired"], ["expired"], [], ["expired"]]
        waiters[2].theirs.send(b"x")
        await waiters[2].done.wait()
        for waiter in waiters:
            waiter.close()
        poller.release()

    run(script())


def test_one_that_is_forgotten_hears_nothing() -> None:
    async def script() -> None:
        poller = Poller.acquire()
        forgotten, late = Waiter(poller, 0.01), Waiter(poller, 0.03)
        forgotten.watch()
        late.watch()
        forgotten.theirs.send(b"x")
        forgotten.close()
        await late.done.wait()
        assert not forgotten.heard
        late.close()
        poller.release()

    run(script())


def test_a_copy_of_the_descriptor_elsewhere_keeps_nobody_busy() -> None:
    async def script() -> None:
        poller = Poller.acquire()
        waiter = Waiter(poller)
        waiter.watch()
        copy = os.dup(waiter.ours.fileno())  # as in a child of fork
        waiter.theirs.send(b"x")
        await waiter.done.wait()
        waiter.close()
        turns = 0
        looked = poller._look
        poller._loop.remove_reader(poller._epoll.fileno())

        def look() -> None:
            nonlocal turns
            turns += 1
            looked()

        poller._loop.add_reader(poller._epoll.fileno(), look)
        await asyncio.sleep(0.05)
        assert turns <= 1
        os.close(copy)
        poller.release()

    run(script())


def test_it_is_one_for_a_loop_and_goes_with_its_last_user() -> None:
    async def script() -> None:
        before = fds()
        first, second = Poller.acquire(), Poller.acquire()
        assert first is second
        assert fds() == before + 1
        first.release()
        assert fds() == before + 1
        second.release()
        assert fds() == before
        third = Poller.acquire()
        assert third is not first
        third.release()
        assert fds() == before

    run(script())
    with pytest.raises(RuntimeError):
        Poller.acquire()
