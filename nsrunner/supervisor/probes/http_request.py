"""The request of an httpGet probe or hook: pure (pkg/probe/http/request.go, and how Go's net/http writes it)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

from nsrunner.model.types import HTTPHeader
from nsrunner.supervisor.probes.url import Url
from nsrunner.supervisor.probes.words import go_quote

__all__ = ["VERSION", "Headers", "RequestError", "headers_of", "request_bytes", "user_agent"]

VERSION: Final = "1.36"
"""Of the Kubernetes release whose behaviour this is."""

_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_FROM_HEADERS: Final = frozenset({"Host", "User-Agent", "Content-Length", "Transfer-Encoding", "Trailer"})
"""What net/http writes itself, or never for a GET."""

Headers = dict[str, tuple[str, ...]]
"""By canonical name, the values in their order."""


class RequestError(ValueError):
    """Go's words for a request that cannot be sent."""


def user_agent(purpose: Literal["probe", "lifecycle"]) -> str:
    return f"kube-{purpose}/{VERSION}"


def headers_of(given: Iterable[HTTPHeader], purpose: Literal["probe", "lifecycle"]) -> Headers:
    """Those of the manifest and the defaults. Repeated names accumulate; an empty User-Agent or Accept sends none."""
    headers: Headers = {}
    for header in given:
        name = _canonical(header.name)
        headers[name] = (*headers.get(name, ()), header.value)
    headers.setdefault("User-Agent", (user_agent(purpose),))
    if headers.setdefault("Accept", ("*/*",))[0] == "":
        del headers["Accept"]
    return headers


def request_bytes(url: Url, headers: Headers) -> bytes:
    """One GET on a connection of its own. Raises RequestError."""
    for name, values in headers.items():
        for value in values:
            if _CONTROL.search(value):
                raise RequestError(f"net/http: invalid header field value for {go_quote(name)}")
    host = headers.get("Host", ("",))[0] or url.netloc
    lines = [f"GET {url.request_uri} HTTP/1.1", f"Host: {host}"]
    if agent := headers.get("User-Agent", ("",))[0]:
        lines.append(f"User-Agent: {agent.strip()}")
    for name in sorted(headers.keys() - _NOT_FROM_HEADERS):
        lines += (f"{name}: {value.strip()}" for value in headers[name])
    lines += ("Connection: close", "", "")
    return "\r\n".join(lines).encode(errors="surrogateescape")


def _canonical(name: str) -> str:
    """``textproto.CanonicalMIMEHeaderKey``."""
    return "-".join(part.capitalize() for part in name.split("-")) if _TOKEN.issuperset(name) else name
