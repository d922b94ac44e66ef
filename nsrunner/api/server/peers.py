"""Who is at the other end of the unix socket."""

from __future__ import annotations

import socket
import struct
from typing import Final

from aiohttp import web

from nsrunner.api import errors

__all__ = ["peer_user"]

_UCRED: Final = struct.Struct("3i")


def peer_user(request: web.Request) -> str:
    """The name of root, who is the only one to be let in; empty for a connection of another kind. Raises ApiError."""
    connection = request.transport.get_extra_info("socket") if request.transport is not None else None
    if connection is None or connection.family != socket.AF_UNIX:
        return ""
    _pid, uid, _gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    if uid != 0:
        raise errors.unauthorized("the socket is for root alone")
    return "root"
