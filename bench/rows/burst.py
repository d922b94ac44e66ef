"""A hundred pods started at once: from the first call to the moment when every program runs."""

from __future__ import annotations

import asyncio

from bench.measure import boottime
from bench.peers import Peers
from bench.pods import install_programs, pod
from bench.rows import Row
from nsrunner import AsyncPod

__all__ = ["measure"]

PODS = 100


async def _ours(peers: Peers) -> float:
    async with AsyncPod.from_dict(pod("keeper", peers.root, ["/bin/stamp"])) as keeper:
        await keeper.wait("Running")
        pods = [AsyncPod.from_dict(pod(f"burst-{number}", peers.root, ["/bin/stamp"])) for number in range(PODS)]
        began = boottime()
        try:
            for one in pods:
                await one.start()
            await asyncio.gather(*(one.wait("Running") for one in pods))
            running = boottime()
            return running - began
        finally:
            await asyncio.gather(*(one.close(grace=0) for one in pods if one.started))


def measure(peers: Peers) -> list[Row]:
    install_programs(peers.root)
    return [
        Row(
            figure=f"{PODS} pods started at once, 2 cores, call to the last one Running",
            value=min(asyncio.run(_ours(peers)) for _ in range(3)),
            unit="s",
            target=0.4,
            note="best of 3",
        )
    ]
