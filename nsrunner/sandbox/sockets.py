"""Sockets inside a pod's network namespace, for probes: made by one thread that does nothing else.

A socket belongs for ever to the namespace in which it was made. Making one takes the calling thread there and back
(9 microseconds), so all are made by a single thread that is started once: no other thread of the program ever changes
its namespace, not even for a moment.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from nsrunner.errors import SandboxError
from nsrunner.sandbox import native

__all__ = ["socket_at", "socket_in_pod"]

_lock = threading.Lock()
_executor: ThreadPoolExecutor | None = None


def _thread() -> ThreadPoolExecutor:
    global _executor
    with _lock:
        if _executor is None:
            _executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nsrunner-sockets")
        return _executor


def _make(pidfd: int, family: int, kind: int) -> socket.socket:
    try:
        fd = native.socket_at(pidfd, family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise SandboxError("make socket", error.errno or 0) from None
    return socket.socket(family, kind, fileno=fd)


def socket_at(pidfd: int, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> Future[socket.socket]:
    """A nonblocking socket in the network namespace of the process behind ``pidfd``, such as a pod's pause process.

    The descriptor may be closed when the future is done. Raises SandboxError (errno ESRCH: the process is gone).
    """
    return _thread().submit(_make, pidfd, family, kind)


async def socket_in_pod(pidfd: int, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """:func:`socket_at` for asyncio. A socket that nobody waits for any more is closed."""
    future = socket_at(pidfd, family, kind)
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        future.add_done_callback(lambda done: None if done.cancelled() or done.exception() else done.result().close())
        raise
