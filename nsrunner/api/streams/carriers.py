"""What carries SPDY: a connection that was upgraded, or the messages of a WebSocket."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from aiohttp import WSMsgType, web
from aiohttp.abc import AbstractStreamWriter

__all__ = ["Carrier", "Hijacked", "Tunnel", "Upgraded"]

_BUFFERED: Final = 256 << 10


class Carrier(Protocol):
    """Bytes in both directions."""

    async def read(self) -> bytes:
        """The next bytes; empty when the client is gone, or has said that nothing comes any more."""
        ...

    async def write(self, data: bytes) -> None:
        """Waits while the client does not keep up. Raises ConnectionError."""
        ...


class Tunnel:
    """A WebSocket whose messages are pieces of the stream."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def read(self) -> bytes:
        message = await self._socket.receive()
        while message.type is WSMsgType.BINARY and not message.data:
            message = await self._socket.receive()
        return bytes(message.data) if message.type is WSMsgType.BINARY else b""

    async def write(self, data: bytes) -> None:
        await self._socket.send_bytes(data)


class Upgraded(asyncio.Protocol):
    """A connection that was taken from the HTTP server: its own protocol hears of the end alone."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._server = transport.get_protocol()
        self._buffer = bytearray()
        self._over = False
        self._paused = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._news.set()
        if len(self._buffer) > _BUFFERED and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._over = True
        self._news.set()
        return False

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._news.set()
        self._room.set()
        self._server.connection_lost(exc)

    async def read(self) -> bytes:
        while not self._buffer and not self._over:
            self._news.clear()
            await self._news.wait()
        data, self._buffer = bytes(self._buffer), bytearray()
        if self._paused and not self._over:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        if self._over or self._transport.is_closing():
            raise ConnectionResetError("the client is gone")
        self._transport.write(data)
        await self._room.wait()

    def close(self) -> None:
        """After what was written."""
        self._transport.close()


class Hijacked(web.StreamResponse):
    """The response of a handler that has taken the connection: there is nothing that the server could send."""

    def __init__(self) -> None:
        super().__init__(status=101)

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        self.force_close()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        pass
