"""inotify(7): to be told that a log has grown instead of asking again and again."""

from __future__ import annotations

import errno
import os
import struct
import threading
from collections.abc import Iterator
from typing import Final, NamedTuple

from nsrunner.errors import HostError

__all__ = ["CREATE", "DELETE_SELF", "MODIFY", "MOVED_TO", "OVERFLOW", "Change", "Inotify"]

MODIFY: Final = 0x2
CREATE: Final = 0x100
MOVED_TO: Final = 0x80
DELETE_SELF: Final = 0x400
OVERFLOW: Final = 0x4000
_ONLYDIR: Final = 0x01000000

_HEADER = struct.Struct("iIII")
_BUFFER: Final = 64 << 10


class Change(NamedTuple):
    mask: int
    name: str
    """In the watched directory; empty: the directory itself."""


class Inotify:
    """Watches one directory. A descriptor that is readable when something changed there."""

    def __init__(self, directory: str, mask: int) -> None:
        """Raises FileNotFoundError, NotADirectoryError; HostError when the user's instances or watches are used up."""
        import ctypes  # late: it takes as long to import as all else that reads a log

        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise _refused(ctypes.get_errno(), "max_user_instances")
        if libc.inotify_add_watch(self._fd, os.fsencode(directory), mask | DELETE_SELF | _ONLYDIR) < 0:
            code = ctypes.get_errno()
            os.close(self._fd)
            if code == errno.ENOSPC:
                raise _refused(code, "max_user_watches")
            raise OSError(code, os.strerror(code), directory)

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
                _, mask, _, length = _HEADER.unpack_from(data, at)
                at += _HEADER.size
                yield Change(mask, os.fsdecode(data[at : at + length].rstrip(b"\0")))
                at += length


def _refused(code: int, limit: str) -> HostError:
    return HostError(f"inotify: {os.strerror(code)}: raise /proc/sys/fs/inotify/{limit}")
