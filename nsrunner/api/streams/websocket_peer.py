"""A client of an exec or an attachment that came by WebSocket."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import WSMsgType, web

from nsrunner.api.streams.channels import ERROR, ChannelError, Data, Dialect, End
from nsrunner.api.streams.remote_status import encoded

__all__ = ["WebSocketPeer"]

_UNSUPPORTED: Final = 1003
"""Close code (RFC 6455, 7.4.1): data that makes no sense."""


class WebSocketPeer:
    """Implements :class:`nsrunner.api.streams.peer.Peer`."""

    def __init__(self, socket: web.WebSocketResponse, dialect: Dialect) -> None:
        self._socket = socket
        self._dialect = dialect
        self._sending = asyncio.Lock()

    async def receive(self) -> Data | End | None:
        message = await self._socket.receive()
        if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
            return None
        try:
            return self._dialect.decode(message.data)
        except ChannelError as error:
            await self._socket.close(code=_UNSUPPORTED, message=str(error).encode())
            return None

    async def send(self, channel: int, data: bytes) -> None:
        message = self._dialect.encode(channel, data)
        async with self._sending:
            if isinstance(message, str):
                await self._socket.send_str(message)
            else:
                await self._socket.send_bytes(message)

    async def send_end(self, channel: int) -> None:
        """There is no message for it."""

    async def finish(self, status: dict[str, Any]) -> None:
        if data := encoded(status, self._dialect.version):
            await self.send(ERROR, data)
        await self._socket.close()
