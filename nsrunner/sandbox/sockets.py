"""Sockets inside a pod's network namespace, for probes and hooks.

A socket belongs for ever to the namespace in which it was made. Making one takes the calling thread there and back, in
a single C call of some ten microseconds, during which nothing else of the program runs in that thread; one that could
not come back would end the program. Namespaces are a thread's own: no other thread notices. To hand this to a thread
that does nothing else costs several times what it takes.
"""

from __future__ import annotations

import socket
from typing import Final

from nsrunner.errors import SandboxError
from nsrunner.sandbox import native

__all__ = ["sockets_in_pod"]

_FLAGS: Final = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC


def sockets_in_pod(
    pidfd: int, count: int = 1, *, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM
) -> list[socket.socket]:
    """So many nonblocking sockets (at least one; fewer than asked for when the process may have no more) in the network
    namespace of the process behind ``pidfd``, such as a pod's pause process.

    Raises SandboxError (errno ESRCH: the process is gone), HostError.
    """
    kind |= _FLAGS
    try:
        fds = native.sockets_at(pidfd, family, kind, count)
    except OSError as error:
        raise SandboxError("make socket", error.errno or 0) from None
    return [socket.socket(family, kind, 0, fd) for fd in fds]
