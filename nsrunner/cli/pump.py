"""Writes to standard output and standard error without ever blocking the event loop.

A terminal that is paused, or a pipe whose reader is slow, blocks write(2) for as long as it likes; the pods of ``run``
must not notice. So a thread of its own writes, through the descriptors (never the buffered ``sys.stdout``, whose lock a
stuck thread would hold for ever). When the reader is slow :meth:`Pump.put` waits, the log files are the buffer, and
what is rotated away meanwhile is reported as skipped.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["ERR", "OUT", "STREAMS", "Pump"]

OUT: Final = 1
ERR: Final = 2
STREAMS: Final = {OUT: 1, ERR: 2}
"""Stream to descriptor."""

_LIMIT: Final = 256 * 1024
"""Bytes that may wait for the writer."""
_SLICE: Final = 16 * 1024
"""Written at once: so often a slow reader is seen to be alive."""


class Pump:
    """Chunks for the two streams, written in the order of the calls.

    A stream that fails (reader gone, disk full) is dropped; :attr:`error` keeps standard output's failure and
    :attr:`failed` is set. What standard error has to say to nobody is no failure.
    """

    def __init__(self, streams: Mapping[int, int] | None = None) -> None:
        self.error: OSError | None = None
        self.failed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._waiting = 0
        self._progress = asyncio.Event()
        self._patience: float | None = None
        self._discarding = False
        self._writer = _Writer(dict(STREAMS if streams is None else streams), self._wrote)

    async def put(self, stream: int, data: bytes) -> None:
        """Hand over a chunk; waits while too much is waiting already."""
        while self._waiting >= _LIMIT and not self._discarding:
            if not await self._progresses(self._patience):
                self._discarding = True
        self.put_now(stream, data)

    def put_now(self, stream: int, data: bytes) -> None:
        """The same without waiting, for the few short messages that must not."""
        if data and not self._discarding:
            self._waiting += len(data)
            self._writer.put(stream, data)

    def hurry(self, patience: float) -> None:
        """From now on a reader that takes nothing for ``patience`` seconds is not waited for any more."""
        self._patience = patience
        self._wake()

    async def drain(self) -> None:
        """Wait until everything is written (or, after :meth:`hurry`, given up)."""
        while self._waiting and not self._discarding:
            if not await self._progresses(self._patience):
                self._discarding = True

    async def _progresses(self, patience: float | None) -> bool:
        """Wait for the writer to finish a chunk; False when it takes too long. True may be spurious."""
        try:
            async with asyncio.timeout(patience):
                await self._progress.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        self._progress.set()  # wakes those that wait now,
        self._progress.clear()  # and only them

    def close(self) -> None:
        self._writer.close()

    def _wrote(self) -> None:
        """Called by the writer's thread."""
        try:
            self._loop.call_soon_threadsafe(self._note)
        except RuntimeError:  # the loop is closed: nobody waits any more
            pass

    def _note(self) -> None:
        size, failure = self._writer.progress()
        self._waiting -= size
        if failure is not None and self.error is None:
            self.error = failure
            self.failed.set()
        self._wake()


class _Writer:
    """The thread, and what it shares with the loop.

    It tells of its progress only when the last news was taken: a wake-up for each line would fill the pipe by which the
    loop learns of signals, too, and Ctrl-C would be lost.
    """

    def __init__(self, fds: dict[int, int], wrote: Callable[[], None]) -> None:
        self._fds: dict[int, int | None] = {**fds}
        self._wrote = wrote
        self._shared = threading.Condition()
        self._chunks: deque[tuple[int, bytes]] = deque()
        self._done = 0
        self._failure: OSError | None = None
        self._told = False
        self._closed = False
        # A daemon: a write that never returns must not keep the process.
        threading.Thread(target=self._run, name="output", daemon=True).start()

    def put(self, stream: int, data: bytes) -> None:
        with self._shared:
            self._chunks.append((stream, data))
            self._shared.notify()

    def close(self) -> None:
        """It ends when all is written."""
        with self._shared:
            self._closed = True
            self._shared.notify()

    def progress(self) -> tuple[int, OSError | None]:
        """How many bytes were dealt with since the last call, and standard output's failure."""
        with self._shared:
            size, self._done, self._told = self._done, 0, False
            return size, self._failure

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            stream, data = taken
            for at in range(0, len(data), _SLICE):
                part = data[at : at + _SLICE]
                failure = self._write(stream, part)
                with self._shared:
                    self._done += len(part)
                    self._failure = self._failure or failure
                    news, self._told = not self._told, True
                if news:
                    self._wrote()

    def _take(self) -> tuple[int, bytes] | None:
        """What is to be written next: neighbours of one stream together."""
        with self._shared:
            self._shared.wait_for(lambda: self._chunks or self._closed)
            if not self._chunks:
                return None
            stream, first = self._chunks.popleft()
            parts = [first]
            while self._chunks and self._chunks[0][0] == stream:
                parts.append(self._chunks.popleft()[1])
            return stream, b"".join(parts)

    def _write(self, stream: int, data: bytes) -> OSError | None:
        fd = self._fds[stream]
        if fd is None:
            return None
        try:
            _write_fully(fd, data)
        except OSError as error:
            self._fds[stream] = None
            return error if stream == OUT else None
        return None


def _write_fully(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # somebody made the shared description non-blocking
            _wait_writable(fd)


def _wait_writable(fd: int) -> None:
    import select

    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    poll.poll()
