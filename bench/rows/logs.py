"""Log copying: 500 MB of 100-byte lines from a container into its CRI log, in large writes and a line at a time."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import time

from bench.peers import Peers
from bench.pods import install_programs, pod
from bench.rows import Row
from nsrunner import AsyncPod

__all__ = ["measure"]

SIZE = 500_000_000


def _drained(peers: Peers) -> float:
    """Megabytes a second that the writer itself gets rid of, a line at a time, into a pipe that is read from twice a
    millisecond and no more: no log could take them faster."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 20)
    buffer = bytearray(1 << 20)
    start = time.perf_counter()
    with subprocess.Popen([str(peers.root / "bin/lines"), str(SIZE), "each"], stdout=writing):
        os.close(writing)
        while os.readv(reading, [buffer]) > 0:
            time.sleep(0.0005)
    os.close(reading)
    return SIZE / 1e6 / (time.perf_counter() - start)


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
            note=f"the writer's own limit, into a pipe that is only drained: {_drained(peers):.0f} MB/s",
        ),
    ]
