"""Where the API listens: its sockets, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from asyncio import sslproto
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from nsrunner.errors import HostError

__all__ = ["listening", "unix_socket"]

log = logging.getLogger(__name__)

_BACKLOG: Final = 512
_HEADERS_MAX: Final = 64 * 1024
_KEEPALIVE_SECONDS: Final = 75.0
"""For which a connection may be idle, or take to send its first request."""
_HANDSHAKE_SECONDS: Final = 15.0
_TLS_BUFFER: Final = 64 * 1024
"""Bytes that asyncio sets aside for each TLS client, even for one that is silent: a quarter of its own choice."""
_CONNECTIONS_MAX: Final = 4096
"""Of TLS clients; the unix socket is root's, and root always gets in."""
_TCP_OPTIONS: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 90_000),
)
"""tcp(7): a peer that is gone without a word, or takes nothing, is found out. Accepted sockets inherit them."""
_CLOSE_SECONDS: Final = 0.5
"""For what is being answered when the server stops: watches and streams go on for ever by themselves."""


def unix_socket(path: str) -> socket.socket:
    """A listening socket for root alone; one that an earlier process left is replaced. Raises HostError."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    fresh = f"{path}.new"
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        server.bind(fresh)
        os.chmod(fresh, 0o600)
        server.listen(_BACKLOG)
        os.rename(fresh, path)  # clients find the old one or the new one
    except OSError as error:
        server.close()
        raise HostError(f"{path}: {error.strerror}") from None
    server.setblocking(False)
    return server


@asynccontextmanager
async def listening(
    app: web.Application, sockets: Sequence[tuple[socket.socket, ssl.SSLContext | None]]
) -> AsyncIterator[None]:
    """Serves on these sockets within the block, and closes them."""
    runner = web.AppRunner(
        app,
        handle_signals=False,
        access_log=None,
        auto_decompress=False,  # a body is as long as it says
        logger=_logger(),
        handler_cancellation=True,  # a watch ends with its client
        keepalive_timeout=_KEEPALIVE_SECONDS,
        max_line_size=_HEADERS_MAX,
        max_field_size=_HEADERS_MAX,
        shutdown_timeout=_CLOSE_SECONDS,
    )
    await runner.setup()
    assert runner.server is not None
    loop, handlers = asyncio.get_running_loop(), runner.server
    servers: list[asyncio.Server] = []
    try:
        for server, tls in sockets:
            if tls is None:
                servers.append(await loop.create_server(handlers, sock=server, backlog=_BACKLOG))
                continue
            sslproto.SSLProtocol.max_size = _TLS_BUFFER
            for option in _TCP_OPTIONS:
                server.setsockopt(*option)
            made = partial(_handler, handlers)
            servers.append(
                await loop.create_server(
                    made, sock=server, ssl=tls, backlog=_BACKLOG, ssl_handshake_timeout=_HANDSHAKE_SECONDS
                )
            )
        yield
    finally:
        for each in servers:
            each.close()
        await runner.cleanup()


def _handler(handlers: web.Server) -> asyncio.Protocol:
    return handlers() if len(handlers.connections) < _CONNECTIONS_MAX else _Refusal()


class _Refusal(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def _logger() -> logging.Logger:
    logger = logging.getLogger("nsrunner.api.http")
    if not any(isinstance(each, _ClientsMistakes) for each in logger.filters):
        logger.addFilter(_ClientsMistakes())
    return logger


class _ClientsMistakes(logging.Filter):
    """What clients do wrong, or that they go, is their affair: it is told at the level debug, without a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError | RequestPayloadError | ConnectionError | TimeoutError):
            return True
        log.debug("%s: %s", record.getMessage(), type(error).__name__)  # its text has bytes of headers in it
        return False
