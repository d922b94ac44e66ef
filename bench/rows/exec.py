"""An exec of /bin/true in a running container, as a library call."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import time
from pathlib import Path

from bench.measure import command_seconds
from bench.peers import Peers
from bench.pods import pod
from bench.rows import Row
from nsrunner import AsyncPod

__all__ = ["measure"]

RUNS = 300
_TICK = os.sysconf("SC_CLK_TCK")


def _cpu(pid: int) -> float:
    """User and system seconds of a process and of its waited-for children (proc(5), fields 14-17)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(value) for value in fields[11:15]) / _TICK


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


async def _ours(peers: Peers) -> tuple[float, float, float]:
    async with AsyncPod.from_dict(pod("exec", peers.root, ["/bin/sleep", "1000"])) as one:
        await one.wait("Running")
        shim = _parent(one.pid("a"))
        for _ in range(20):
            await one.exec("a", ["/bin/true"])
        cpu = time.process_time() + _cpu(shim)
        times = []
        for _ in range(RUNS):
            start = time.perf_counter()
            result = await one.exec("a", ["/bin/true"])
            times.append(time.perf_counter() - start)
            assert result.exit_code == 0, result
        cpu = time.process_time() + _cpu(shim) - cpu
        nsenter = ["nsenter", "--target", str(one.pid("a")), "--all", "/bin/true"]
        return statistics.median(times), cpu / RUNS, command_seconds(nsenter, runs=50)


def measure(peers: Peers) -> list[Row]:
    wall, cpu, nsenter = asyncio.run(_ours(peers))
    subprocess.run(["true"], check=True)
    anchors = {"runc exec": peers.runc_exec(15) * 1e3, "nsenter": nsenter * 1e3}
    return [
        Row(
            figure="exec in a running container, library call, wall, median",
            value=wall * 1e3,
            unit="ms",
            target=2.0,
            peers=anchors,
        ),
        Row(
            figure="the same, CPU of everything: caller, shim and what it forks",
            value=cpu * 1e3,
            unit="ms",
            target=1.5,
            note=f"mean of {RUNS}",
        ),
    ]
