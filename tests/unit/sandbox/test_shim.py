"""The asyncio client, against a scripted shim on a real socket."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from nsrunner.errors import SandboxError
from nsrunner.sandbox import native, transport
from nsrunner.sandbox.records import ExecResult, SandboxCreated
from nsrunner.sandbox.shim import Shim
from nsrunner.sandbox.spec import ContainerSpec, ExecSpec, Namespaces, Owner, PodPaths, RootSpec, SandboxSpec
from nsrunner.sandbox.wire import Kind, Tag
from nsrunner.sandbox.wire_specs import encode_exec
from unit.sandbox.fake_shim import Peer, play
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


def test_what_is_prepared_has_no_answer_and_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        prepare = peer.take(Kind.PREPARE_CONTAINER)
        assert prepare.command == 0
        prepared = peer.spec()
        peer.close_fds()
        for same in (True, False):
            start = peer.take(Kind.START_CONTAINER)
            assert (peer.spec() == prepared) == same
            peer.close_fds()
            peer.send(Kind.OK, start.command, {Tag.CONTAINER_ID: "c1", Tag.PID: 43, Tag.STARTED: STAMP})
        assert peer.ended()

    async def test(shim: Shim) -> None:
        shim.prepare_container(replace(CONTAINER, argv=("a\0b",)))  # its start says why not
        shim.prepare_container(CONTAINER)
        with monkeypatch.context() as patch:
            patch.setattr("nsrunner.sandbox.shim.encode_container", None)
            assert (await shim.start_container(5, CONTAINER)).pid == 43
        await shim.start_container(6, replace(CONTAINER, argv=("other",)))

    play(tmp_path, script, test)


def test_what_is_prepared_may_follow_an_instance_and_may_be_forgotten(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        prepare = peer.take(Kind.PREPARE_CONTAINER)
        assert (prepare.command, prepare.fields) == (0, {Tag.CONTAINER_ID: "before"})
        peer.close_fds()
        forget = peer.take(Kind.SIGNAL)
        assert forget.fields == {Tag.CONTAINER_ID: CONTAINER.id, Tag.SIGNAL: 9, Tag.WHOLE: 1}
        peer.send(Kind.OK, forget.command)
        peer.send(Kind.OK, peer.take(Kind.STOP_SANDBOX).command)
        assert peer.ended()

    async def test(shim: Shim) -> None:
        shim.prepare_container(CONTAINER, after="before")
        shim.forget_container(CONTAINER.id)
        await shim.stop_sandbox(5, 0)

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


def test_exec_hands_over_descriptors_and_waits_for_the_end(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        message = peer.take(Kind.EXEC)
        command = message.command
        assert message.data(Tag.SPEC) == encode_exec(EXEC)
        assert len(peer.fds) == 3
        os.write(peer.fds[1], b"out")
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


def test_an_attached_exec_is_waited_for_as_a_whole(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        command = peer.take(Kind.EXEC).command
        peer.close_fds()
        peer.send(Kind.EXEC_FINISHED, 0, {Tag.EXEC_ID: command, Tag.EXIT_CODE: 5})
        command = peer.take(Kind.EXEC).command
        peer.close_fds()
        peer.send(Kind.ERROR, command, {Tag.STEP: 9, Tag.ERRNO: errno.ENOENT, Tag.PATH: "/x"})
        peer.take(Kind.EXEC)
        peer.close_fds()

    async def test(shim: Shim) -> None:
        spec = ExecSpec(container_id="c1", argv=("x",), attached=True)
        process = await shim.exec(spec)
        assert await process.result() == ExecResult(record=0, exit_code=5)
        for expected in (errno.ENOENT, errno.ECONNRESET):
            process = await shim.exec(spec)
            with pytest.raises(SandboxError) as caught:
                await process.result()
            assert caught.value.errno == expected
        for _ in range(2):  # sent to nobody
            with pytest.raises(SandboxError):
                await (await shim.exec(spec)).result()

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
