"""A registry on a fresh store, and what the daemon would have heard."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nsrunner.api.ports import Hooks
from nsrunner.api.registry import Registry
from nsrunner.api.resources import Context, Resource, served
from nsrunner.api.store import Store

NOW = "2026-01-01T00:00:00Z"


class Heard(Hooks):
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def pod_written(self, pod: Mapping[str, Any], how: str) -> None:
        self.calls.append(("written", pod["metadata"]["name"], how))

    def pod_deleted(self, pod: Mapping[str, Any], grace_seconds: int) -> None:
        self.calls.append(("deleted", pod["metadata"]["name"], grace_seconds))

    def condition_set(self, pod: Mapping[str, Any], condition: Mapping[str, Any]) -> None:
        self.calls.append(("condition", pod["metadata"]["name"], condition["type"], condition["status"]))


class Served:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.heard = Heard()
        self.registry = Registry(store, self.heard, served("node-1"))
        self.registry.add_built_ins()

    def resource(self, plural: str) -> Resource:
        found = self.registry.find("", "v1", plural)
        assert found is not None
        return found

    async def create(self, plural: str, body: Any, namespace: str = "default", **context: Any) -> dict[str, Any]:
        return await self.registry.create(self.resource(plural), namespace, body, asked(**context))


def asked(**fields: Any) -> Context:
    return Context(**{"now": NOW, "field_validation": "Strict", **fields})


def pod(name: str = "web", **fields: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "c", "image": "host", "command": ["sleep", "9"]}], **fields}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def config_map(name: str = "conf", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "v"}, **fields}


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[Served]:
    store = await Store.open(str(path / "store.db"), wall=time.time)
    try:
        yield Served(store)
    finally:
        await store.close()
