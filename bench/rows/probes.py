"""What the probes of twenty pods cost, each probed by http and by exec every second."""

from __future__ import annotations

import asyncio

from bench.peers import Peers
from bench.pods import install_programs
from bench.probed import cpu, probed, running
from bench.rows import Row

__all__ = ["measure"]

PODS = 20
SECONDS = 30
PROBES = {
    "livenessProbe": {"httpGet": {"port": 80}},
    "readinessProbe": {"exec": {"command": ["/bin/true"]}},
}


async def _ours(peers: Peers) -> tuple[float, float]:
    """CPU seconds a minute, and probes a second."""
    manifests = [probed(f"probes-{number}", peers.root, ["/bin/health", "80"], PROBES, 1000) for number in range(PODS)]
    async with running(manifests) as (pods, watching):
        await asyncio.gather(*(one.wait("Ready") for one in pods))
        for attempts in watching:
            attempts.forget()
        used = await cpu(pods, SECONDS)
        assert not sum(attempts.failures for attempts in watching)
        return used * 60, sum(attempts.answers for attempts in watching) / SECONDS


def measure(peers: Peers) -> list[Row]:
    install_programs(peers.root)
    used, rate = asyncio.run(_ours(peers))
    return [
        Row(
            figure=f"{PODS} pods with an http and an exec probe a second, CPU of everything but the servers, a minute",
            value=used,
            unit="s",
            target=3.0,
            note=f"this process, shims, all that they fork; measured for {SECONDS} s, {rate:.0f} probes a second",
        )
    ]
