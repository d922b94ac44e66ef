"""One attempt of one probe, whatever its kind (pkg/kubelet/prober/prober.go, kubelet-semantics 14.6)."""

from __future__ import annotations

from typing import Final

from nsrunner.lifecycle.commands import ProbeName
from nsrunner.model.types import AnyContainer, Probe
from nsrunner.supervisor.probes.command import Start, probe_exec
from nsrunner.supervisor.probes.dial import Network
from nsrunner.supervisor.probes.outcome import Outcome, ProbeError

__all__ = ["TRIES", "probe_of", "run_probe"]

TRIES: Final = 3
"""Of a prober that errs."""


def probe_of(container: AnyContainer, name: ProbeName) -> Probe:
    """As the container's spec has it. Raises ProbeError."""
    probes = {
        "Startup": container.startup_probe,
        "Readiness": container.readiness_probe,
        "Liveness": container.liveness_probe,
    }
    probe = probes[name]
    if probe is None:
        raise ProbeError(f"container {container.name} has no {name.lower()} probe")
    return probe


async def run_probe(
    probe: Probe, container: AnyContainer, *, network: Network | None, start: Start, tries: int = TRIES
) -> Outcome:
    """A prober that errs tries again at once. Raises ProbeError when it never gets to know anything."""
    for _ in range(tries - 1):
        try:
            return await _attempt(probe, container, network, start)
        except ProbeError:
            continue
    return await _attempt(probe, container, network, start)


async def _attempt(probe: Probe, container: AnyContainer, network: Network | None, start: Start) -> Outcome:
    """What a kind of probe needs is imported when there is one."""
    timeout = float(probe.timeout_seconds or 1)
    if probe.exec is not None:
        return await probe_exec(start, probe.exec, container, timeout)
    if network is None:
        raise ProbeError("the pod has no sandbox")
    if probe.http_get is not None:
        from nsrunner.supervisor.probes.http import probe_http

        return await probe_http(network, probe.http_get, container, timeout)
    if probe.tcp_socket is not None:
        from nsrunner.supervisor.probes.tcp import probe_tcp

        return await probe_tcp(network, probe.tcp_socket, container, timeout)
    if probe.grpc is not None:
        from nsrunner.supervisor.probes.grpc import probe_grpc

        return await probe_grpc(network, probe.grpc, timeout)
    raise ProbeError(f"missing probe handler for {container.name}")
