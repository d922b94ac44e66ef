"""The connection below the asyncio client: deadlines, deaths, and a shim that does not read."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from nsrunner.errors import SandboxError
from nsrunner.sandbox import transport
from nsrunner.sandbox.records import ContainerExit, SandboxDeath
from nsrunner.sandbox.shim import Shim
from nsrunner.sandbox.wire import Kind, Role, Tag
from unit.sandbox.fake_shim import FakeShim, Peer, play


def test_no_answer_in_time_is_an_error_and_a_late_one_is_dropped(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        slow = peer.take(Kind.STOP_SANDBOX).command
        again = peer.take(Kind.STOP_SANDBOX).command
        peer.send(Kind.OK, slow)
        peer.send(Kind.OK, again)

    async def test(shim: Shim) -> None:
        with pytest.raises(SandboxError) as caught:
            await shim.stop_sandbox(1, 0, within=0.01)
        assert caught.value.errno == errno.ETIMEDOUT
        assert "stop sandbox" in str(caught.value)
        await shim.stop_sandbox(2, 0)

    play(tmp_path, script, test)


def test_a_dead_shim_fails_everything_and_ends_the_records(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet(attempt=7, pid=1)
        peer.take(Kind.STOP_SANDBOX)

    async def test(shim: Shim) -> None:
        assert shim.snapshot.sandbox_attempt == 7
        with pytest.raises(SandboxError) as caught:
            await shim.stop_sandbox(1, 0)
        assert caught.value.errno == errno.ECONNRESET
        assert [record async for record in shim.records()] == [SandboxDeath(record=0, attempt=7)]
        assert [record async for record in shim.records()] == []
        with pytest.raises(SandboxError) as caught:
            await shim.remove_pod(2)
        assert caught.value.errno == errno.EPIPE
        assert shim.closed

    play(tmp_path, script, test)


def test_garbage_from_the_shim_is_its_death(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        peer.socket.send(b"garbage")
        assert peer.ended()

    async def test(shim: Shim) -> None:
        assert [record async for record in shim.records()] == [SandboxDeath(record=0, attempt=0)]

    play(tmp_path, script, test)


def test_records_come_in_order_and_are_acknowledged(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        exited = {Tag.RECORD: 11, Tag.CONTAINER_ID: "c1", Tag.NAME: "web", Tag.EXIT_CODE: 3, Tag.MESSAGE: b"why"}
        peer.send(Kind.CONTAINER_EXITED, 0, exited)
        peer.send(Kind.SANDBOX_DIED, 0, {Tag.RECORD: 12, Tag.ATTEMPT: 1})
        assert [peer.take(Kind.ACKNOWLEDGE).number(Tag.RECORD) for _ in range(2)] == [11, 12]
        assert peer.ended()

    async def test(shim: Shim) -> None:
        seen = []
        async for record in shim.records():
            seen.append(record)
            shim.acknowledge(record.record)
            if len(seen) == 2:
                break
        first, second = seen
        assert isinstance(first, ContainerExit) and first.exit_code == 3 and first.termination_message == b"why"
        assert second == SandboxDeath(record=12, attempt=1)

    play(tmp_path, script, test)


def test_closing_ends_the_records_without_a_death(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        assert peer.ended()

    async def test(shim: Shim) -> None:
        await shim.close()
        assert [record async for record in shim.records()] == []

    play(tmp_path, script, test)


def test_a_shim_that_does_not_read_holds_up_nobody(tmp_path: Path) -> None:
    count = 2000

    def script(peer: Peer) -> None:
        peer.greet()
        peer.take(Kind.STOP_SANDBOX)
        for number in range(count):
            message = peer.take(Kind.SIGNAL)
            assert message.command == number
            peer.send(Kind.OK, message.command)

    async def test(shim: Shim) -> None:
        first = shim.stop_sandbox(10**6, 0)
        answers = [shim.signal(number, "c1", 15) for number in range(count)]
        await asyncio.gather(*answers)
        first.cancel()

    play(tmp_path, script, test)


def test_a_forked_child_does_not_hold_the_connection(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        assert peer.ended()

    async def test(shim: Shim) -> None:
        release, hold = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(hold)
            os.read(release, 1)  # lives on after the parent has closed its end
            os._exit(0)
        os.close(release)
        await shim.close()
        children.append((pid, hold))

    children: list[tuple[int, int]] = []
    with FakeShim(str(tmp_path), script):  # joins its thread: it saw the end although the child lives

        async def main() -> None:
            await test(await Shim.connect(str(tmp_path), controller=True))

        asyncio.run(main())
    for pid, hold in children:
        os.close(hold)
        assert os.waitpid(pid, 0)[1] == 0


def test_a_long_path_is_reached_too(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    deep.mkdir(parents=True)

    def script(peer: Peer) -> None:
        peer.greet(role=Role.CONTROLLER)

    async def test(shim: Shim) -> None:
        assert shim.snapshot.uid == "uid"

    play(deep, script, test)


def test_nobody_there(tmp_path: Path) -> None:
    transport.listen(str(tmp_path)).close()

    async def main() -> None:
        with pytest.raises(SandboxError) as caught:
            await Shim.connect(str(tmp_path))
        assert caught.value.errno == errno.ECONNREFUSED
        with pytest.raises(SandboxError) as caught:
            await Shim.connect(str(tmp_path / "missing"))
        assert caught.value.errno == errno.ENOENT

    asyncio.run(main())
