"""Connections: from which network to which address, and with which sockets."""

from __future__ import annotations

import asyncio
import errno
import os
import socket

import pytest

from nsrunner.errors import SandboxError
from nsrunner.supervisor.probes import dial, names
from nsrunner.supervisor.probes.dial import DialError, Network
from nsrunner.supervisor.probes.outcome import ProbeError
from unit.supervisor.probes.servers import HOST, IP, run, serving, silent


class Maker:
    """Sockets "in the pod", which are the host's; counted."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.made: list[socket.socket] = []
        self.error: SandboxError | None = None

    def __call__(self, pidfd: int, count: int = 1, *, family: int = socket.AF_INET) -> list[socket.socket]:
        self.asked.append((pidfd, count))
        if self.error is not None:
            raise self.error
        made = [socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(count)]
        self.made += made
        return made

    @property
    def open(self) -> int:
        return sum(sock.fileno() >= 0 for sock in self.made)


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> Maker:
    made = Maker()
    monkeypatch.setattr(dial, "sockets_in_pod", made)
    return made


def pod() -> Network:
    return Network(IP, os.pidfd_open(os.getpid()))


def test_some_are_kept_for_later_and_closed_with_the_sandbox(maker: Maker) -> None:
    async def script() -> None:
        network = pod()
        async with serving(silent) as port:
            for connections in range(1, 10):
                connection = await network.dial(IP, port)
                assert len(maker.asked) == (connections + 3) // 4
                connection.close()
            at_once = await asyncio.gather(*(network.dial(IP, port) for _ in range(9)))
            assert len(at_once) == 9
            for connection in at_once:
                connection.close()
            assert maker.open <= 4
            network.close()
            assert maker.open == 0
            with pytest.raises(ProbeError, match="socket: no such process"):
                await network.dial(IP, port)

    run(script())


def test_a_sandbox_that_is_gone_is_the_probers_error(maker: Maker) -> None:
    maker.error = SandboxError("make socket", errno.ESRCH)

    async def script() -> None:
        network = pod()
        with pytest.raises(ProbeError, match="socket: no such process"):
            await network.dial(IP, 1)
        network.close()

    run(script())


def test_another_host_is_reached_from_the_node(maker: Maker) -> None:
    async def script() -> None:
        network = pod()
        with pytest.raises(DialError, match=r"dial tcp 127.0.0.2:1: connect: connection refused"):
            await network.dial("127.0.0.2", 1)
        assert not maker.asked
        network.close()

    run(script())


def test_all_addresses_of_a_name_are_tried_and_the_first_error_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, 1, 6, "", (ip, 0)) for ip in ("127.0.0.3", IP)]
    monkeypatch.setattr(names.socket, "getaddrinfo", lambda *_, **__: found)

    async def script() -> None:
        async with serving(silent) as port:
            (await HOST.dial("two.example", port)).close()
        with pytest.raises(DialError, match=r"dial tcp 127.0.0.3:\d+: connect: connection refused"):
            await HOST.dial("two.example", port)

    run(script())


@pytest.mark.parametrize("code", [0, errno.EHOSTUNREACH])
def test_a_connection_that_takes_its_time(code: int) -> None:
    class Slow:
        """The descriptor is writable: the connection has come about, or to its end."""

        def __init__(self, fd: int) -> None:
            self.fd = fd
            self.answers = [errno.EINPROGRESS, errno.EALREADY]

        def connect_ex(self, address: object) -> int:
            return self.answers.pop(0)

        def fileno(self) -> int:
            return self.fd

        def getsockopt(self, level: int, option: int) -> int:
            assert (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR)
            return code

    async def script() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            slow = Slow(ours.fileno())
            assert await dial._connected(slow, (IP, 1)) == code  # type: ignore[arg-type] # enough of a socket
            assert not slow.answers

    run(script())
