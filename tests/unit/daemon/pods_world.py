"""The pods of a daemon on a fake runtime, with a real store: what the tests of this layer are played on."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nsrunner.api.registry import Registry
from nsrunner.api.resources import Context, served
from nsrunner.api.store import Key, Store
from nsrunner.daemon.node import node_object
from nsrunner.daemon.pods import Pods
from nsrunner.daemon.static_pods import StaticPods
from nsrunner.lifecycle.pod import Settings
from nsrunner.sandbox.spec import Owner
from nsrunner.sandbox.state import Roots
from nsrunner.sources.manifests import Manifest, read_manifest
from nsrunner.supervisor.plan import Node
from nsrunner.supervisor.recovery import FileJournal
from nsrunner.supervisor.supervisor import Environment, Supervisor
from nsrunner.testing.clock import VirtualClock
from nsrunner.testing.fake_sandbox import FakeShims
from unit.supervisor.world import FACTS

NODE = "node"


def manifest(name: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "c", "image": "host", "command": ["serve"]}],
        },
    }


class DaemonPods:
    """One process of a daemon: the parts that know of pods."""

    def __init__(self, root: Path, shims: FakeShims, store: Store) -> None:
        self.roots = Roots.from_environment({"NSRUNNER_ROOT": str(root)})
        self.shims = shims
        self.store = store
        self.journal = FileJournal()
        self.environment = Environment(
            node=Node(facts=FACTS, roots=self.roots, name=NODE),
            owner=Owner(kind="daemon"),
            shims=shims,
            clock=VirtualClock(),
            settings=Settings(host_ips=("203.0.113.7",)),
            journal=self.journal,
        )
        self.supervisor = Supervisor(self.environment)
        self.pods = Pods(self.environment, self.supervisor, store, image_fallback=True)
        self.registry = Registry(store, self.pods, served(NODE))
        self.registry.add_built_ins()
        nodes = self.registry.find("", "v1", "nodes")
        pods = self.registry.find("", "v1", "pods")
        assert nodes is not None and pods is not None
        self.resource = pods
        self.registry.put(nodes, node_object(NODE, FACTS, "0"))
        self.static: StaticPods

    async def create(self, object: dict[str, Any]) -> dict[str, Any]:
        context = Context(now="2026-01-01T00:00:00Z")
        return await self.registry.create(self.resource, "default", object, context)

    async def delete(self, name: str, grace: int = 0) -> None:
        context = Context(now="2026-01-01T00:00:00Z")
        await self.registry.delete(self.resource, "default", name, {"gracePeriodSeconds": grace}, context)

    def get(self, name: str) -> dict[str, Any] | None:
        return self.store.get(Key("pods", "default", name))

    def status(self, name: str) -> dict[str, Any]:
        found = self.get(name)
        return {} if found is None else found["status"]

    def container(self, name: str) -> dict[str, Any]:
        return next(iter(self.status(name).get("containerStatuses") or ()), {})

    async def until(self, condition: Callable[[], object]) -> None:
        """Looked at after each change of an object."""
        watch = self.store.watch("pods", None, None)
        try:
            async with asyncio.timeout(20):
                while not condition():
                    await anext(aiter(watch))
        finally:
            watch.close()

    async def running(self, name: str) -> None:
        await self.until(lambda: self.container(name).get("started"))

    def report(self, source: str, **files: Iterable[dict[str, Any]] | str) -> None:
        """What a source has: by file its objects, or a text that is no manifest."""
        self.static.report(source, {f"/m/{name}": _read(f"/m/{name}", content) for name, content in files.items()})

    @property
    def events(self) -> list[str]:
        return [each["message"] for each in self.store.list("events")]


def _read(where: str, content: Iterable[dict[str, Any]] | str) -> Manifest:
    import yaml

    text = content if isinstance(content, str) else yaml.safe_dump_all(list(content))
    return read_manifest(where, text.encode())


@asynccontextmanager
async def daemon_pods(root: Path, shims: FakeShims, *, sources: Iterable[str] = ()) -> AsyncIterator[DaemonPods]:
    """Within the block a daemon runs; its pods go on after it."""
    (root / "lib").mkdir(exist_ok=True)
    store = await Store.open(str(root / "lib" / "store.db"), wall=time.time)
    daemon = DaemonPods(root, shims, store)
    ready = asyncio.Event()
    task = asyncio.create_task(daemon.supervisor.run(ready))
    await ready.wait()
    try:
        daemon.pods.begin(daemon.registry)
        daemon.static = StaticPods(daemon.pods, daemon.registry, NODE, sources=sources, complete=daemon.pods.tidy)
        daemon.static.begin()
        yield daemon
    finally:
        daemon.pods.let_go()
        task.cancel()
        await asyncio.wait([task])
        await store.close()


def reboot(root: Path, shims: FakeShims) -> None:
    """Everything dies at once, and so does what was known in memory."""
    for sandbox in tuple(shims.sandboxes.values()):
        sandbox.die()
    shims.left.clear()
    shutil.rmtree(root / "run")
