"""A directory that whoever opens it must wait for: fanotify's permission events, which hold a process in the kernel for
as long as a test wants, and tell who it is. No sleeping, no timing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import struct
from collections.abc import Iterator
from pathlib import Path

_CLASS_CONTENT, _CLOEXEC, _NONBLOCK = 0x4, 0x1, 0x2
_MARK_ADD = 0x1
_OPEN_PERM, _ONDIR = 0x10000, 0x40000000
_ALLOW = 1
_EVENT = struct.Struct("=IBBHQii")
_libc = ctypes.CDLL(None, use_errno=True)


class Stall:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._held: list[int] = []

    def wait(self, seconds: float = 30.0) -> int:
        """Until somebody is held up. Returns its pid."""
        assert select.select([self._fd], [], [], seconds)[0], "nobody has opened the directory"
        data = os.read(self._fd, 4096)
        _, _, _, _, _, opened, pid = _EVENT.unpack_from(data)
        self._held.append(opened)
        return int(pid)

    def end(self) -> None:
        """Lets everybody go on. Harmless when it is done already."""
        for opened in self._held:
            with contextlib.suppress(OSError):  # it was killed
                os.write(self._fd, struct.pack("=iI", opened, _ALLOW))
            os.close(opened)
        self._held.clear()
        if self._fd >= 0:
            os.close(self._fd)  # the kernel lets go of those that nobody has answered
            self._fd = -1


@contextlib.contextmanager
def stalled(directory: Path) -> Iterator[Stall]:
    """Raises OSError where the kernel has no permission events (CONFIG_FANOTIFY_ACCESS_PERMISSIONS)."""
    fd = _libc.fanotify_init(_CLASS_CONTENT | _CLOEXEC | _NONBLOCK, os.O_RDONLY)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "fanotify_init")
    stall = Stall(fd)
    try:
        path = os.fsencode(directory)
        if _libc.fanotify_mark(fd, _MARK_ADD, ctypes.c_uint64(_OPEN_PERM | _ONDIR), -100, path) < 0:
            raise OSError(ctypes.get_errno(), "fanotify_mark")
        yield stall
    finally:
        stall.end()
