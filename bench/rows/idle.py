"""What pods cost that are left alone."""

from __future__ import annotations

import asyncio

from bench.peers import Peers
from bench.pods import pod
from bench.probed import cpu, running
from bench.rows import Row

__all__ = ["measure"]

PODS = 200
SECONDS = 30


async def _ours(peers: Peers) -> float:
    """CPU seconds a minute."""
    manifests = [pod(f"idle-{number}", peers.root, ["/bin/sleep", "1000"]) for number in range(PODS)]
    async with running(manifests) as (pods, _):
        await asyncio.sleep(2)
        return await cpu(pods, SECONDS) * 60


def measure(peers: Peers) -> list[Row]:
    return [
        Row(
            figure=f"{PODS} idle pods, CPU of this process and the shims, a minute",
            value=asyncio.run(_ours(peers)),
            unit="s",
            target=0.05,
            note=f"measured for {SECONDS} s",
        )
    ]
