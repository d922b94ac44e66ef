"""Where the API listens: its sockets, until it is told to stop."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from nsrunner.errors import HostError

__all__ = ["listening", "unix_socket"]

_BACKLOG: Final = 512
_HEADERS_MAX: Final = 64 * 1024
_KEEPALIVE_SECONDS: Final = 75.0
_CLOSE_SECONDS: Final = 2.0
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
        keepalive_timeout=_KEEPALIVE_SECONDS,
        max_line_size=_HEADERS_MAX,
        max_field_size=_HEADERS_MAX,
        shutdown_timeout=_CLOSE_SECONDS,
    )
    await runner.setup()
    try:
        for server, tls in sockets:
            await web.SockSite(runner, server, ssl_context=tls, backlog=_BACKLOG).start()
        yield
    finally:
        await runner.cleanup()
