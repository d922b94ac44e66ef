"""How much of the daemon's memory slow clients may hold: bodies on their way in or out, all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from nsrunner.api import errors

__all__ = ["BODIES", "SMALL", "Budget", "deliver"]

SMALL: Final = 64 * 1024
"""Bytes of a body that is not worth counting."""
_MOST: Final = 96 * 2**20
_STALL_SECONDS: Final = 60.0
"""A client that takes none of an answer for this long is let go."""


class Budget:
    """``most``: bytes that may be held at a time."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self.held = 0

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Counts a body of ``size`` bytes within the block. Raises ApiError (429) when there is no room for it."""
        size = size if size > SMALL else 0
        if size and self.held and self.held + size > self._most:
            raise errors.too_many_requests("too much is on its way to or from slow clients, please try again later", 1)
        self.held += size
        try:
            yield
        finally:
            self.held -= size


BODIES: Final = web.AppKey("bodies", Budget)


async def deliver(
    request: web.Request, response: web.StreamResponse, seconds: float = _STALL_SECONDS
) -> web.StreamResponse:
    """Sends a long answer in pieces, each when the client has taken the one before, so that no more than one lies in
    the socket's buffer; a short one is left to the server. Raises TimeoutError, and ApiError (429) before it begins."""
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes) or len(response.body) <= SMALL:
        return response
    body = memoryview(response.body)
    with request.app[BODIES].holding(len(body)):
        sent = web.StreamResponse(status=response.status, headers=response.headers)
        sent.content_length = len(body)
        await sent.prepare(request)
        if request.method != "HEAD":
            for start in range(0, len(body), SMALL):
                async with asyncio.timeout(seconds):
                    await sent.write(body[start : start + SMALL])
        await sent.write_eof()
    return sent
