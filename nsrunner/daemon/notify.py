"""The service manager's side of the daemon: what systemd hands over at the start, and what it is told (sd_notify(3)).

Plain datagrams and inherited descriptors: without systemd there are none of either, and everything here does nothing.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from collections.abc import MutableMapping
from typing import Final

from nsrunner.errors import HostError

__all__ = ["Notifier", "inherited_sockets"]

_FIRST_FD: Final = 3
"""SD_LISTEN_FDS_START."""


class Notifier:
    """``address`` is that of ``$NOTIFY_SOCKET``; empty: nobody listens. ``watchdog_seconds`` 0: nobody waits."""

    def __init__(self, address: str = "", watchdog_seconds: float = 0.0) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_seconds = watchdog_seconds
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str] | None = None) -> Notifier:
        """Takes its variables out of the environment: what the daemon starts must not speak for it."""
        environ = os.environ if environ is None else environ
        address = environ.pop("NOTIFY_SOCKET", "")
        pid, microseconds = environ.pop("WATCHDOG_PID", ""), environ.pop("WATCHDOG_USEC", "")
        ours = pid in ("", str(os.getpid())) and microseconds.isascii() and microseconds.isdigit()
        return cls(address if address[:1] in ("/", "@") else "", int(microseconds) / 1e6 if ours else 0.0)

    def tell(self, **assignments: str | int) -> None:
        """Such as ``tell(READY=1, STATUS="4 pods")``. Never blocks; a manager that cannot be reached is left alone."""
        if not self._address:
            return
        lines = "\n".join(f"{name}={str(value).replace(chr(10), ' ')}" for name, value in assignments.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sender:
            try:
                sender.sendto(lines.encode(), self._address)
            except OSError:
                pass

    def keep_alive(self) -> None:
        """Tells the watchdog from now on that the event loop turns: twice in its period. To be called in the loop."""
        if self.watchdog_seconds > 0:
            self.tell(WATCHDOG=1)
            self._timer = asyncio.get_running_loop().call_later(self.watchdog_seconds / 2, self.keep_alive)

    def close(self) -> None:
        """Ends :meth:`keep_alive`."""
        if self._timer is not None:
            self._timer.cancel()


def inherited_sockets(environ: MutableMapping[str, str] | None = None) -> list[socket.socket]:
    """The listening sockets that the manager made (sd_listen_fds(3)), non-blocking and closed to our children. Raises
    HostError for anything but listening stream sockets of the families unix and IP."""
    environ = os.environ if environ is None else environ
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not (count.isascii() and count.isdigit()):
        return []
    found: list[socket.socket] = []
    for fd in range(_FIRST_FD, _FIRST_FD + int(count)):
        try:
            fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
            given = socket.socket(fileno=fd)
            listening = given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            raise HostError(f"LISTEN_FDS: descriptor {fd}: {error.strerror}") from None
        families = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
        if not listening or given.type != socket.SOCK_STREAM or given.family not in families:
            raise HostError(f"LISTEN_FDS: descriptor {fd}: a listening stream socket is expected")
        given.setblocking(False)
        found.append(given)
    return found
