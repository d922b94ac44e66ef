"""Log copying: 500 MB of 100-byte lines from a container into its CRI log, in large writes and a line at a time."""

from __future__ import annotations

import asyncio

from bench.peers import Peers
from bench.pods import install_programs, pod
from bench.rows import Row
from nsrunner import AsyncPod

__all__ = ["measure"]

SIZE = 500_000_000


async def _rate(peers: Peers, *words: str) -> float:
    """Megabytes of container output a second, from the pod's start to the container's recorded end."""
    one = AsyncPod.from_dict(pod("logs", peers.root, ["/bin/lines", str(SIZE), *words]), log_max_files=2)
    loop = asyncio.get_running_loop()
    start = loop.time()
    await one.start()
    try:
        await one.wait("Succeeded", timeout=120)
        return SIZE / 1e6 / (loop.time() - start)
    finally:
        await one.close(grace=0)


def measure(peers: Peers) -> list[Row]:
    install_programs(peers.root)
    each = peers.conmon_copy(SIZE, each=True)
    return [
        Row(
            figure="log copying, 500 MB of 100-byte lines",
            value=asyncio.run(_rate(peers)),
            unit="MB/s",
            target=600.0,
            lower_is_better=False,
            peers={"conmon": peers.conmon_copy(SIZE)},
        ),
        Row(
            figure="the same, written a line at a time",
            value=asyncio.run(_rate(peers, "each")),
            unit="MB/s",
            target=300.0,
            lower_is_better=False,
            peers={"conmon": each},
        ),
    ]
