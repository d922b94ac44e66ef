"""Rows of usage."""

from __future__ import annotations

from nsrunner.api.resources.metrics import NodeMetrics, PodMetrics


def test_a_pod_uses_what_its_containers_use() -> None:
    usages = [{"cpu": "1000n", "memory": "4Ki"}, {"cpu": "500n", "memory": "8Ki"}]
    containers = [{"name": str(index), "usage": usage} for index, usage in enumerate(usages)]
    object = {"metadata": {"name": "web"}, "window": "1s", "containers": containers}
    assert PodMetrics().row(object, 0) == ["web", "1500n", "12Ki", "1s"]


def test_a_node() -> None:
    object = {"metadata": {"name": "n"}, "window": "1s", "usage": {"cpu": "1n", "memory": "2Ki"}}
    assert NodeMetrics().row(object, 0) == ["n", "1n", "2Ki", "1s"]
