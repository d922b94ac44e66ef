"""How soon a container that has become able to serve is Ready, by an http probe a second."""

from __future__ import annotations

import asyncio
import statistics

from bench.measure import boottime
from bench.peers import Peers
from bench.pods import install_programs
from bench.probed import probed
from bench.rows import Row
from nsrunner import AsyncPod

__all__ = ["measure"]

PODS = 100
LONGEST_MS = 3000
"""Servers take from nothing to so long to come up, all times alike."""


async def _once(peers: Peers, number: int) -> tuple[float, float]:
    """Seconds from the time at which a probe would succeed to Ready=True, and from the answer to the one that did."""
    probe = {"readinessProbe": {"httpGet": {"port": 80}}}
    command = ["/bin/health", "80", str(LONGEST_MS * number // PODS)]
    async with AsyncPod.from_dict(
        probed(f"readiness-{number}", peers.root, command, probe, 1000), grace_period=0
    ) as one:
        await one.wait("Ready", timeout=20)
        ready = boottime()
        told: list[float] = []
        async with asyncio.timeout(20):
            async for line in one.follow("a"):
                told.append(int(line) / 1e9)
                if len(told) == 2:
                    break
        return ready - told[0], ready - told[1]


async def _ours(peers: Peers) -> list[tuple[float, float]]:
    tasks = []
    async with asyncio.TaskGroup() as group:
        for number in range(PODS):
            tasks.append(group.create_task(_once(peers, number)))
            await asyncio.sleep(0.05)  # that none waits for the start of another
    return [task.result() for task in tasks]


def measure(peers: Peers) -> list[Row]:
    install_programs(peers.root)
    waits = asyncio.run(_ours(peers))
    return [
        Row(
            figure="from when a probe would succeed to Ready=True, period 1 s, mean",
            value=statistics.mean(wait for wait, _ in waits),
            unit="s",
            target=0.5,
            note=f"{PODS} pods; at most {max(wait for wait, _ in waits):.2f} s",
        ),
        Row(
            figure="from the server's answer to Ready=True, at most",
            value=max(after for _, after in waits) * 1e3,
            unit="ms",
            target=20,
            note=f"median {statistics.median(after for _, after in waits) * 1e3:.1f} ms",
        ),
    ]
