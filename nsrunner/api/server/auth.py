"""Who asks: root on the unix socket; over TLS whoever shows a certificate of ours or the token."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from aiohttp import web

from nsrunner.api import errors
from nsrunner.api.server.app import Authenticate
from nsrunner.api.server.peers import Peers

__all__ = ["authenticator"]


def authenticator(token: str, accounts: Callable[[str], str] = lambda token: "") -> Authenticate:
    """``token``: the administrator's; empty: there is none. ``accounts``: whose another token is; empty: nobody's. The
    result raises ApiError (401) for everybody else."""
    peers = Peers()

    def authenticate(request: web.Request) -> str:
        user = peers.user(request) or _certified(request) or _bearer(request, token, accounts)
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


def _bearer(request: web.Request, token: str, accounts: Callable[[str], str]) -> str:
    if request.transport is None or request.transport.get_extra_info("sslcontext") is None:
        return ""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    given = given.strip()
    if scheme.lower() != "bearer" or not given:
        return ""
    if token and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode()):
        return "admin"
    return accounts(given)
