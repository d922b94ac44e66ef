"""Removing directory trees that containers could write to (CVE-2017-1002102): by descriptors, no link followed, nothing
on another file system, no recursion and two descriptors however deep it is. Somebody else may be removing the same.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

__all__ = ["remove_tree"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(path: str) -> None:
    """Removes ``path`` and all below it; fine when it is not there. Raises OSError: EBUSY for a mount below it, ELOOP
    or ENOTDIR when ``path`` itself is not a directory."""
    try:
        fd = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return
    _empty(fd)
    _gone(os.rmdir, path)


def _empty(here: int) -> None:
    """Removes what the directory holds. Takes the descriptor over."""
    device = os.fstat(here).st_dev
    above: list[tuple[str, int]] = []  # name of each directory on the way down, and its parent's inode
    try:
        while True:
            below = _remove_files(here)
            if below is None:
                if not above:
                    return
                name, inode = above.pop()
                parent = os.open("..", _DIRECTORY, dir_fd=here)
                os.close(here)
                here = parent
                if os.fstat(here).st_ino != inode:
                    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), name)
                _gone(os.rmdir, name, dir_fd=here)
                continue
            try:
                child = os.open(below, _DIRECTORY, dir_fd=here)
            except FileNotFoundError:
                continue
            above.append((below, os.fstat(here).st_ino))
            os.close(here)
            here = child
            if os.fstat(here).st_dev != device:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), below)
    finally:
        os.close(here)


def _gone(remove: Callable[..., None], name: str, *, dir_fd: int | None = None) -> None:
    try:
        remove(name, dir_fd=dir_fd)
    except FileNotFoundError:
        pass


def _remove_files(fd: int) -> str | None:
    """Removes all that is not a non-empty directory. Returns the first of those."""
    with os.scandir(fd) as entries:
        directories = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                directories.append(entry.name)
            else:
                _gone(os.unlink, entry.name, dir_fd=fd)
    for name in directories:
        try:
            _gone(os.rmdir, name, dir_fd=fd)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return name
    return None
