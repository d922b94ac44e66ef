"""inotify(7): to be told that a log has grown instead of asking again and again."""

from __future__ import annotations

import errno
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from nsrunner.errors import HostError

__all__ = ["CREATE", "DELETE_SELF", "MODIFY", "MOVED_TO", "OVERFLOW", "Change", "Inotify"]

MODIFY: Final = 0x2
CREATE: Final = 0x100
MOVED_TO: Final = 0x80
DELETE_SELF: Final = 0x400
OVERFLOW: Final = 0x4000

_HEADER = struct.Struct("iIII")
_BUFFER: Final = 64 << 10


class Change(NamedTuple):
    mask: int
    name: str
    """In the watched directory; empty: the directory itself."""
    watch: int = -1
    """What add() gave; -1 with OVERFLOW, which is about all of them."""


class Inotify:
    """An instance, of which a user may have 128: a descriptor that is readable when something changed in a directory
    that it watches."""

    def __init__(self, directory: str = "", mask: int = 0) -> None:
        """Watches a directory, if one is named, as add() does. Raises HostError when the user's instances are used
        up, and what add() raises."""
        from nsrunner.sandbox.native import inotify, inotify_add, inotify_remove  # late: who only reads needs none

        self._add, self._remove = inotify_add, inotify_remove
        try:
            self._fd = inotify()
        except OSError as error:
            raise _refused(error, "max_user_instances") from None
        if directory:
            try:
                self.add(directory, mask)
            except BaseException:
                os.close(self._fd)
                raise

    def add(self, directory: str, mask: int) -> int:
        """The number of the watch: the same one for the same directory. Raises FileNotFoundError, NotADirectoryError;
        HostError when the user's watches are used up."""
        try:
            return self._add(self._fd, directory, mask | DELETE_SELF)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise _refused(error, "max_user_watches") from None
            raise

    def remove(self, watch: int) -> None:
        """Ends a watch; one whose directory is gone has ended already."""
        with suppress(OSError):
            self._remove(self._fd, watch)

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        """In a thread: the kernel waits for a grace period of its own there, some 10 ms, and the loop must not."""
        threading.Thread(target=os.close, args=(self._fd,), name="close inotify", daemon=True).start()

    def changes(self) -> Iterator[Change]:
        """What happened since the last call. Never blocks."""
        while True:
            try:
                data = os.read(self._fd, _BUFFER)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                watch, mask, _, length = _HEADER.unpack_from(data, at)
                at += _HEADER.size
                yield Change(mask, os.fsdecode(data[at : at + length].rstrip(b"\0")), watch)
                at += length


def _refused(error: OSError, limit: str) -> HostError:
    return HostError(f"inotify: {error.strerror}: raise /proc/sys/fs/inotify/{limit}")
