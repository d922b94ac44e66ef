"""What processes use, read from /proc (proc(5)): CPU time and resident memory of a process with all its descendants."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["NodeUsage", "Usage", "node_usage", "usage_of"]

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Usage(NamedTuple):
    cpu: float
    """Seconds, of those that live and of the children that they waited for."""
    memory: int
    """Bytes that are resident; what several share counts for each."""

    def __add__(self, other: object) -> Usage:
        assert isinstance(other, Usage)
        return Usage(self.cpu + other.cpu, self.memory + other.memory)


class NodeUsage(NamedTuple):
    cpu: float
    """Seconds that were not idle, of all CPUs."""
    cpus: int
    memory: int
    memory_total: int


class _Process(NamedTuple):
    parent: int
    usage: Usage


def usage_of(roots: Iterable[int]) -> dict[int, Usage]:
    """By the pid of each root, with its descendants. Processes that end meanwhile are left out."""
    processes = {pid: process for pid in _pids() if (process := _process(pid)) is not None}
    children: dict[int, list[int]] = {}
    for pid, process in processes.items():
        children.setdefault(process.parent, []).append(pid)
    found = {}
    for root in roots:
        total, waiting, seen = Usage(0.0, 0), [root], set()
        while waiting:
            pid = waiting.pop()
            if pid in processes and pid not in seen:
                seen.add(pid)
                total = total + processes[pid].usage
                waiting += children.get(pid, ())
        found[root] = total
    return found


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _process(pid: int) -> _Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    cpu = sum(int(fields[at]) for at in (11, 12, 13, 14)) / _TICKS
    return _Process(int(fields[1]), Usage(cpu, int(fields[21]) * _PAGE))


def node_usage() -> NodeUsage:
    """Of the whole host."""
    with open("/proc/stat", encoding="ascii") as file:
        lines = file.read().splitlines()
    times = [int(part) for part in lines[0].split()[1:9]]
    busy = sum(times) - times[3] - times[4]  # idle, and idle until a disk answers
    memory = {}
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            name, _, rest = line.partition(":")
            memory[name] = int(rest.split()[0]) * 1024
    cpus = sum(1 for line in lines if line.startswith("cpu") and line[3:4].isdigit())
    total = memory["MemTotal"]
    return NodeUsage(busy / _TICKS, cpus, total - memory["MemAvailable"], total)
