"""Http probes: how many a core can make, and how punctual they are at a thousand a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from bench.peers import Peers
from bench.pods import install_programs
from bench.probed import Attempts, probed, running
from bench.rows import Row

__all__ = ["measure"]

PROBE = {"livenessProbe": {"httpGet": {"port": 80}}}
SECONDS = 10


async def _ours(peers: Peers, pods: int, period_ms: int) -> tuple[float, float, float]:
    """Probes a second, CPU seconds of this process for each, and the most seconds that one was late."""
    command = ["/bin/health", "80"]
    manifests = [probed(f"probe-http-{number}", peers.root, command, PROBE, period_ms) for number in range(pods)]
    async with running(manifests) as (_, watching):
        await asyncio.sleep(1)
        return await _measured(watching)


async def _measured(watching: Sequence[Attempts]) -> tuple[float, float, float]:
    loop = asyncio.get_running_loop()
    for attempts in watching:
        attempts.forget()
    used, began = time.process_time(), loop.time()
    await asyncio.sleep(SECONDS)
    used, took = time.process_time() - used, loop.time() - began
    assert not sum(attempts.failures for attempts in watching)
    count = sum(attempts.answers for attempts in watching)
    return count / took, used / count, max(attempts.latest for attempts in watching)


def measure(peers: Peers) -> list[Row]:
    install_programs(peers.root)
    rate, each, _ = asyncio.run(_ours(peers, 100, 10))
    steady, steadily, late = asyncio.run(_ours(peers, 200, 200))
    return [
        Row(
            figure="http probes that a core can make in a second",
            value=1 / each,
            unit="",
            target=8000,
            lower_is_better=False,
            note=f"by the CPU time of each, at {rate:.0f} a second",
        ),
        Row(
            figure="200 pods with 5 http probes a second each: the most that one was late with its answer",
            value=late * 1e3,
            unit="ms",
            target=50,
            note=f"{steady:.0f} probes a second for {SECONDS} s",
        ),
        Row(figure="the same, CPU of this process", value=steadily * steady, unit="cores", target=0.15),
    ]
