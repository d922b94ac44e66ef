"""From a request with ``Upgrade: SPDY/3.1`` to a SPDY session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from nsrunner.api import errors
from nsrunner.api.streams.carriers import Upgraded
from nsrunner.api.streams.spdy_session import SpdySession

__all__ = ["asks_for_spdy", "negotiated", "running", "upgraded"]

_VERSIONS: Final = "X-Stream-Protocol-Version"
_LINGER_SECONDS: Final = 10.0
"""For the client to close the connection: what is on its way to it would be lost if we did first, with bytes of the
client's unread (RFC 1122, 4.2.2.13)."""


def asks_for_spdy(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").upper() == "SPDY/3.1"


def negotiated(request: web.Request, protocols: Sequence[str]) -> str:
    """Which of our protocols the client likes best. Raises ApiError (400, 403)."""
    given = ",".join(request.headers.getall(_VERSIONS, []))
    asked = [each.strip() for each in given.split(",") if each.strip()]
    if not asked:
        raise errors.bad_request(f"unable to upgrade: {_VERSIONS} is required")
    chosen = next((each for each in asked if each in protocols), "")
    if not chosen:
        message = (
            f"unable to upgrade: unable to negotiate protocol: client supports [{' '.join(asked)}], "
            f"server accepts [{' '.join(protocols)}]"
        )
        raise errors.http_error(403, message)
    return chosen


@asynccontextmanager
async def upgraded(request: web.Request, protocol: str) -> AsyncIterator[Upgraded]:
    """The connection, which is closed after the block. Raises ConnectionError."""
    transport = request.transport
    if not isinstance(transport, asyncio.Transport) or transport.is_closing():
        raise ConnectionResetError("the client is gone")
    await request.read()  # a POST may say that it has a body of length 0
    carrier = Upgraded(transport)
    try:
        head = (
            f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n{_VERSIONS}: {protocol}"
        )
        await carrier.write(f"{head}\r\n\r\n".encode())
        yield carrier
    finally:
        carrier.close()


@asynccontextmanager
async def running(session: SpdySession) -> AsyncIterator[asyncio.Task[None]]:
    """The session's task within the block; after an orderly end the client gets its time to close."""
    task = asyncio.ensure_future(session.run())
    try:
        yield task
        await asyncio.wait([task], timeout=_LINGER_SECONDS)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
