"""The recent history, and those who follow it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from itertools import dropwhile

from nsrunner.api.store.values import Change, Expired

__all__ = ["QUEUED_MAX", "WINDOW", "History", "Watch"]

WINDOW = 2000
"""Changes that are kept for watchers that come back."""
QUEUED_MAX = 1000
"""Changes that may wait for one watcher: a slower one has to list again."""


class Watch:
    """The changes of one resource, in order: an async iterator that ends with :meth:`close`.

    Raises Expired when the reader did not keep up.
    """

    def __init__(
        self,
        resource: str,
        namespace: str | None,
        ended: Callable[[Watch], None],
        wanted: Callable[[Change], bool] | None = None,
    ) -> None:
        self._resource = resource
        self._namespace = namespace
        self._wanted = wanted
        self._queue: deque[Change] = deque()
        self._forget = ended
        self._wake: asyncio.Future[None] | None = None
        self._closed = False
        self._lost: Expired | None = None

    def offer(self, change: Change) -> None:
        """Called by the history with each change."""
        key = change.key
        if key.resource != self._resource or self._namespace not in (None, key.namespace) or self._lost is not None:
            return
        if self._wanted is not None and not self._wanted(change):
            return
        if len(self._queue) >= QUEUED_MAX:
            self._queue.clear()
            self._lost = Expired(change.version, change.version)
            self._forget(self)
        else:
            self._queue.append(change)
        self._rouse()

    def close(self) -> None:
        """Ends the iteration. May be called again."""
        self._closed = True
        self._forget(self)
        self._rouse()

    @property
    def ended(self) -> bool:
        """It was closed, and everything before that is taken."""
        return self._closed and not self._queue and self._lost is None

    def take(self) -> list[Change]:
        """What is there. Raises Expired."""
        if self._lost is not None:
            raise self._lost
        taken = list(self._queue)
        self._queue.clear()
        return taken

    async def wait(self) -> None:
        """Until something is there to be taken, or the watch ends. May be cancelled. For one at a time."""
        while not self._queue and self._lost is None and not self._closed:
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> Change:
        await self.wait()
        if self._lost is not None:
            raise self._lost
        if not self._queue:
            raise StopAsyncIteration
        return self._queue.popleft()


class History:
    """The last changes of everything."""

    def __init__(self, past: Iterable[Change], start: int) -> None:
        self._changes: deque[Change] = deque(past, maxlen=WINDOW)
        self._start = self._changes[0].version - 1 if self._changes else start
        """The oldest version from which everything is known."""
        self._watches: set[Watch] = set()

    def add(self, change: Change) -> None:
        if len(self._changes) == WINDOW:
            self._start = self._changes[0].version
        self._changes.append(change)
        for watch in tuple(self._watches):
            watch.offer(change)

    def watch(
        self,
        resource: str,
        namespace: str | None,
        since: int | None,
        wanted: Callable[[Change], bool] | None = None,
    ) -> Watch:
        """From the version after ``since``, or from now on. Raises Expired."""
        watch = Watch(resource, namespace, self._watches.discard, wanted)
        if since is not None:
            if since < self._start:
                raise Expired(since, self._start)
            for change in dropwhile(lambda past: past.version <= since, self._changes):
                watch.offer(change)
        self._watches.add(watch)
        return watch

    def close(self) -> None:
        for watch in tuple(self._watches):
            watch.close()
