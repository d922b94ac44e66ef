"""What a browser that has wandered in could be made to do, and is not.

A page from elsewhere can send requests here, and a client certificate that the browser holds goes with them. Such a
request names its page in ``Origin``, which programs leave out, or fill in with the address that they ask (RFC 6454 7).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from nsrunner.api import errors

__all__ = ["keep_to_itself", "refuse_other_pages"]


def refuse_other_pages(request: web.Request) -> None:
    """Raises ApiError (403)."""
    origin = request.headers.get("Origin")
    if origin is None:
        return
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        host = ""
    if not host or host.lower() != request.host.lower():
        raise errors.http_error(403, "requests from the pages of other sites are refused (header Origin)")


async def keep_to_itself(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of each answer: nothing is to be kept, nor taken for what it does not say it is."""
    response.headers.setdefault("Cache-Control", "no-cache, private")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
