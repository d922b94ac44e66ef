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


async def _stamp(one: AsyncPod, name: str) -> float:
    """When the program said that it began: the first line of its log."""
    async for line in one.follow(name):
        return int(line) / 1e9
    raise RuntimeError(f"{one.name}/{name} said nothing")


async def _stamps(one: AsyncPod, names: tuple[str, ...]) -> list[float]:
    await one.wait("Running", timeout=20)
    return [await asyncio.wait_for(_stamp(one, name), timeout=20) for name in names]


async def _once(peers: Peers, number: int, containers: int) -> float:
    manifest = pod(f"start-{number}", peers.root, *[["/bin/stamp"]] * containers)
    one = AsyncPod.from_dict(manifest)
    began = boottime()
    await one.start()
    try:
        return max(await _stamps(one, one.containers)) - began
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
