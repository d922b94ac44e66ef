"""tcpSocket probes (kubelet-semantics 14.8)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nsrunner.model.types import Container, ContainerPort, TCPSocketAction
from nsrunner.supervisor.probes.outcome import Outcome, ProbeError, failure, success
from nsrunner.supervisor.probes.tcp import probe_tcp
from unit.supervisor.probes.servers import HOST, IP, run, serving, silent


def outcome(port: int | str, host: str | None = None, *, timeout: float = 10, number: int = 80) -> Outcome:
    container = Container(name="db", ports=(ContainerPort(name="sql", container_port=number),))
    return run(probe_tcp(HOST, TCPSocketAction(port=port, host=host), container, timeout))


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port that answers no further SYN: its queue of connections is full."""
    with socket.socket() as listener:
        listener.bind((IP, 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(address)
            waiting.append(sock)
        yield address[1]
        for sock in waiting:
            sock.close()


def test_a_connection_is_success() -> None:
    async def script() -> list[Outcome]:
        async with serving(silent) as port:
            container = Container(name="db", ports=(ContainerPort(name="sql", container_port=port),))
            actions = [
                TCPSocketAction(port=port),
                TCPSocketAction(port="sql"),
                TCPSocketAction(port=port, host="localhost"),
            ]
            return [await probe_tcp(HOST, action, container, 10) for action in actions]

    assert run(script()) == [success()] * 3


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind((IP, 0))
        port = taken.getsockname()[1]
        assert outcome(port) == failure(f"dial tcp {IP}:{port}: connect: connection refused")


def test_nobody_answers() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with full_backlog() as port:
        assert outcome(port, timeout=0.05) == failure(f"dial tcp {IP}:{port}: i/o timeout")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_name_that_is_none() -> None:
    assert outcome(80, "nosuch.invalid").message.startswith("dial tcp: lookup nosuch.invalid: ")


def test_no_descriptors_are_left_says_nothing_of_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    async def script() -> None:
        monkeypatch.setattr("nsrunner.supervisor.probes.dial.socket.socket", refuse)
        try:
            with pytest.raises(ProbeError, match="socket: too many open files"):
                await probe_tcp(HOST, TCPSocketAction(port=1), Container(name="c"), 10)
        finally:
            monkeypatch.undo()

    run(script())
