"""Memory that a pod costs beside its containers: PSS of its shim and its pause, with 20 pods."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from bench.measure import pss_bytes
from bench.peers import Peers
from bench.pods import pod
from bench.rows import Row
from nsrunner import AsyncPod

__all__ = ["measure"]

PODS = 20


def _helpers() -> list[int]:
    """All shims and pauses of this machine, by the names that they give themselves."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                name = (entry / "comm").read_text().strip()
            except OSError:
                continue
            if name in ("nsrunner-shim", "pause"):
                found.append(int(entry.name))
    return found


async def _ours(peers: Peers) -> tuple[float, int]:
    before = set(_helpers())
    async with AsyncExitStack() as stack:
        pods = []
        for number in range(PODS):
            manifest = pod(f"memory-{number}", peers.root, ["/bin/sleep", "1000"])
            pods.append(await stack.enter_async_context(AsyncPod.from_dict(manifest)))
        for one in pods:
            await one.wait("Running")
        helpers = set(_helpers()) - before
        return sum(pss_bytes(pid) for pid in helpers) / PODS / 1e6, len(helpers)


def measure(peers: Peers) -> list[Row]:
    value, count = asyncio.run(_ours(peers))
    return [
        Row(
            figure=f"memory per pod (pause + shim, PSS, {PODS} pods)",
            value=value,
            unit="MB",
            target=0.1,
            note=f"{count} processes",
        )
    ]
