"""Who asks: root on the unix socket; over TLS whoever shows a certificate of ours or the token."""

from __future__ import annotations

import hmac
from typing import Any

from aiohttp import web

from nsrunner.api import errors
from nsrunner.api.server.app import Authenticate
from nsrunner.api.server.peers import peer_user

__all__ = ["authenticator"]


def authenticator(token: str) -> Authenticate:
    """``token``: the administrator's; empty: there is none. The result raises ApiError (401) for everybody else."""

    def authenticate(request: web.Request) -> str:
        user = peer_user(request) or _certified(request) or _bearer(request, token)
        if not user:
            raise errors.unauthorized()
        return user

    return authenticate


def _certified(request: web.Request) -> str:
    """The common name of the client's certificate, which the TLS layer has verified."""
    certificate: dict[str, Any] | None = None
    if request.transport is not None:
        certificate = request.transport.get_extra_info("peercert")
    for part in (certificate or {}).get("subject") or ():
        for name, value in part:
            if name == "commonName":
                return str(value)
    return ""


def _bearer(request: web.Request, token: str) -> str:
    if not token or request.transport is None or request.transport.get_extra_info("sslcontext") is None:
        return ""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        return ""
    return "admin"
