"""Writes to standard output and standard error without ever blocking the event loop.

A terminal that is paused, or a pipe whose reader is slow, blocks write(2) for as long as it likes; the pods of ``run``
must not notice. So a thread of its own writes, through the descriptors (never the buffered ``sys.stdout``, whose lock a
stuck thread would hold for ever). When the reader is slow :meth:`Pump.put` waits, the log files are the buffer, and
what is rotated away meanwhile is reported as skipped.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Mapping
from typing import Final

__all__ = ["ERR", "OUT", "STREAMS", "Pump"]

OUT: Final = 1
ERR: Final = 2
STREAMS: Final = {OUT: 1, ERR: 2}
"""Stream to descriptor."""

_LIMIT: Final = 256 * 1024
"""Bytes that may wait for the writer."""


class Pump:
    """Chunks for the two streams, written in the order of the calls.

    A stream that fails (reader gone, disk full) is dropped; :attr:`error` keeps standard output's failure and
    :attr:`failed` is set. What standard error has to say to nobody is no failure.
    """

    def __init__(self, streams: Mapping[int, int] | None = None) -> None:
        self.error: OSError | None = None
        self.failed = asyncio.Event()
        self._fds: dict[int, int | None] = dict(STREAMS if streams is None else streams)
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[tuple[int, bytes] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._progress = asyncio.Event()
        self._patience: float | None = None
        self._discarding = False
        # A daemon thread: a write that never returns must not keep the process.
        self._thread = threading.Thread(target=self._write_all, name="output", daemon=True)
        self._thread.start()

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
            self._queue.put((stream, data))

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
        self._queue.put(None)

    def _write_all(self) -> None:
        while (item := self._queue.get()) is not None:
            stream, data = item
            failure: OSError | None = None
            fd = self._fds[stream]
            if fd is not None:
                try:
                    _write_fully(fd, data)
                except OSError as error:
                    self._fds[stream] = None
                    failure = error if stream == OUT else None
            try:
                self._loop.call_soon_threadsafe(self._written, len(data), failure)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return

    def _written(self, size: int, failure: OSError | None) -> None:
        self._waiting -= size
        if failure is not None and self.error is None:
            self.error = failure
            self.failed.set()
        self._wake()


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
