"""How long a pod takes from the call to the first instruction of its containers' programs, in a warm process."""

from __future__ import annotations

import asyncio
import statistics

from bench.measure import boottime, quantile
from bench.peers import Peers
from bench.pods import install_programs, pod
from bench.rows import Row
from nsrunner import AsyncPod

__all__ = ["measure"]


async def _stamps(one: AsyncPod, names: list[str]) -> list[float]:
    """When each program said that it began; waits for that, by following its log."""
    found = []
    for name in names:
        async with asyncio.timeout(20):
            await one.wait("Running")
            while not (text := await one.logs(name)).endswith("\n"):
                await asyncio.sleep(0.001)  # between execve and its first line
        found.append(int(text) / 1e9)
    return found


async def _once(peers: Peers, number: int, containers: int) -> float:
    manifest = pod(f"start-{number}", peers.root, *[["/bin/stamp"]] * containers)
    one = AsyncPod.from_dict(manifest)
    began = boottime()
    await one.start()
    try:
        return max(await _stamps(one, list(one.containers))) - began
    finally:
        await one.close(grace=0)


async def _many(peers: Peers, runs: int, containers: int) -> list[float]:
    """All in one process whose engine stays: the first pod keeps it."""
    async with AsyncPod.from_dict(pod("keeper", peers.root, ["/bin/stamp"])) as keeper:
        await keeper.wait("Running")
        for number in range(3):
            await _once(peers, number, containers)
        return [await _once(peers, number, containers) for number in range(runs)]


def measure(peers: Peers) -> list[Row]:
    install_programs(peers.root)
    rows = []
    for containers, target in ((1, 5.0), (3, 9.0)):
        times = asyncio.run(_many(peers, 60, containers))
        anchors = {}
        if containers == 1:
            anchors = {
                "crun run": peers.crun_run(15) * 1e3,
                "runc run": peers.runc_run(15) * 1e3,
                "podman kube play": peers.podman_kube_play(7) * 1e3,
            }
        what = "one container" if containers == 1 else f"{containers} containers"
        rows.append(
            Row(
                figure=f"warm supervisor: sandbox + {what}, call to execve, median",
                value=statistics.median(times) * 1e3,
                unit="ms",
                target=target,
                peers=anchors,
                note=f"60 pods; 95 % within {quantile(times, 0.95) * 1e3:.1f} ms",
            )
        )
    return rows
