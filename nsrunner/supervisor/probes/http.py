"""httpGet probes (pkg/probe/http, kubelet-semantics 14.7)."""

from __future__ import annotations

from typing import Final, Literal

from nsrunner.model.types import AnyContainer, HTTPGetAction
from nsrunner.supervisor.probes.dial import Network
from nsrunner.supervisor.probes.http_get import BodyError, GetError, http_get
from nsrunner.supervisor.probes.http_request import Headers, headers_of
from nsrunner.supervisor.probes.http_response import Response
from nsrunner.supervisor.probes.outcome import Outcome, ProbeError, failure, success
from nsrunner.supervisor.probes.target import container_port
from nsrunner.supervisor.probes.url import Url, probe_url

__all__ = ["http_request", "outcome_of", "outcome_of_status", "probe_http"]

_WELL: Final = success()


def http_request(
    action: HTTPGetAction, container: AnyContainer, ip: str, purpose: Literal["probe", "lifecycle"]
) -> tuple[Url, Headers]:
    """What to ask whom for. Raises ProbeError."""
    port = container_port(action.port, container)
    url = probe_url((action.scheme or "HTTP").lower(), action.host or ip, port, action.path)
    return url, headers_of(action.http_headers, purpose)


async def probe_http(network: Network, action: HTTPGetAction, container: AnyContainer, timeout: float) -> Outcome:
    """200 to 399 is success; what cannot be had is a failure. Raises ProbeError."""
    url, headers = http_request(action, container, network.ip, "probe")
    try:
        response = await http_get(network, url, headers, timeout=timeout)
    except GetError as error:
        return failure(str(error))
    except BodyError as error:
        raise ProbeError(str(error)) from None
    return outcome_of(response)


def outcome_of(response: Response) -> Outcome:
    """Of the last response."""
    if 300 <= response.status < 400:
        return success(f"Probe terminated redirects, Response body: {response.body.decode(errors='replace')}")
    return outcome_of_status(response.status)


def outcome_of_status(status: int) -> Outcome:
    """Of any but 300 to 399."""
    return _WELL if 200 <= status < 300 else failure(f"HTTP probe failed with statuscode: {status}")
