"""Takes leave of the orphans that a subreaper inherits."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Final

__all__ = ["Reaper"]

_PATIENCE: Final = 5.0
"""Seconds for which an ended child may belong to somebody who is about to ask for it."""


class Reaper:
    """Shims that have ended, and what they leave when they are killed. Children that somebody in this process waits for
    are gone long before their time here is up."""

    def __init__(self, patience: float = _PATIENCE) -> None:
        self._patience = patience
        self._timer: asyncio.TimerHandle | None = None
        self._seen: frozenset[int] = frozenset()

    def begin(self) -> None:
        """In the running loop, which tells of each SIGCHLD from now on."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._child_ended)

    def close(self) -> None:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)
        if self._timer is not None:
            self._timer.cancel()

    def _child_ended(self) -> None:
        if self._timer is None:
            self._seen = _zombies()
            self._wait()

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._patience, self._reap) if self._seen else None

    def _reap(self) -> None:
        now = _zombies()
        for pid in now & self._seen:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
        self._seen = now - self._seen
        self._wait()


def _zombies() -> frozenset[int]:
    """The children that have ended and were not waited for."""
    found: set[int] = set()
    try:
        threads = os.listdir("/proc/self/task")
    except OSError:
        return frozenset()
    for thread in threads:
        try:
            with open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
                children = file.read().split()
        except OSError:  # the thread has ended, or the kernel was built without CONFIG_PROC_CHILDREN
            continue
        found.update(pid for pid in map(int, children) if _is_zombie(pid))
    return frozenset(found)


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[:1] == [b"Z"]
    except OSError:
        return False
