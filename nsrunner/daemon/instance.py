"""One daemon for each set of directories, and how another process reaches it: by its pid in a file, checked."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nsrunner.errors import HostError
from nsrunner.sandbox.spec import Owner
from nsrunner.sandbox.state import Roots, alive, locked, this_process

__all__ = ["drain_other", "only_instance"]

_LOCK: Final = "daemon.lock"
_PID: Final = "daemon.pid"


@contextmanager
def only_instance(roots: Roots) -> Iterator[None]:
    """This process is the daemon within the block. Raises HostError when another one is."""
    with locked(roots, _LOCK, wait=False) as ours:
        if not ours:
            other = _other(roots)
            who = f" (pid {other.pid})" if other is not None else ""
            raise HostError(f"{roots.run}: another daemon{who} serves there")
        me = this_process()
        path = f"{roots.run}/{_PID}"
        try:
            with open(f"{path}.new", "w", encoding="ascii") as file:
                file.write(f"{me.pid} {me.start_time}\n")
            os.rename(f"{path}.new", path)
        except OSError as error:
            raise HostError(f"{path}: {error.strerror}") from None
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)


def drain_other(roots: Roots) -> int | None:
    """Tells the daemon that serves there to end its pods and itself. A descriptor of its process (pidfd) to wait on,
    which is the caller's; None: there is none. Raises HostError."""
    other = _other(roots)
    if other is None:
        return None
    try:
        pidfd = os.pidfd_open(other.pid)
    except ProcessLookupError:
        return None
    try:
        if not alive(other):  # asked after the descriptor was opened: it is this process's, then
            os.close(pidfd)
            return None
        signal.pidfd_send_signal(pidfd, signal.SIGUSR1)
    except OSError as error:
        os.close(pidfd)
        raise HostError(f"daemon {other.pid}: {error.strerror}") from None
    return pidfd


def _other(roots: Roots) -> Owner | None:
    try:
        with open(f"{roots.run}/{_PID}", encoding="ascii") as file:
            pid, start = map(int, file.read().split())
    except (OSError, ValueError):
        return None
    other = Owner(kind="process", pid=pid, start_time=start)
    return other if alive(other) else None
