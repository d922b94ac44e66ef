"""A supervisor on a fake runtime in virtual time: what the tests of this layer are played on."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from nsrunner.library.documents import Documents, load_objects
from nsrunner.lifecycle.pod import Settings
from nsrunner.model.types import ContainerStatus, Pod, PodStatus
from nsrunner.sandbox.host import gather
from nsrunner.sandbox.spec import Owner
from nsrunner.sandbox.state import Roots
from nsrunner.supervisor.events import KubeEvent
from nsrunner.supervisor.plan import Node
from nsrunner.supervisor.pod import PodTask
from nsrunner.supervisor.ports import Journal
from nsrunner.supervisor.supervisor import Environment, Supervisor
from nsrunner.testing import clock
from nsrunner.testing.fake_sandbox import FakeSandbox, FakeShims

FACTS = replace(gather(), hostname="node", ips=("203.0.113.7",), kernel=(6, 1), cgroup="", submounts=(), rlimits=())
"""This machine's, but for what would show."""

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 5
  containers: [{name: web, image: host, command: [serve]}]
"""


class MemoryJournal:
    """Keeps what is saved, in order; ``full``: nothing can be written."""

    def __init__(self) -> None:
        self.values: list[tuple[str, Mapping[str, Any]]] = []
        self.objects: dict[str, Pod] = {}
        self.full = False
        self.problem = ""

    def save(self, run_dir: str, value: Mapping[str, Any]) -> bool:
        if not self.full:
            self.values.append((run_dir, msgspec.json.decode(msgspec.json.encode(value))))
        return not self.full

    def save_object(self, run_dir: str, pod: Pod) -> bool:
        if not self.full:
            self.objects[run_dir] = pod
        return not self.full

    def forget(self, run_dir: str) -> None:
        pass

    def last(self, run_dir: str) -> Mapping[str, Any] | None:
        return next((value for directory, value in reversed(self.values) if directory == run_dir), None)


class World:
    """One supervisor, its fake shims, and what they told."""

    def __init__(self, shims: FakeShims, environment: Environment, group: asyncio.TaskGroup) -> None:
        self.shims = shims
        self.environment = environment
        self.supervisor = Supervisor(environment)
        self.events: list[KubeEvent] = []
        self._changed = asyncio.Event()
        self._group = group
        self._running: asyncio.Task[None]

    async def start(self) -> None:
        ready = asyncio.Event()
        self._running = self._group.create_task(self.supervisor.run(ready))
        await ready.wait()

    async def kill(self) -> None:
        """The process that supervises is gone, in the middle of whatever it did."""
        self._running.cancel()
        await asyncio.wait([self._running])

    async def resume(self) -> PodTask | None:
        """Another process takes over the one pod, if anything is left of it."""
        journal = self.environment.journal
        assert isinstance(journal, MemoryJournal)
        self.supervisor = Supervisor(self.environment)
        await self.start()
        for run_dir, pod in journal.objects.items():
            if not self.shims.left:
                return None
            return self._add(pod, Documents([]), saved=journal.last(run_dir))
        raise AssertionError("no pod was ever added")

    def add(self, manifest: str = POD, *, image_fallback: Literal["", "host"] = "") -> PodTask:
        documents = Documents(load_objects(manifest.encode(), "test"))
        pod = documents.accept(documents.pod(None), "node")
        meta = msgspec.structs.replace(pod.metadata, uid=f"uid-{pod.metadata.name}")
        pod = msgspec.structs.replace(pod, metadata=meta)
        return self._add(pod, documents, image_fallback=image_fallback)

    def _add(self, pod: Pod, documents: Documents, **options: Any) -> PodTask:
        return self.supervisor.add(pod, objects=documents, status=self, events=self, **options)

    def pod_changed(self, uid: str) -> None:
        self._changed.set()

    def event(self, event: KubeEvent) -> None:
        self.events.append(event)

    def sandbox(self, task: PodTask) -> FakeSandbox:
        return self.shims.sandboxes[task.registered.uid]

    @property
    def commands(self) -> list[str]:
        return [str(call) for call in self.shims.calls]

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.events]

    async def until(self, condition: Callable[[], object], seconds: float = 600) -> None:
        """Until something is so, looked at after each change."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def phase(self, task: PodTask, phase: str, seconds: float = 600) -> PodStatus:
        await self.until(lambda: task.status.phase == phase, seconds)
        return task.status

    async def delete(self, task: PodTask, grace: int | None = None) -> None:
        task.delete(grace)
        async with asyncio.timeout(3600):
            await task.wait_removed()


def container(task: PodTask, name: str = "web") -> ContainerStatus:
    status = task.status
    return next(each for each in (*status.init_container_statuses, *status.container_statuses) if each.name == name)


@asynccontextmanager
async def world(*, latency: float = 0.001, journal: Journal | None = None) -> AsyncIterator[World]:
    """Asserts at its end that no pod is left. With a journal the pods are a daemon's."""
    shims = FakeShims(latency=latency)
    with tempfile.TemporaryDirectory() as directory:
        kept = journal is not None
        environment = Environment(
            node=Node(
                facts=FACTS,
                roots=Roots.from_environment({"NSRUNNER_ROOT": directory}) if kept else Roots(),
                name="node",
            ),
            owner=Owner(kind="daemon") if kept else Owner(kind="process", pid=1, start_time=1),
            shims=shims,
            clock=clock.VirtualClock(),
            settings=Settings(host_ips=("203.0.113.7",)),
            journal=journal,
        )
        async with asyncio.TaskGroup() as group:
            w = World(shims, environment, group)
            await w.start()
            yield w
            w.supervisor.stop()
        assert not w.supervisor.pods
    assert not shims.sandboxes
    assert not shims.left


def play(script: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a script in virtual time."""
    clock.run(script())
