"""``metrics.k8s.io``: usage between two looks, taken when somebody asks; nothing looks on its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from nsrunner.api.ports import Stats, Usage
from nsrunner.api.registry import Registry
from nsrunner.api.resources import Resource

__all__ = ["Metrics"]

Json = dict[str, Any]

_WINDOW_SECONDS: Final = 1.0
"""How long CPU time is measured at least."""
_OLD_SECONDS: Final = 60.0
"""An earlier look counts as the beginning of the window for so long."""


class Metrics:
    """``read``: what was used so far; ``node``: the name of the machine's Node."""

    def __init__(self, registry: Registry, read: Callable[[], Awaitable[Stats]], node: str) -> None:
        self._registry = registry
        self._read = read
        self._node = node
        self._earlier: tuple[float, Stats] | None = None

    async def objects(self, resource: Resource, namespace: str | None) -> list[Json]:
        """All of the resource, in order. Waits for a moment when nobody has asked within the last minute, or
        something has started since."""
        seconds, before, now = await self._window()
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kind, version = resource.info.kind, resource.info.api_version
        head = {"kind": kind, "apiVersion": version}
        tail = {"timestamp": stamp, "window": f"{seconds:.3f}s"}
        if kind == "NodeMetrics":
            metadata = self._metadata("nodes", "", self._node, stamp)
            return [{**head, "metadata": metadata, **tail, "usage": _usage(before.node, now.node, seconds)}]
        found = []
        for pod, containers in now.pods.items():
            earlier = before.pods.get(pod, {})
            usages = [
                {"name": name, "usage": _usage(earlier[name], usage, seconds)}
                for name, usage in sorted(containers.items())
                if name in earlier and earlier[name].cpu_seconds <= usage.cpu_seconds
            ]
            if usages and namespace in (None, pod.namespace):
                found.append((pod, usages))
        return [
            {
                **head,
                "metadata": self._metadata("pods", pod.namespace, pod.name, stamp),
                **tail,
                "containers": usages,
            }
            for pod, usages in sorted(found, key=lambda each: (each[0].namespace, each[0].name))
        ]

    async def _window(self) -> tuple[float, Stats, Stats]:
        """How long, and what was used at both ends."""
        after, now = await self._read(), time.monotonic()
        began, before = self._earlier or (now, after)
        if not _WINDOW_SECONDS <= now - began <= _OLD_SECONDS or _begun(before, after):
            began, before = now, after
            await asyncio.sleep(_WINDOW_SECONDS)
            after, now = await self._read(), time.monotonic()
        self._earlier = (now, after)
        return now - began, before, after

    def _metadata(self, plural: str, namespace: str, name: str, stamp: str) -> Json:
        """With the labels of what it is about, for selectors."""
        resource = self._registry.find("", "v1", plural)
        assert resource is not None
        found = self._registry.list(resource, namespace or None, field_selector=f"metadata.name={name}")["items"]
        labels = found[0]["metadata"].get("labels") if found else None
        metadata: Json = {"name": name, **({"namespace": namespace} if namespace else {}), "creationTimestamp": stamp}
        return {**metadata, **({"labels": labels} if labels else {})}


def _begun(before: Stats, after: Stats) -> bool:
    """Whether a container runs that did not run before, or has begun anew."""
    for pod, containers in after.pods.items():
        earlier = before.pods.get(pod, {})
        for name, usage in containers.items():
            if name not in earlier or usage.cpu_seconds < earlier[name].cpu_seconds:
                return True
    return False


def _usage(before: Usage, after: Usage, seconds: float) -> Json:
    """As quantities, in the units of metrics-server."""
    nanos = round((after.cpu_seconds - before.cpu_seconds) / seconds * 1e9)
    return {"cpu": f"{max(0, nanos)}n", "memory": f"{after.memory_bytes // 1024}Ki"}
