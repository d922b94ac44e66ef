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
"""Sockets that are made together, because the way to the pod and back costs more than they do."""
_names = Names()


class DialError(Exception):
    """``dial tcp 192.0.2.1:80: connect: connection refused``."""


class Network:
    """The network of one sandbox, as its probes see it. ``pidfd``: of a process in the namespace, which it owns; None:
    the pod has the host's. Close it when the sandbox ends."""

    def __init__(self, ip: str, pidfd: int | None) -> None:
        self.ip = ip
        """Where probes go that name no host."""
        self.own = literal(ip)
        """The same with its family; None: the pod has none."""
        self._pidfd = pidfd
        self._spare: list[socket.socket] = []

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
        if host == self.ip and self.own is not None:
            return await self._connect(self.own, port)
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
        sock = self._socket(family, ip)
        try:
            code = await _connected(sock, (ip, port))
        except BaseException:
            sock.close()
            raise
        if code:
            sock.close()
            raise DialError(f"dial tcp {host_port(ip, port)}: connect: {go_errno(code)}")
        return Plain(sock, (ip, port))

    def own_socket(self) -> socket.socket:
        """One for a connection to the pod's own address. Raises ProbeError: there is none to be had."""
        assert self.own is not None, "the pod has an address"
        return self._socket(*self.own)

    def _socket(self, family: int, ip: str) -> socket.socket:
        try:
            if self._pidfd is None or ip != self.ip:
                return socket.socket(family, _FLAGS)
            if not self._spare:
                if self._pidfd < 0:
                    raise SandboxError("make socket", errno.ESRCH)
                self._spare = sockets_in_pod(self._pidfd, _AT_ONCE, family=family)
            return self._spare.pop()
        except SandboxError as error:
            raise ProbeError(f"socket: {go_errno(error.errno)}") from None
        except OSError as error:
            raise ProbeError(f"socket: {go_errno(error.errno or 0)}") from None


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
