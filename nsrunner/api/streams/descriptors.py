"""Pipe ends and terminals as the loop reads and writes them. Nothing here blocks."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Final, Self

__all__ = ["ByteQueue", "FdReader", "FdWriter", "Pipe"]

_CHUNK: Final = 32 << 10
_BUFFERED: Final = 1 << 20
"""Bytes that are kept for a reader who does not take them."""


class Pipe:
    """A pipe whose one end is given away: close ``theirs`` then."""

    def __init__(self, *, inward: bool) -> None:
        """``inward``: we write to it. Raises OSError."""
        read, write = os.pipe2(os.O_CLOEXEC)
        self.ours, self.theirs = (write, read) if inward else (read, write)
        os.set_blocking(self.ours, False)

    def close_theirs(self) -> None:
        fd, self.theirs = self.theirs, -1
        if fd >= 0:
            os.close(fd)


class _Fd:
    """Owns a descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class FdReader(_Fd):
    """Reads until the end, or until :meth:`finish` and nothing is there any more."""

    _last = False

    async def read(self) -> bytes:
        """Empty at the end."""
        while self._fd >= 0:
            try:
                return os.read(self._fd, _CHUNK)
            except BlockingIOError:
                if self._last:
                    break
            except OSError:
                break  # EIO: the last user of the terminal is gone
            self._waiting = self._loop.create_future()
            fd = self._fd
            self._loop.add_reader(fd, self._wake)
            try:
                await self._waiting
            finally:
                self._loop.remove_reader(fd)
        return b""

    def finish(self) -> None:
        """Whoever wrote has ended. What is there is still read; what others hold open, who were left behind, is not
        waited for."""
        self._last = True
        self._wake()


class FdWriter(_Fd):
    """Writes what it is fed, in the task that :meth:`run` is, and keeps some of it meanwhile."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._end = False
        self._broken = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def feed(self, data: bytes) -> None:
        """Waits while too much is kept."""
        if self._end or self._broken or not data:
            return
        self._kept.append(data)
        self._size += len(data)
        self._news.set()
        if self._size > _BUFFERED:
            self._room.clear()
        await self._room.wait()

    def feed_end(self) -> None:
        """The descriptor is closed after what is kept."""
        self._end = True
        self._news.set()

    async def run(self) -> None:
        """Returns at the end, or when nobody reads any more."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                while self._kept:
                    data = self._kept.popleft()
                    await self._write(data)
                    self._size -= len(data)
                    if self._size <= _BUFFERED:
                        self._room.set()
                if self._end:
                    return
        except OSError:  # EPIPE, EIO
            self._broken = True
            self._kept.clear()
        finally:
            self._room.set()
            self.close()

    async def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:
                self._waiting = self._loop.create_future()
                fd = self._fd
                self._loop.add_writer(fd, self._wake)
                try:
                    await self._waiting
                finally:
                    self._loop.remove_writer(fd)


class ByteQueue:
    """Bytes from one task to another; some of them are kept."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._ended = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, data: bytes) -> None:
        """Empty: the end. Waits while too much is kept."""
        if self._ended:
            return
        self._kept += data
        self._ended = not data
        self._news.set()
        if len(self._kept) > _BUFFERED:
            self._room.clear()
        await self._room.wait()

    async def get(self) -> bytes:
        """Empty at the end."""
        while not self._kept and not self._ended:
            self._news.clear()
            await self._news.wait()
        data, self._kept = bytes(self._kept), bytearray()
        self._room.set()
        return data

    def discard(self) -> None:
        """Nobody takes them any more: what comes is dropped."""
        self._ended = True
        self._kept.clear()
        self._room.set()
