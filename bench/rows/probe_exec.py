"""What one exec probe costs."""

from __future__ import annotations

import asyncio

from bench.peers import Peers
from bench.probed import cpu, probed, running
from bench.rows import Row

__all__ = ["measure"]

PODS = 5
SECONDS = 10
PERIOD_MS = 50


async def _ours(peers: Peers) -> tuple[float, int]:
    """CPU seconds of one, and how many there were."""
    probe = {"livenessProbe": {"exec": {"command": ["/bin/true"]}}}
    manifests = [
        probed(f"probe-exec-{number}", peers.root, ["/bin/sleep", "1000"], probe, PERIOD_MS) for number in range(PODS)
    ]
    async with running(manifests) as (pods, watching):
        await asyncio.sleep(1)
        for attempts in watching:
            attempts.forget()
        used = await cpu(pods, SECONDS)
        assert not sum(attempts.failures for attempts in watching)
        count = sum(attempts.answers for attempts in watching)
        return used * SECONDS / count, count


def measure(peers: Peers) -> list[Row]:
    used, count = asyncio.run(_ours(peers))
    return [
        Row(
            figure="an exec probe of /bin/true, CPU of everything: this process, the shim and what it forks",
            value=used * 1e3,
            unit="ms",
            target=1.6,
            note=f"mean of {count}",
        )
    ]
