"""One GET as Go's http.Client does it for probes and hooks: redirects within one host name, errors in its words."""

from __future__ import annotations

import asyncio
from typing import Final

from nsrunner.supervisor.probes.dial import DialError, Network
from nsrunner.supervisor.probes.http_request import Headers, RequestError, request_bytes
from nsrunner.supervisor.probes.http_response import BodyError, Response, ResponseError
from nsrunner.supervisor.probes.stream import Stream, StreamError, Tls, TLSError
from nsrunner.supervisor.probes.url import Url, UrlError
from nsrunner.supervisor.probes.words import go_quote

__all__ = ["IN_BODY", "NO_HEADERS", "BodyError", "GetError", "follow", "http_get", "leads_on"]

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_REQUESTS: Final = 10
_HANDSHAKE: Final = 10.0
"""Seconds for a TLS handshake, whatever the probe's own timeout is."""
NO_HEADERS: Final = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
IN_BODY: Final = "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
"""The words for a timeout, by how far the response had come."""


class GetError(Exception):
    """``Get "http://192.0.2.1:80/": dial tcp 192.0.2.1:80: connect: connection refused``."""

    def __init__(self, url: object, reason: str) -> None:
        super().__init__(f"Get {go_quote(str(url))}: {reason}")
        self.reason = reason


async def http_get(
    network: Network, url: Url, headers: Headers, *, timeout: float | None, body_within: float | None = None
) -> Response:
    """The final response: complete, or as much of its body as anybody looks at.

    ``timeout`` is for everything together; from the headers on ``body_within`` takes its place. Raises GetError: no
    response; BodyError: its body did not come; ProbeError: no socket.
    """
    deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
    first = await _exchange(network, url, headers, deadline, body_within)
    return await follow(network, url, headers, first, deadline, body_within)


async def follow(
    network: Network,
    url: Url,
    headers: Headers,
    first: tuple[Response, BodyError | None],
    deadline: float | None,
    body_within: float | None = None,
) -> Response:
    """The same from the response to the first request on, and what was wrong with its body. ``deadline`` is the loop's
    time."""
    first_host, requests = url.host, 1
    response, trouble = first
    while True:
        following = _following(url, response)
        if following is None or following.host != first_host:
            if trouble is not None:
                raise trouble
            return response
        if requests >= _MAX_REQUESTS:
            raise GetError(response.location, "stopped after 10 redirects")
        if following.scheme not in ("http", "https"):
            raise GetError(following, f"unsupported protocol scheme {go_quote(following.scheme)}")
        headers = _headers_after(headers, response.location, url, following)
        url = following
        response, trouble = await _exchange(network, url, headers, deadline, body_within)
        requests += 1


def leads_on(response: Response) -> bool:
    """Whether it is a redirect that may have to be followed."""
    return response.status in _REDIRECTS and bool(response.location)


def _following(url: Url, response: Response) -> Url | None:
    """Where the response leads to. Raises GetError."""
    if not leads_on(response):
        return None
    try:
        return url.resolve(response.location)
    except UrlError as error:
        reason = f"failed to parse Location header {go_quote(response.location)}: {error}"
        raise GetError(url, reason) from None


def _headers_after(headers: Headers, location: str, before: Url, after: Url) -> Headers:
    """For the next request of a chain. The name that the manifest gave survives only a relative redirect."""
    headers = dict(headers)
    if "://" in location.partition("?")[0]:
        headers.pop("Host", None)
    if not (before.scheme == "https" and after.scheme == "http"):
        headers.setdefault("Referer", (str(before),))
    return headers


async def _exchange(
    network: Network, url: Url, headers: Headers, deadline: float | None, body_within: float | None
) -> tuple[Response, BodyError | None]:
    """One request on a connection of its own, and what was wrong with the body of its response. Raises GetError."""
    stream: Stream | None = None
    response = Response()
    try:
        request = request_bytes(url, headers)
        async with asyncio.timeout_at(deadline) as limit:
            stream = await _connect(network, url)
            await stream.write(request)
            while not response.done:
                data, waited = await stream.read(), not response.status
                if data:
                    response.feed(data)
                else:
                    response.end()
                if waited and response.status and body_within is not None:
                    limit.reschedule(asyncio.get_running_loop().time() + body_within)
    except BodyError as error:
        return response, error
    except TimeoutError:
        if response.status:
            return response, BodyError(IN_BODY)
        raise GetError(url, NO_HEADERS) from None
    except StreamError as error:
        if response.status:
            return response, BodyError(str(error))
        raise GetError(url, str(error)) from None
    except (DialError, RequestError, ResponseError, UrlError) as error:
        raise GetError(url, str(error)) from None
    finally:
        if stream is not None:
            stream.close()
    return response, None


async def _connect(network: Network, url: Url) -> Stream:
    plain = await network.dial(url.host, url.port)
    if url.scheme == "http":
        return plain
    tls = Tls(plain, url.host)
    try:
        async with asyncio.timeout(_HANDSHAKE):
            await tls.handshake()
    except BaseException as error:
        plain.close()
        if isinstance(error, TimeoutError):
            raise TLSError("net/http: TLS handshake timeout") from None
        raise
    return tls
