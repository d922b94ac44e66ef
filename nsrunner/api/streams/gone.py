"""Tells when the client of a stream has gone, also while nothing is read from it."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

__all__ = ["when_gone"]

_KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 6))
"""Seconds, seconds, probes: a machine that is switched off is noticed after a minute and a half."""


@contextmanager
def when_gone(request: web.Request) -> Iterator[asyncio.Future[None]]:
    """A future that is done when the client has closed its connection, or it broke.

    A transport that does not read, because the other side is slow, learns of neither. An epoll set (epoll_ctl(2)) with
    the socket in it does, and the loop waits for that.
    """
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    transport = request.transport
    connection = transport.get_extra_info("socket") if transport is not None else None
    if connection is None or connection.fileno() < 0:
        gone.set_result(None)
        yield gone
        return
    if connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
    loop = asyncio.get_running_loop()
    with select.epoll() as watched:
        watched.register(connection.fileno(), select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR)
        loop.add_reader(watched.fileno(), _settle, loop, watched.fileno(), gone)
        try:
            yield gone
        finally:
            loop.remove_reader(watched.fileno())
            gone.cancel()


def _settle(loop: asyncio.AbstractEventLoop, fd: int, gone: asyncio.Future[None]) -> None:
    loop.remove_reader(fd)
    if not gone.done():
        gone.set_result(None)
