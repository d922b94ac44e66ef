"""Exchanges of one request and one response on TCP sockets, each begun and ended by a single call of C.

Only what nearly always happens is done there: the request goes out whole, the response comes back whole, and is one
that leaves no doubt. All else is the caller's, from the step that it had come to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nsrunner.sandbox import native

__all__ = ["CHUNK", "CONNECT", "SEND", "WAIT", "WATCH", "Peer", "Talks", "whole_status"]

Peer = tuple[int, bytes, int]
"""Family, numeric address and port."""

CHUNK: Final = 16384
"""Bytes that are read at once."""


CONNECT: Final = 0
SEND: Final = 1
WATCH: Final = 2
WAIT: Final = 3
"""What an exchange has come to (``csrc/native.h``): it is to be connected, sent, watched; all of that is done."""


class Talks:
    """``epoll`` is the descriptor of the set that tells when an answer can be read. To be used by one thread at a time.
    Raises HostError."""

    def __init__(self, epoll: int) -> None:
        ffi, lib = native.load()
        self._epoll = epoll
        self._begin: Callable[..., int] = lib.nsr_talk_begin
        self._answer: Callable[..., int] = lib.nsr_talk_answer
        self._unpack: Callable[[Any, int], bytes] = ffi.unpack
        self._buffer = ffi.new("char[]", CHUNK)
        self._first, self._second = ffi.new("int *"), ffi.new("int *")

    def begin(self, fd: int, peer: Peer, request: bytes, *, known: bool) -> tuple[int, int]:
        """Connects a nonblocking socket and sends the request; the set tells of it once. ``known``: the set has told of
        the socket before.

        Returns the step that could not be done, WAIT when all were, and the bytes that were sent or -errno.
        """
        step = self._first
        sent = self._begin(fd, *peer, request, len(request), self._epoll, known, step)
        return step[0], sent

    def answer(self, fd: int) -> tuple[int, int, bool]:
        """Reads once. Returns the number of bytes (0 at the end of the stream) or -errno; the status of the response
        when they are the whole of it, otherwise 0; and whether both sides have ended the connection, so that the socket
        can begin again."""
        status, parted = self._first, self._second
        length = self._answer(fd, self._buffer, CHUNK, status, parted)
        return length, status[0], bool(parted[0])

    def data(self, length: int) -> bytes:
        """What the last :meth:`answer` has read."""
        return self._unpack(self._buffer, length)


def whole_status(data: bytes) -> int:
    """The status of a response that is whole and leaves no doubt, otherwise 0. Raises HostError."""
    _, lib = native.load()
    return int(lib.nsr_http_whole(data, len(data)))
