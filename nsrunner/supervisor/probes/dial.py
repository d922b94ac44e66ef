"""Connections of probes and hooks: from inside the pod's network namespace to its own address, from the host's to any
other (design, section 6)."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import Final

from nsrunner.errors import SandboxError
from nsrunner.sandbox.sockets import sockets_in_pod
from nsrunner.supervisor.probes.names import Address, Names, UnknownName, literal
from nsrunner.supervisor.probes.outcome import ProbeError
from nsrunner.supervisor.probes.stream import Plain
from nsrunner.supervisor.probes.words import go_errno, host_port

__all__ = ["DialError", "Network"]

_FLAGS: Final = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_AT_ONCE: Final = 4
"""Sockets that are made together, because the way to the thread that makes them costs more than they do."""
_names = Names()


class DialError(Exception):
    """``dial tcp 192.0.2.1:80: connect: connection refused``."""


class Network:
    """The network of one sandbox, as its probes see it. ``pidfd``: of a process in the namespace, which it owns; None:
    the pod has the host's. Close it when the sandbox ends."""

    def __init__(self, ip: str, pidfd: int | None) -> None:
        self.ip = ip
        """Where probes go that name no host."""
        self._pidfd = pidfd
        self._own = literal(ip)
        self._spare: list[socket.socket] = []
        self._asked = False
        """Some are under way."""

    def close(self) -> None:
        pidfd, self._pidfd = self._pidfd, -1
        if pidfd is not None and pidfd >= 0:
            os.close(pidfd)
        while self._spare:
            self._spare.pop().close()

    async def dial(self, host: str, port: int) -> Plain:
        """A connection. Takes as long as it takes: put it under a timeout.

        Raises DialError: the other side cannot be reached; ProbeError: there is no socket to try it with.
        """
        if host == self.ip and self._own is not None:
            return await self._connect(self._own, port)
        try:
            addresses = await _names.addresses(host)
        except UnknownName as error:
            raise DialError(f"dial tcp: {error}") from None
        first: DialError | None = None
        for address in addresses:
            try:
                return await self._connect(address, port)
            except DialError as error:
                first = first or error
        assert first is not None, "a name that was found has an address"
        raise first

    async def _connect(self, address: Address, port: int) -> Plain:
        family, ip = address
        sock = await self._socket(family, ip)
        try:
            code = await _connected(sock, (ip, port))
        except BaseException:
            sock.close()
            raise
        if code:
            sock.close()
            raise DialError(f"dial tcp {host_port(ip, port)}: connect: {go_errno(code)}")
        return Plain(sock, (ip, port))

    async def _socket(self, family: int, ip: str) -> socket.socket:
        try:
            if self._pidfd is None or ip != self.ip:
                return socket.socket(family, _FLAGS)
            if self._pidfd < 0:
                raise SandboxError("make socket", errno.ESRCH)
            if self._spare:
                return self._spare.pop()
            sock, *spare = await self._made(family)
            if self._pidfd >= 0:
                self._spare += spare
            else:
                for late in spare:
                    late.close()
            return sock
        except SandboxError as error:
            raise ProbeError(f"socket: {go_errno(error.errno)}") from None
        except OSError as error:
            raise ProbeError(f"socket: {go_errno(error.errno or 0)}") from None

    async def _made(self, family: int) -> list[socket.socket]:
        """Some, or one while those are under way already."""
        assert self._pidfd is not None, "sockets of the host are made here"
        count, self._asked = (1 if self._asked else _AT_ONCE), True
        try:
            return await sockets_in_pod(self._pidfd, count, family=family)
        finally:
            if count > 1:
                self._asked = False


async def _connected(sock: socket.socket, address: tuple[str, int]) -> int:
    """0, or what connect(2) says in the end."""
    code = sock.connect_ex(address)
    if code == errno.EINPROGRESS:
        # Within one machine the answer is there already: asking again costs less than two changes of an epoll set.
        code = sock.connect_ex(address)
    if code not in (errno.EINPROGRESS, errno.EALREADY):
        return code
    loop = asyncio.get_running_loop()
    writable: asyncio.Future[None] = loop.create_future()
    loop.add_writer(sock, _settle, writable)
    try:
        await writable
    finally:
        loop.remove_writer(sock)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
