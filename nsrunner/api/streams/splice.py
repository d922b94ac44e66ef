"""Copies between a socket and a client's stream until both directions have ended."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final

__all__ = ["splice"]

_CHUNK: Final = 32 << 10


async def splice(
    connection: socket.socket, receive: Callable[[], Awaitable[bytes]], send: Callable[[bytes], Awaitable[None]]
) -> None:
    """``receive`` and ``send`` are the client's: empty bytes are the end. Closes the socket. The end of what the pod
    sends ends it all, as nobody could tell the client of an answer that is still to come; that of what the client sends
    is passed on. Raises ConnectionError when the client is gone."""
    loop = asyncio.get_running_loop()

    async def outward() -> None:
        while data := await _received(loop, connection):
            await send(data)
        await send(b"")

    async def inward() -> None:
        try:
            while data := await receive():
                await loop.sock_sendall(connection, data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the pod does not read any more; what it still has to say comes on the other way

    with connection:
        feeding = asyncio.ensure_future(inward())
        try:
            await outward()
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)


async def _received(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> bytes:
    """Empty at the end, also when the pod has reset the connection."""
    try:
        return await loop.sock_recv(connection, _CHUNK)
    except OSError:
        return b""
