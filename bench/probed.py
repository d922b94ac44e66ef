"""Pods with probes, and what they cost: this process, the shims and everything that they fork, but not the servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from bench.measure import parent, process_seconds
from bench.pods import pod
from nsrunner import AsyncPod
from nsrunner.lifecycle.commands import Command
from nsrunner.lifecycle.events import Event, Now, ProbeDone
from nsrunner.lifecycle.pod import PodMachine

__all__ = ["Attempts", "cpu", "probed", "running"]


class Attempts:
    """Of one pod's only probe. Sees each answer go by, and keeps what it costs little to keep."""

    def __init__(self) -> None:
        self.answers = 0
        self.failures = 0
        self.due: list[float] = []
        """When each attempt should begin."""
        self.at: list[float] = []
        """When each answer was there: of the attempt whose turn was one before in ``due``."""

    def saw(self, machine: PodMachine, event: Event, now: Now, commands: Sequence[Command]) -> None:
        if type(event) is not ProbeDone:
            return
        self.answers += 1
        self.failures += event.result != "Success"
        self.at.append(now.mono)
        self.due.append(machine.value.containers[event.container].probes[event.probe].due or now.mono)

    def forget(self) -> None:
        self.answers = self.failures = 0
        self.due.clear()
        self.at.clear()

    @property
    def latest(self) -> float:
        """The most seconds from the time at which an attempt should have begun to its answer."""
        return max((at - due for due, at in zip(self.due, self.at[1:], strict=False)), default=0.0)


def probed(
    name: str, root: Path, command: list[str], probes: dict[str, dict[str, Any]], milliseconds: int
) -> dict[str, Any]:
    """A manifest with one container, whose probes (``livenessProbe`` ...) have all the same period."""
    manifest = pod(name, root, command)
    (container,) = manifest["spec"]["containers"]
    container |= {kind: {"periodSeconds": 1, **probe} for kind, probe in probes.items()}
    if milliseconds != 1000:
        manifest["metadata"]["annotations"] = {
            f"nsrunner.dev/probe-period-ms.a.{kind.removesuffix('Probe')}": str(milliseconds) for kind in probes
        }
    return manifest


@asynccontextmanager
async def running(manifests: list[dict[str, Any]]) -> AsyncIterator[tuple[list[AsyncPod], list[Attempts]]]:
    """The pods, when all run, and their probes."""
    async with AsyncExitStack() as stack:
        pods, watching = [], []
        for manifest in manifests:
            one, attempts = AsyncPod.from_dict(manifest), Attempts()
            await one.start(observer=attempts)
            stack.push_async_callback(one.close, 0)
            pods.append(one)
            watching.append(attempts)
        await asyncio.gather(*(one.wait("Running") for one in pods))
        yield pods, watching


async def cpu(pods: Sequence[AsyncPod], seconds: float) -> float:
    """CPU seconds a second: this process and the shims with what they forked and waited for."""
    shims = [parent(one.pid("a")) for one in pods]
    loop = asyncio.get_running_loop()
    theirs = sum(map(process_seconds, shims))
    began, ours = loop.time(), time.process_time()
    await asyncio.sleep(seconds)
    took, ours = loop.time() - began, time.process_time() - ours
    theirs = sum(map(process_seconds, shims)) - theirs
    return (ours + theirs) / took
