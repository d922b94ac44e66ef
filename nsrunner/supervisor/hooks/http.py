"""httpGet hooks (pkg/kubelet/lifecycle/handlers.go, kubelet-semantics 15): any response at all is success."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from nsrunner.model.types import AnyContainer, HTTPGetAction
from nsrunner.supervisor.probes.dial import Network
from nsrunner.supervisor.probes.http import http_request
from nsrunner.supervisor.probes.http_get import BodyError, GetError, http_get
from nsrunner.supervisor.probes.http_request import Headers
from nsrunner.supervisor.probes.url import Url

__all__ = ["hook_http"]

_BODY: Final = 1.0
"""Seconds in which the server may finish what it says: the hook has succeeded already."""
_NOT_TLS: Final = "server gave HTTP response to HTTPS client"


async def hook_http(
    network: Network, action: HTTPGetAction, container: AnyContainer, warn: Callable[[str], None]
) -> None:
    """Without a time limit of its own. ``warn`` hears of a server that was asked by HTTPS and speaks HTTP, with which
    the kubelet puts up. Raises GetError, ProbeError."""
    url, headers = http_request(action, container, network.ip, "lifecycle")
    try:
        await _get(network, url, headers)
    except GetError as error:
        if _NOT_TLS not in error.reason:
            raise
        headers.pop("Authorization", None)
        try:
            await _get(network, replace(url, scheme="http"), headers)
        except GetError:
            raise error from None  # what was asked for counts
        warn(f"request to HTTPS lifecycle hook {url.netloc} got HTTP response, retry over HTTP succeeded")


async def _get(network: Network, url: Url, headers: Headers) -> None:
    try:
        await http_get(network, url, headers, timeout=None, body_within=_BODY)
    except BodyError:
        pass
