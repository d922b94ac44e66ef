"""How soon a container that has crashed is started again: at once the first time, then after 10, 20 and 40 s."""

from __future__ import annotations

import asyncio
import statistics
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bench.measure import quantile
from bench.peers import Peers
from bench.pods import install_programs, pod
from bench.rows import Row
from nsrunner import AsyncPod

__all__ = ["measure"]

PODS = 30
DELAYS = (0.0, 10.0, 20.0, 40.0)


def _manifest(peers: Peers, number: int) -> dict[str, Any]:
    manifest = pod(f"restarts-{number}", peers.root, ["/bin/crash", f"/stamps/{number}", str(len(DELAYS))])
    spec = manifest["spec"]
    spec["restartPolicy"] = "Always"
    spec["volumes"] = [{"name": "stamps", "hostPath": {"path": str(_stamps(peers))}}]
    spec["containers"][0]["volumeMounts"] = [{"name": "stamps", "mountPath": "/stamps"}]
    return manifest


def _stamps(peers: Peers) -> Path:
    return peers.directory / "stamps"


async def _restarted(one: AsyncPod, times: int) -> None:
    while one.status.container_statuses[0].restart_count < times:
        await asyncio.sleep(0.05)


async def _ours(peers: Peers) -> list[list[float]]:
    """Of each restart: how long after the end of the run before the next one began, in all pods."""
    _stamps(peers).mkdir()
    async with AsyncExitStack() as stack:
        pods = []
        for number in range(PODS):
            one = await stack.enter_async_context(AsyncPod.from_dict(_manifest(peers, number), grace_period=0))
            await _restarted(one, 1)  # one after the other, so that none waits for another
            pods.append(one)
        async with asyncio.timeout(2 * sum(DELAYS)):
            await asyncio.gather(*(_restarted(one, len(DELAYS)) for one in pods))
        await asyncio.sleep(0.1)  # that the last runs write down when they began
    waits: list[list[float]] = [[] for _ in DELAYS]
    for number in range(PODS):
        times = [int(line) / 1e9 for line in (_stamps(peers) / str(number)).read_text().split()]
        for restart, wait in enumerate(waits):
            wait.append(times[2 * restart + 2] - times[2 * restart + 1])
    return waits


def measure(peers: Peers) -> list[Row]:
    install_programs(peers.root)
    first, *others = asyncio.run(_ours(peers))
    off = {
        delay: max((wait - delay for wait in waits), key=abs) for delay, waits in zip(DELAYS[1:], others, strict=True)
    }
    each = ", ".join(f"{delay + seconds:.3f} s" for delay, seconds in off.items())
    return [
        Row(
            figure="first restart after a crash, exit to the first instruction, median",
            value=statistics.median(first) * 1e3,
            unit="ms",
            target=5.0,
            note=f"{PODS} pods; 95 % within {quantile(first, 0.95) * 1e3:.1f} ms",
        ),
        Row(
            figure="second, third and fourth restart: the most that one was off its 10, 20 and 40 s",
            value=max(map(abs, off.values())) * 1e3,
            unit="ms",
            target=50,
            note=f"{PODS} pods; at worst {each}",
        ),
    ]
