"""The asyncio client, against a scripted shim on a real socket."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
from msgspec.structs import replace

from nsrunner.errors import SandboxError
from nsrunner.sandbox import native, transport
from nsrunner.sandbox.records import ContainerExit, ExecResult, SandboxCreated, SandboxDeath
from nsrunner.sandbox.shim import Shim
from nsrunner.sandbox.spec import ContainerSpec, ExecSpec, Namespaces, Owner, PodPaths, RootSpec, SandboxSpec
from nsrunner.sandbox.wire import Kind, Role, Tag
from unit.sandbox.fake_shim import FakeShim, Peer
from unit.sandbox.specs import decode_spec

SANDBOX = SandboxSpec(
    uid="uid",
    attempt=3,
    paths=PodPaths(run="/r", state="/s", logs="/l", log_links=""),
    owner=Owner(kind="process", pid=1, start_time=2),
    namespaces=Namespaces(),
)
CONTAINER = ContainerSpec(name="web", attempt=0, id="c1", root=RootSpec(lower="/"), argv=("true",), env=())
EXEC = ExecSpec(container_id="c1", argv=("ls",))
STAMP = {Tag.BOOTTIME_NS: 10**9, Tag.REALTIME_NS: 2 * 10**9}


@pytest.fixture(autouse=True)
def step_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "step_name", lambda step: f"step {step}")


def play(run_dir: Path, script: Callable[[Peer], None], test: Callable[[Shim], Coroutine[None, None, None]]) -> None:
    """Runs ``test`` with a connected client; no descriptor may stay open."""

    async def main() -> None:
        async with asyncio.timeout(10):
            shim = await Shim.connect(str(run_dir), controller=True)
            try:
                await test(shim)
            finally:
                await shim.close()

    before = set(os.listdir("/proc/self/fd"))
    with FakeShim(str(run_dir), script):
        asyncio.run(main())
    assert set(os.listdir("/proc/self/fd")) == before


def test_commands_are_sent_before_the_first_answer(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        create = peer.take(Kind.CREATE_SANDBOX)
        assert decode_spec(peer.spec())[0] == 1
        peer.close_fds()
        start = peer.take(Kind.START_CONTAINER)
        assert (create.command, start.command) == (5, 6)
        peer.close_fds()
        peer.send(Kind.OK, create.command, {Tag.PID: 42, Tag.ATTEMPT: 3})
        peer.send(Kind.OK, start.command, {Tag.CONTAINER_ID: "c1", Tag.PID: 43, Tag.STARTED: STAMP})
        assert peer.ended()

    async def test(shim: Shim) -> None:
        created, running = shim.create_sandbox(5, SANDBOX), shim.start_container(6, CONTAINER)
        assert await created == SandboxCreated(attempt=3, pause_pid=42)
        assert (await running).pid == 43
        assert (await running).started.realtime == 2.0

    play(tmp_path, script, test)


def test_specs_travel_sealed(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        create = peer.take(Kind.CREATE_SANDBOX)
        with pytest.raises(PermissionError):
            os.pwrite(peer.fds[0], b"x", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(peer.fds[0], 0)
        peer.close_fds()
        peer.send(Kind.OK, create.command)

    async def test(shim: Shim) -> None:
        await shim.create_sandbox(1, SANDBOX)

    play(tmp_path, script, test)


def test_an_error_has_its_step_errno_and_path(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        command = peer.take(Kind.SIGNAL).command
        peer.send(Kind.ERROR, command, {Tag.STEP: 9, Tag.ERRNO: errno.EPERM, Tag.PATH: "/p"})

    async def test(shim: Shim) -> None:
        with pytest.raises(SandboxError) as caught:
            await shim.signal(1, "c1", 15)
        assert (caught.value.step, caught.value.errno, caught.value.path) == ("step 9", errno.EPERM, "/p")

    play(tmp_path, script, test)


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


def test_exec_hands_over_descriptors_and_waits_for_the_end(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        command = peer.take(Kind.EXEC).command
        assert len(peer.fds) == 4
        os.write(peer.fds[2], b"out")
        peer.close_fds()
        peer.send(Kind.OK, command, {Tag.PID: 99})
        peer.send(Kind.EXEC_FINISHED, 0, {Tag.RECORD: 4, Tag.EXEC_ID: command, Tag.EXIT_CODE: 5})
        assert peer.take(Kind.ACKNOWLEDGE).number(Tag.RECORD) == 4
        assert peer.ended()

    async def test(shim: Shim) -> None:
        read, write = os.pipe()
        try:
            process = await shim.exec(EXEC, stdin=read, stdout=write, stderr=write)
            assert process.pid == 99
            assert process.console is None
            assert await process.result() == ExecResult(record=4, exit_code=5)
            assert os.read(read, 10) == b"out"
        finally:
            os.close(read)
            os.close(write)

    play(tmp_path, script, test)


def test_exec_collects_output_and_reports_what_kept_it_from_running(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        command = peer.take(Kind.EXEC).command
        peer.close_fds()
        peer.send(Kind.OK, command)
        memfd = transport.sealed_memfd("out", b"hello")
        fields = {Tag.RECORD: 4, Tag.EXEC_ID: command, Tag.EXIT_CODE: 126, Tag.STEP: 3, Tag.ERRNO: 13, Tag.PATH: "x"}
        peer.send(Kind.EXEC_FINISHED, 0, fields, (memfd,))
        os.close(memfd)
        peer.take(Kind.ACKNOWLEDGE)

    async def test(shim: Shim) -> None:
        process = await shim.exec(ExecSpec(container_id="c1", argv=("x",), output_limit=10))
        result = await process.result()
        assert result == ExecResult(record=4, exit_code=126, output=b"hello", error="step 3: x: Permission denied")

    play(tmp_path, script, test)


def test_exec_with_a_terminal(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        command = peer.take(Kind.EXEC).command
        peer.close_fds()
        read, write = os.pipe()
        peer.send(Kind.OK, command, {Tag.PID: 1}, (write,))
        os.close(write)
        resize = peer.take(Kind.RESIZE)
        assert resize.fields == {Tag.EXEC_ID: command, Tag.ROWS: 24, Tag.COLUMNS: 80}
        peer.send(Kind.OK, resize.command)
        kill = peer.take(Kind.KILL_EXEC)
        assert kill.fields == {Tag.EXEC_ID: command}
        peer.send(Kind.OK, kill.command)
        assert os.read(read, 10) == b"typed"
        os.close(read)

    async def test(shim: Shim) -> None:
        process = await shim.exec(ExecSpec(container_id="c1", argv=("sh",), tty=True))
        assert process.console is not None
        await process.resize(24, 80)
        await process.kill()
        os.write(process.console, b"typed")
        os.close(process.console)

    play(tmp_path, script, test)


def test_a_cancelled_exec_is_killed(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        command = peer.take(Kind.EXEC).command
        peer.close_fds()
        assert peer.take(Kind.KILL_EXEC).fields == {Tag.EXEC_ID: command}
        assert peer.ended()

    async def test(shim: Shim) -> None:
        with pytest.raises(SandboxError):
            await shim.exec(EXEC, within=0.01)

    play(tmp_path, script, test)


def test_attach(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        attach = peer.take(Kind.ATTACH)
        assert attach.fields == {Tag.CONTAINER_ID: "c1", Tag.STREAMS: 2}
        assert len(peer.fds) == 1
        peer.close_fds()
        peer.send(Kind.OK, attach.command)
        peer.send(Kind.ATTACH_ENDED, 0, {Tag.EXEC_ID: attach.command, Tag.REASON: "slow"})

    async def test(shim: Shim) -> None:
        attachment = await shim.attach("c1", stdout=1)
        assert await attachment.ended() == "slow"

    play(tmp_path, script, test)


def test_inspect_collects_the_running_containers(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        command = peer.take(Kind.LIST).command
        for name in ("a", "b"):
            peer.send(Kind.CONTAINER_INFO, command, {Tag.NAME: name, Tag.CONTAINER_ID: f"id-{name}", Tag.PID: 5})
        peer.send(Kind.WELCOME, command, {Tag.UID: "uid", Tag.PID: 9, Tag.ATTEMPT: 2})

    async def test(shim: Shim) -> None:
        snapshot = await shim.inspect()
        assert [container.name for container in snapshot.running] == ["a", "b"]
        assert (snapshot.sandbox_attempt, snapshot.pause_pid) == (2, 9)

    play(tmp_path, script, test)


def test_open_volume(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        command = peer.take(Kind.OPEN_VOLUME).command
        fd = os.open("/", os.O_PATH)
        peer.send(Kind.OK, command, {}, (fd,))
        os.close(fd)
        bare = peer.take(Kind.OPEN_VOLUME).command
        peer.send(Kind.OK, bare)

    async def test(shim: Shim) -> None:
        fd = await shim.open_volume("data")
        assert os.path.samestat(os.fstat(fd), os.stat("/"))
        os.close(fd)
        with pytest.raises(SandboxError, match="without its descriptor"):
            await shim.open_volume("data")

    play(tmp_path, script, test)


def test_a_spec_that_cannot_be_carried_is_refused_here(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        assert peer.ended()

    async def test(shim: Shim) -> None:
        with pytest.raises(SandboxError, match="NUL"):
            await shim.start_container(1, replace(CONTAINER, argv=("a\0b",)))
        with pytest.raises(SandboxError, match="write message"):
            await shim.signal(2, "c\0", 15)

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
