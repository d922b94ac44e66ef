"""Timing and memory of processes, as the kernel accounts for them."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = [
    "boottime",
    "command_seconds",
    "cpu_seconds",
    "median_seconds",
    "memory_of",
    "parent",
    "process_seconds",
    "pss_bytes",
    "quantile",
]


def boottime() -> float:
    """Seconds of CLOCK_BOOTTIME, the clock of the shim's stamps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which ``part`` (0-1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def median_seconds(action: Callable[[], object], *, runs: int, warmup: int = 2) -> float:
    """Median wall time of one call."""
    for _ in range(warmup):
        action()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def command_seconds(
    argv: Sequence[str], *, runs: int, warmup: int = 2, env: dict[str, str] | None = None, check: bool = True
) -> float:
    """Median wall time of a whole command, output thrown away."""

    def once() -> None:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env, timeout=120
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{argv[0]} exited {done.returncode}: {done.stderr.decode(errors='replace')[-400:]}")

    return median_seconds(once, runs=runs, warmup=warmup)


def cpu_seconds() -> float:
    """CPU time of this process and of its children that were waited for."""
    usage = os.times()
    return usage.user + usage.system + usage.children_user + usage.children_system


def parent(pid: int) -> int:
    """Of a container's first process: its pod's shim."""
    return int(_stat(pid)[1])


def process_seconds(pid: int) -> float:
    """CPU time of another process of one thread (to the nanosecond, /proc/PID/schedstat), and of its children that were
    waited for (to the tick, proc(5))."""
    own = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return own + sum(int(field) for field in _stat(pid)[13:15]) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields of proc(5) after the name; the first one is the state."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def memory_of(pid: int) -> tuple[int, int]:
    """Bytes of private memory plus a fair share of what is shared (PSS), and of private memory alone (USS):
    smaps_rollup, proc(5)."""
    sizes = {"Pss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name = line.partition(":")[0]
        if name in sizes:
            sizes[name] = int(line.split()[1]) * 1024
    return sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"]


def pss_bytes(pid: int) -> int:
    """See :func:`memory_of`."""
    return memory_of(pid)[0]
