"""All directories that an event loop's followers watch, by one inotify instance.

A user may have 128 instances (fs.inotify.max_user_instances), shared with everything else that runs as root on the
host; a program may follow the logs of more containers than that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import ClassVar
from weakref import WeakKeyDictionary

from nsrunner.sandbox.inotify import CREATE, MODIFY, MOVED_TO, Change, Inotify

__all__ = ["DirectoryWatch", "Watches"]

_MASK = MODIFY | CREATE | MOVED_TO
"""The same for everybody: two followers of one directory have one watch of the kernel's."""


class DirectoryWatch:
    """One follower's view of one directory."""

    def __init__(self, watches: Watches, number: int, told: Callable[[], None]) -> None:
        self._watches = watches
        self._number = number
        self._told = told
        self._changes: deque[Change] = deque()

    def changes(self) -> Iterator[Change]:
        """What happened since the last call; that a file has grown is told by the callback alone."""
        while self._changes:
            yield self._changes.popleft()

    def close(self) -> None:
        self._watches.remove(self._number, self)

    def take(self, change: Change) -> None:
        """From the instance."""
        if change.mask != MODIFY:
            self._changes.append(change)
        self._told()


class Watches:
    """The instance of one loop; it is there while something is watched."""

    _by_loop: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, Watches]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._notify: Inotify | None = None
        self._watches: dict[int, list[DirectoryWatch]] = {}

    @classmethod
    def of_this_loop(cls) -> Watches:
        loop = asyncio.get_running_loop()
        found = cls._by_loop.get(loop)
        if found is None:
            found = cls._by_loop[loop] = cls(loop)
        return found

    def add(self, directory: str, told: Callable[[], None]) -> DirectoryWatch:
        """``told`` is called on the loop after each change. Raises FileNotFoundError, NotADirectoryError; HostError
        when the kernel gives no more of them."""
        if self._notify is None:
            self._notify = Inotify()
            self._loop.add_reader(self._notify.fileno(), self._read)
        try:
            number = self._notify.add(directory, _MASK)
        except BaseException:
            self._close_when_idle()
            raise
        watch = DirectoryWatch(self, number, told)
        self._watches.setdefault(number, []).append(watch)
        return watch

    def remove(self, number: int, watch: DirectoryWatch) -> None:
        """What DirectoryWatch.close() does; a second time nothing."""
        others = self._watches.get(number, [])
        if watch not in others:
            return
        others.remove(watch)
        if not others:
            del self._watches[number]
            if self._notify is not None:
                self._notify.remove(number)
            self._close_when_idle()

    def _close_when_idle(self) -> None:
        if self._notify is None or self._watches:
            return
        if not self._loop.is_closed():
            self._loop.remove_reader(self._notify.fileno())
        self._notify.close()
        self._notify = None

    def _read(self) -> None:
        assert self._notify is not None
        for change in self._notify.changes():
            if change.watch < 0:  # the kernel's queue was full: anything may have happened
                told = [watch for watches in self._watches.values() for watch in watches]
            else:
                told = self._watches.get(change.watch, [])
            for watch in told:
                watch.take(change)
