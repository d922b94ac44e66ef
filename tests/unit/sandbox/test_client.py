"""The blocking client, against a scripted shim on a real socket."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nsrunner.errors import SandboxError
from nsrunner.sandbox import native
from nsrunner.sandbox.client import Client
from nsrunner.sandbox.records import ExecResult
from nsrunner.sandbox.spec import ExecSpec
from nsrunner.sandbox.wire import Kind, Role, Tag
from unit.sandbox.fake_shim import FakeShim, Peer

EXEC = ExecSpec(container_id="c1", argv=("ls",))


@pytest.fixture(autouse=True)
def step_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "step_name", lambda step: f"step {step}")


def test_a_client_lists_what_runs(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        hello = peer.take(Kind.HELLO)
        assert hello.number(Tag.ROLE) == Role.CLIENT
        peer.send(Kind.CONTAINER_INFO, hello.command, {Tag.NAME: "web", Tag.CONTAINER_ID: "c1"})
        peer.send(Kind.WELCOME, hello.command, {Tag.UID: "uid", Tag.PID: 4})
        listing = peer.take(Kind.LIST)
        peer.send(Kind.WELCOME, listing.command, {Tag.UID: "uid"})
        assert peer.ended()

    with FakeShim(str(tmp_path), script), Client(str(tmp_path)) as client:
        assert [container.name for container in client.snapshot.running] == ["web"]
        assert client.inspect().running == ()


def test_exec_and_its_end(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet(role=Role.CLIENT)
        command = peer.take(Kind.EXEC).command
        assert len(peer.fds) == 3
        peer.close_fds()
        peer.send(Kind.OK, command, {Tag.PID: 8})
        resize = peer.take(Kind.RESIZE)
        peer.send(Kind.EXEC_FINISHED, 0, {Tag.EXEC_ID: command, Tag.EXIT_CODE: 3})  # before the answer
        peer.send(Kind.OK, resize.command)
        assert peer.ended()

    null = os.open("/dev/null", os.O_RDWR)
    with FakeShim(str(tmp_path), script), Client(str(tmp_path)) as client:
        process = client.exec(EXEC, stdin=null, stdout=null, stderr=null)
        assert process.pid == 8
        client.resize(process, 1, 2)
        assert process.wait(10) == ExecResult(record=0, exit_code=3)
    os.close(null)


def test_waiting_ends_in_time(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet(role=Role.CLIENT)
        command = peer.take(Kind.EXEC).command
        peer.close_fds()
        peer.send(Kind.OK, command)
        kill = peer.take(Kind.KILL_EXEC)
        peer.send(Kind.OK, kill.command)
        assert peer.ended()

    with FakeShim(str(tmp_path), script), Client(str(tmp_path)) as client:
        process = client.exec(ExecSpec(container_id="c1", argv=("x",), output_limit=1))
        assert process.wait(0.01) is None
        client.kill_exec(process)


def test_errors(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet(role=Role.CLIENT)
        command = peer.take(Kind.EXEC).command
        peer.close_fds()
        peer.send(Kind.ERROR, command, {Tag.STEP: 2, Tag.ERRNO: errno.ENOENT, Tag.PATH: "/x"})
        peer.take(Kind.LIST)

    with FakeShim(str(tmp_path), script), Client(str(tmp_path)) as client:
        with pytest.raises(SandboxError, match="step 2: /x: No such file or directory"):
            client.exec(EXEC)
        with pytest.raises(SandboxError) as caught:
            client.inspect()
        assert caught.value.errno == errno.ECONNRESET
        with pytest.raises(SandboxError, match="NUL"):
            client.exec(ExecSpec(container_id="c", argv=("a\0",)))


def test_no_answer_in_time(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet(role=Role.CLIENT)
        peer.take(Kind.LIST)
        assert peer.ended()

    with FakeShim(str(tmp_path), script), Client(str(tmp_path)) as client:
        with pytest.raises(SandboxError) as caught:
            client.inspect(within=0.01)
        assert caught.value.errno == errno.ETIMEDOUT


def test_attach(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet(role=Role.CLIENT)
        attach = peer.take(Kind.ATTACH)
        peer.close_fds()
        peer.send(Kind.OK, attach.command)
        peer.send(Kind.ATTACH_ENDED, 0, {Tag.EXEC_ID: attach.command, Tag.REASON: "exited"})
        assert peer.ended()

    with FakeShim(str(tmp_path), script), Client(str(tmp_path)) as client:
        number = client.attach("c1", stdout=1)
        assert client.ended(number) is None
        assert client.process(within=10)
        assert client.ended(number) == "exited"


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with FakeShim(str(tmp_path), lambda peer: peer.greet(role=Role.CLIENT)), Client(str(tmp_path)):
        pass
    with pytest.raises(SandboxError):
        Client(str(tmp_path / "missing"))
    assert len(os.listdir("/proc/self/fd")) == before
