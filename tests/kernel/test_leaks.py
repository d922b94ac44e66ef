"""500 pods made and removed in one process leave nothing in it and nothing on the machine."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path

import pytest

import leaks
from nsrunner import AsyncPod
from real_pods import container, pod

PODS = 500
WARM_UP = 250
"""Until the allocator has what it keeps: in one engine, from 250 to 2,000 pods a process grows by half a percent."""
AT_ONCE = 10
GROWTH = 1.05
"""Of the process's memory: what pods leave in it would add up."""

VARIETY = [
    pod(container("main", "true")),
    pod(container("main", "false"), name="failing"),
    pod(container("main", "no-such-program"), name="broken"),
    pod(
        container("a", "true", volumeMounts=[{"name": "v", "mountPath": "/v"}, {"name": "m", "mountPath": "/m"}]),
        container("b", "sleep", "1000"),
        name="with-volumes",
        volumes=[{"name": "v", "emptyDir": {}}, {"name": "m", "emptyDir": {"medium": "Memory"}}],
    ),
    pod(container("a", "sleep", "1000"), container("b", "true"), name="shared", shareProcessNamespace=True),
]
"""Pods that end well, badly, not at all by themselves, and before they began."""
ENDS_BY_ITSELF = 3


async def one(number: int) -> None:
    kind = number % len(VARIETY)
    async with AsyncPod.from_dict(VARIETY[kind]) as running:
        if kind >= ENDS_BY_ITSELF:
            await running.wait("PodReadyToStartContainers", timeout=60)
            if number % 2:
                await running.wait("Initialized", timeout=60)
        else:
            finished = asyncio.Event()
            unsubscribe = running.subscribe(lambda: running.finished and finished.set())
            if not running.finished:
                await asyncio.wait_for(finished.wait(), 60)
            unsubscribe()


async def many(count: int) -> None:
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())


def namespaces() -> set[str]:
    """Those that our descendants are in."""
    found = set()
    for pid in (os.getpid(), *leaks.processes()):
        for name in ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts"):
            try:
                found.add(os.readlink(f"/proc/{pid}/ns/{name}"))
            except OSError:
                continue  # it ended meanwhile
    return found


def memory() -> int:
    """Resident kB of this process."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


@pytest.mark.timeout(280)
def test_five_hundred_pods_leave_nothing() -> None:
    root = Path(os.environ["NSRUNNER_ROOT"])
    asyncio.run(many(WARM_UP))
    before, spaces, resident = leaks.snapshot(root), namespaces(), memory()
    threads = {thread.name for thread in threading.enumerate()}
    asyncio.run(many(PODS))
    assert leaks.left_since(before, root) == []
    assert namespaces() - spaces == set()
    assert {thread.name for thread in threading.enumerate()} - threads == set()
    grown = memory()
    assert grown < resident * GROWTH, f"{resident} kB before, {grown} kB after {PODS} pods"
