"""Packets and descriptors between a client and a shim: the socket below :mod:`nsrunner.sandbox.shim` (asyncio) and
:mod:`nsrunner.sandbox.client` (blocking).
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Sequence

from nsrunner.errors import SandboxError
from nsrunner.sandbox.wire import ENVELOPE, HEADER, MAX_FDS, MAX_MESSAGE, Fields, Tag, WireError

__all__ = [
    "LACKS",
    "SEALS",
    "SOCKET",
    "TALK",
    "close_all",
    "dial",
    "listen",
    "lost",
    "receive",
    "sealed_memfd",
    "send",
    "spec_fields",
    "unanswered",
]

SOCKET = "shim.sock"
"""Name of a shim's socket in the pod's run directory."""
TALK = "talk to the shim"
"""The step of SandboxErrors about the connection itself."""

SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
LACKS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN})
"""Errors that say nothing about the shim: it cannot be reached now for want of something on our side, or because too
many reach for it."""
_ADDRESS_MAX = 107  # sun_path, without the NUL
_INT = struct.Struct("i")
_TRUNCATED = int(socket.MSG_TRUNC | socket.MSG_CTRUNC)
_ANCILLARY = socket.CMSG_SPACE(MAX_FDS * _INT.size)
_SHORT = MAX_MESSAGE - ENVELOPE.size - HEADER.size


def lost(path: str = "", code: int = errno.ECONNRESET, detail: str = "") -> SandboxError:
    """The error of whoever waited for a shim that is gone."""
    return SandboxError(TALK, code, path, detail=detail)


def unanswered(error: SandboxError) -> bool:
    """Whether the shim has said nothing in time: what was asked for may have been done.

    A step that took too long, or a file system that says so, has ETIMEDOUT as well, and is an answer."""
    return error.step == TALK and error.errno == errno.ETIMEDOUT


def close_all(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)


def sealed_memfd(name: str, data: bytes) -> int:
    """A memfd that nobody can change any more; the caller closes it. Raises SandboxError."""
    fd = -1
    try:
        fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    except OSError as error:
        if fd >= 0:
            os.close(fd)
        raise SandboxError("make memfd", error.errno or 0, name) from None
    return fd


def spec_fields(data: bytes) -> tuple[Fields, int]:
    """An exec's spec for its message: as a field, and -1; or, when it is too long for that, in a memfd, which goes
    first of the descriptors and which the caller closes. Raises SandboxError."""
    if len(data) <= _SHORT:
        return {Tag.SPEC: data}, -1
    return {}, sealed_memfd("nsrunner-spec", data)


class _Address:
    """A unix socket's name in a directory; through a descriptor when the path is too long for sun_path."""

    def __init__(self, run_dir: str) -> None:
        self.fd = -1
        self.name = os.path.join(run_dir, SOCKET)
        if len(os.fsencode(self.name)) > _ADDRESS_MAX:
            self.fd = os.open(run_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            self.name = f"/proc/self/fd/{self.fd}/{SOCKET}"

    def __enter__(self) -> str:
        return self.name

    def __exit__(self, *_: object) -> None:
        if self.fd >= 0:
            os.close(self.fd)


def listen(run_dir: str) -> socket.socket:
    """The listening socket for a new shim (0600 whatever the umask). A socket that a dead shim left is replaced.
    Raises SandboxError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    try:
        with _Address(run_dir) as name:
            try:
                os.unlink(name)
            except FileNotFoundError:
                pass
            sock.bind(name)
            os.chmod(name, 0o600)
        sock.listen(16)
    except OSError as error:
        sock.close()
        raise SandboxError("make socket", error.errno or 0, os.path.join(run_dir, SOCKET)) from None
    return sock


def dial(run_dir: str, *, blocking: bool) -> socket.socket:
    """A connection to the shim that serves ``run_dir``. Raises SandboxError (errno ECONNREFUSED: it is dead)."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.setblocking(blocking)
        with _Address(run_dir) as name:
            sock.connect(name)
    except OSError as error:
        sock.close()
        raise SandboxError(TALK, error.errno or 0, os.path.join(run_dir, SOCKET)) from None
    return sock


def send(sock: socket.socket, packet: bytes, fds: Sequence[int]) -> None:
    """One packet. Raises OSError; BlockingIOError when the shim does not keep up."""
    if fds:
        rights = struct.pack(f"{len(fds)}i", *fds)
        sock.sendmsg((packet,), ((socket.SOL_SOCKET, socket.SCM_RIGHTS, rights),), socket.MSG_NOSIGNAL)
    else:
        sock.send(packet, socket.MSG_NOSIGNAL)


def receive(sock: socket.socket) -> tuple[bytes, list[int]]:
    """One packet and the descriptors that came with it, which the caller closes; ``b""`` at the end.

    Raises OSError; BlockingIOError when there is none yet; WireError for one that is too big.
    """
    packet, ancillary, flags, _ = sock.recvmsg(MAX_MESSAGE, _ANCILLARY, socket.MSG_CMSG_CLOEXEC)
    fds: list[int] = []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds += (fd for (fd,) in _INT.iter_unpack(data[: len(data) - len(data) % _INT.size]))
    if flags & _TRUNCATED:
        close_all(fds)
        raise WireError("truncated packet")
    return packet, fds
