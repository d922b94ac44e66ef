"""How much CPU time and memory the containers and the node have used: from cgroup2 files and /proc, when asked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping

from nsrunner.api.ports import PodRef, Stats, Usage
from nsrunner.daemon.pods import Pods
from nsrunner.supervisor.pod import PodTask

__all__ = ["read_stats"]

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


async def read_stats(pods: Pods) -> Stats:
    """Of the containers that run. One whose cgroup cannot be read, or that has none, is left out."""
    wanted = {_reference(task): _cgroups(task) for task in pods.tasks.values() if task.registered.cgroup}
    return await asyncio.to_thread(_read, wanted)


def _reference(task: PodTask) -> PodRef:
    pod = task.registered
    return PodRef(pod.namespace, pod.name, pod.uid)


def _cgroups(task: PodTask) -> dict[str, str]:
    """By container; the shim names them ``<container>.<attempt>``."""
    pod = task.registered
    return {name: f"{pod.cgroup}/{name}.{attempt}" for (name, attempt), running in task.instances.items() if running}


def _read(wanted: Mapping[PodRef, Mapping[str, str]]) -> Stats:
    pods = {}
    for reference, directories in wanted.items():
        containers = {}
        for name, directory in directories.items():
            try:
                containers[name] = container_usage(directory)
            except (OSError, ValueError):
                continue  # it has ended meanwhile
        if containers:
            pods[reference] = containers
    return Stats(node=node_usage(), pods=pods)


def container_usage(directory: str) -> Usage:
    """Of a cgroup with all below it. ``cpu.stat`` is there without the controller (cgroup-v2.rst); where the one of
    memory is not enabled, the resident pages of the processes are counted. Raises OSError, ValueError."""
    microseconds = _table(f"{directory}/cpu.stat")["usage_usec"]
    try:
        with open(f"{directory}/memory.current", encoding="ascii") as file:
            memory = int(file.read())
        # What the kernel can take back at once is not in the working set (cadvisor's definition).
        memory = max(0, memory - _table(f"{directory}/memory.stat").get("inactive_file", 0))
    except FileNotFoundError:
        memory = sum(_resident(pid) for pid in _pids(directory))
    return Usage(cpu_seconds=microseconds / 1e6, memory_bytes=memory)


def node_usage() -> Usage:
    """Of all that runs on the machine (proc_stat(5), proc_meminfo(5))."""
    with open("/proc/stat", encoding="ascii") as file:
        # user nice system idle iowait irq softirq steal; guest time is in user's.
        times = [int(text) for text in file.readline().split()[1:9]]
    busy = sum(times) - times[3] - times[4]
    with open("/proc/meminfo", encoding="ascii") as file:
        found = dict(line.split(":", 1) for line in file)
    used = (int(found[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    total, available = used
    return Usage(cpu_seconds=busy / _TICKS, memory_bytes=(total - available) * 1024)


def _table(path: str) -> dict[str, int]:
    with open(path, encoding="ascii") as file:
        return {name: int(value) for name, value in (line.split() for line in file)}


def _pids(directory: str) -> Iterator[int]:
    for path, _, _ in os.walk(directory):
        with open(f"{path}/cgroup.procs", encoding="ascii") as file:
            yield from (int(line) for line in file)


def _resident(pid: int) -> int:
    """Bytes (proc_pid_statm(5)); 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * _PAGE
    except (FileNotFoundError, ProcessLookupError):
        return 0
