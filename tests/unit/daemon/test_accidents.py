"""What passes."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from nsrunner.daemon.accidents import Reporter, all_of, remove_pod
from nsrunner.errors import SandboxError
from nsrunner.sandbox.spec import Owner
from nsrunner.sandbox.state import RegisteredPod, Roots
from nsrunner.testing import clock
from nsrunner.testing.fake_sandbox import FakeShims

POD = RegisteredPod(
    uid="u",
    namespace="default",
    name="web",
    owner=Owner(kind="daemon"),
    paths=Roots().pod_paths("default", "web", "u"),
    cgroup="",
)


class Sticky(FakeShims):
    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.tried = 0

    async def remove(self, pod: RegisteredPod) -> None:
        self.tried += 1
        if self.tried <= self.times:
            raise SandboxError("kill cgroup", errno.EMFILE, "/c")


@pytest.mark.parametrize(("times", "tried", "seconds"), [(0, 1, 0), (2, 3, 3), (99, 5, 18)])
def test_removing_is_tried_again(times: int, tried: int, seconds: float, caplog: pytest.LogCaptureFixture) -> None:
    async def script() -> None:
        shims = Sticky(times)
        await remove_pod(shims, POD)
        assert (shims.tried, asyncio.get_running_loop().time()) == (tried, seconds)

    clock.run(script())
    assert caplog.text.count("something of it is left") == min(times, tried)


def test_a_line_now_and_then_for_what_passes(caplog: pytest.LogCaptureFixture) -> None:
    async def script() -> None:
        loop, told = asyncio.get_running_loop(), Reporter()
        for number in (errno.EMFILE, errno.ENFILE):
            for _ in range(512):
                told(loop, {"message": "no connection", "exception": OSError(number, os.strerror(number))})
        assert len(caplog.records) == 2 and not any(record.exc_info for record in caplog.records)
        await asyncio.sleep(10)
        told(loop, {"message": "no connection", "exception": OSError(errno.EMFILE, "Too many open files")})
        assert caplog.messages[2:] == ["no connection: Too many open files"]

    clock.run(script())


@pytest.mark.parametrize("error", [KeyError("x"), OSError(errno.EIO, "I/O error")])
def test_a_mistake_has_its_traceback(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def script() -> None:
        for _ in range(2):
            Reporter()(asyncio.get_running_loop(), {"message": "what", "exception": error})

    clock.run(script())
    assert len(caplog.records) == 2 and all(record.exc_info for record in caplog.records)


def test_waiting_for_all_but_not_for_ever() -> None:
    async def script() -> None:
        loop = asyncio.get_running_loop()
        assert await all_of([], 5) == 0
        assert await all_of([asyncio.sleep(1), asyncio.sleep(3)], 5) == 0
        assert loop.time() == 3
        assert await all_of([asyncio.sleep(1), asyncio.sleep(100), asyncio.sleep(200)], 5) == 2
        assert loop.time() == 8
        assert await all_of([asyncio.sleep(100)], None) == 0

    clock.run(script())
