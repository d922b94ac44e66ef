"""Who is at the other end of the unix socket."""

from __future__ import annotations

import asyncio
import socket
from weakref import WeakKeyDictionary

from aiohttp import web

from nsrunner.api import errors
from nsrunner.sandbox.native import peer_pid

__all__ = ["Peers"]


class Peers:
    """uid 0 alone says little: root in a container is uid 0 too, and a volume could bring it to the socket. So a peer
    has to live in our own user and pid namespaces. That is looked at once a connection, when it asks first."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[asyncio.BaseTransport, str] = WeakKeyDictionary()

    def user(self, request: web.Request) -> str:
        """The name of root, who alone is let in; empty for a connection of another kind. Raises ApiError."""
        transport = request.transport
        if transport is None:
            return ""
        user = self._known.get(transport)
        if user is None:
            user = self._known[transport] = _user(transport)
        return user


def _user(transport: asyncio.BaseTransport) -> str:
    connection = transport.get_extra_info("socket")
    if connection is None or connection.family != socket.AF_UNIX:
        return ""
    try:
        peer_pid(connection.fileno())
    except PermissionError:
        raise errors.unauthorized("the socket is for root alone, and not for containers") from None
    except OSError as error:
        raise errors.service_unavailable(f"it cannot be seen who asks: {error.strerror}") from None
    return "root"
