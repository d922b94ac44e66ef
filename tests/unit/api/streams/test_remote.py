from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from nsrunner.api.errors import bad_request
from nsrunner.api.ports import Ended, StreamSession
from nsrunner.api.streams.channels import RESIZE, STDERR, STDIN, STDOUT, Data, End
from nsrunner.api.streams.peer import Wanted
from nsrunner.api.streams.remote import run_remote

pytestmark = pytest.mark.asyncio


class FakePeer:
    """A client that sends ``events`` and takes everything, unless :attr:`open` is cleared."""

    def __init__(self, *events: Data | End | None) -> None:
        self.events: asyncio.Queue[Data | End | None] = asyncio.Queue()
        for event in events:
            self.events.put_nowait(event)
        self.got: dict[int, bytes] = {STDOUT: b"", STDERR: b""}
        self.ended: set[int] = set()
        self.status: dict[str, Any] | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def receive(self) -> Data | End | None:
        return await self.events.get()

    async def send(self, channel: int, data: bytes) -> None:
        await self.open.wait()
        self.got[channel] += data

    async def send_end(self, channel: int) -> None:
        self.ended.add(channel)

    async def finish(self, status: dict[str, Any]) -> None:
        self.status = status


class FakeSession:
    """A command with the ends of its pipes."""

    def __init__(self, *ends: int, console: int = -1) -> None:
        self.ends = [os.dup(fd) if fd >= 0 else -1 for fd in ends]
        self.console = console
        self.end: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.sizes: list[tuple[int, int]] = []
        self.closed = False

    async def ended(self) -> Ended:
        return await self.end

    async def resize(self, rows: int, columns: int) -> None:
        self.sizes.append((rows, columns))

    async def close(self) -> None:
        self.closed = True
        for fd in self.ends:
            if fd >= 0:
                os.close(fd)


class Run:
    """``run_remote`` with a fake on each side."""

    def __init__(self, peer: FakePeer, **wanted: bool) -> None:
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.started: asyncio.Future[FakeSession] = asyncio.get_running_loop().create_future()
        self.task = asyncio.ensure_future(run_remote(peer, self.gone, Wanted(**wanted), self._start))

    async def _start(self, *ends: int) -> StreamSession:
        session = FakeSession(*ends)
        self.started.set_result(session)
        return session


async def test_output_before_the_end_arrives() -> None:
    peer = FakePeer()
    run = Run(peer, stdout=True, stderr=True)
    session = await run.started
    os.write(session.ends[STDOUT], b"out")
    os.write(session.ends[STDERR], b"err")
    session.end.set_result(Ended(exit_code=3))
    await asyncio.wait_for(run.task, 10)
    assert peer.got == {STDOUT: b"out", STDERR: b"err"}
    assert peer.ended == {STDOUT, STDERR}
    assert peer.status is not None
    assert peer.status["details"]["causes"][0]["message"] == "3"
    assert session.closed


async def test_input_its_end_and_sizes() -> None:
    peer = FakePeer(Data(RESIZE, b'{"Width":80,"Height":24}'), Data(STDIN, b"in"), Data(9, b"?"), End(STDIN), End(9))
    run = Run(peer, stdin=True)
    session = await run.started
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, os.read, session.ends[STDIN], 100) == b"in"
    assert await loop.run_in_executor(None, os.read, session.ends[STDIN], 100) == b""
    assert session.sizes == [(24, 80)]
    session.end.set_result(Ended())
    await asyncio.wait_for(run.task, 10)
    assert peer.status == {"metadata": {}, "status": "Success"}


@pytest.mark.parametrize("how", ["closed", "gone", "gone while it does not read"])
async def test_a_client_that_leaves_ends_the_session(how: str) -> None:
    peer = FakePeer()
    run = Run(peer, stdin=True, stdout=True)
    session = await run.started
    if how == "closed":
        peer.events.put_nowait(None)
    elif how == "gone":
        run.gone.set_result(None)
    else:
        peer.open.clear()
        os.write(session.ends[STDOUT], b"x")
        session.end.set_result(Ended())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not run.task.done()
        run.gone.set_result(None)
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(run.task, 10)
    assert session.closed
    assert peer.status is None


async def test_a_terminal_is_one_stream_for_all() -> None:
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    session = FakeSession(console=ours)

    async def start(*ends: int) -> StreamSession:
        assert ends == (-1, -1, -1)
        return session

    peer = FakePeer(Data(STDIN, b"word\n"), End(STDIN))
    gone = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(run_remote(peer, gone, Wanted(stdin=True, stdout=True, tty=True), start))
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, os.read, theirs, 100) == b"word\n"
    assert await loop.run_in_executor(None, os.read, theirs, 100) == b"", "the end of a terminal's input"
    os.write(theirs, b"out")
    os.close(theirs)
    session.end.set_result(Ended())
    await asyncio.wait_for(task, 10)
    assert peer.got[STDOUT].endswith(b"out")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.close(ours)


async def test_what_cannot_be_started_is_told() -> None:
    async def start(*ends: int) -> StreamSession:
        raise bad_request("no")

    peer = FakePeer()
    gone = asyncio.get_running_loop().create_future()
    await run_remote(peer, gone, Wanted(stdout=True), start)
    assert peer.status is not None
    assert peer.status["message"] == "no"
