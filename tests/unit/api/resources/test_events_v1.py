"""The same events under the other group's names."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..registry.served import serving

pytestmark = pytest.mark.asyncio

EVENT = {
    "apiVersion": "v1",
    "kind": "Event",
    "metadata": {"name": "e", "namespace": "default"},
    "involvedObject": {"kind": "Pod", "name": "web"},
    "reason": "Started",
    "message": "Container started",
    "type": "Normal",
    "source": {"component": "kubelet"},
    "reportingComponent": "kubelet",
    "reportingInstance": "node-1",
    "firstTimestamp": "2026-01-01T00:00:00Z",
    "lastTimestamp": "2026-01-01T00:00:10Z",
    "count": 2,
}


async def test_an_event_in_its_other_form(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        registry = served.registry
        registry.put_event(EVENT)
        resource = registry.find("events.k8s.io", "v1", "events")
        assert resource is not None
        found = registry.get(resource, "default", "e")
        assert found["apiVersion"] == "events.k8s.io/v1" and found["regarding"] == EVENT["involvedObject"]
        assert (found["note"], found["deprecatedCount"]) == ("Container started", 2)
        assert found["reportingController"] == "kubelet" and found["deprecatedSource"] == {"component": "kubelet"}
        assert not {"involvedObject", "message", "count", "source", "firstTimestamp"} & found.keys()
        core = served.resource("events")
        assert resource.row(found, 1.8e9) == core.row(registry.get(core, "default", "e"), 1.8e9)


async def test_it_is_listed_and_watched_by_its_own_fields(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        registry = served.registry
        registry.put_event(EVENT)
        registry.put_event(
            {**EVENT, "metadata": {"name": "f", "namespace": "default"}, "involvedObject": {"name": "x"}}
        )
        resource = registry.find("events.k8s.io", "v1", "events")
        assert resource is not None
        selector = "regarding.name=web,reportingController=kubelet,reason=Started"
        (found,) = registry.list(resource, "default", field_selector=selector)["items"]
        assert found["metadata"]["name"] == "e" and "regarding" in found
        events = registry.watch(resource, "default", field_selector=selector)
        first = await anext(events)
        assert first["type"] == "ADDED" and first["object"]["note"] == "Container started"
        registry.put_event({**EVENT, "message": "again"})
        assert (await anext(events))["object"]["note"] == "again"
        events.close()
