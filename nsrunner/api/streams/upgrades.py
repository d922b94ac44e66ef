"""From a request to a connection of another protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from nsrunner.api import errors

__all__ = ["asked_protocols", "websocket"]

_MESSAGE_MAX: Final = 1 << 20
"""Bytes: clients send 32 KiB at most."""
_CLOSE_SECONDS: Final = 5.0


def asked_protocols(request: web.Request) -> list[str]:
    """The subprotocols of a WebSocket that the client can, the preferred first (RFC 6455, 11.3.4)."""
    given = ",".join(request.headers.getall("Sec-WebSocket-Protocol", []))
    return [each.strip() for each in given.split(",") if each.strip()]


async def websocket(request: web.Request, protocols: Sequence[str]) -> tuple[web.WebSocketResponse, str]:
    """The connection as a WebSocket, and which of the protocols it speaks; the first one with a client that names none.
    Raises ApiError (400)."""
    asked = asked_protocols(request)
    chosen = next((each for each in asked if each in protocols), "")
    if asked and not chosen:
        raise errors.bad_request(f"unable to upgrade: the server speaks none of {asked}, but {', '.join(protocols)}")
    socket = web.WebSocketResponse(
        protocols=[chosen] if chosen else [],
        compress=False,
        max_msg_size=_MESSAGE_MAX,
        timeout=_CLOSE_SECONDS,
    )
    try:
        await socket.prepare(request)
    except web.HTTPException as error:
        raise errors.bad_request(f"unable to upgrade: {error.text}") from None
    return socket, chosen or protocols[0]
