"""What pods and the node use now (``metrics.k8s.io``): computed when it is asked for, never stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from nsrunner.api.resources.base import Column, Resource, ResourceInfo

__all__ = ["NodeMetrics", "PodMetrics"]

_COLUMNS = (
    Column(name="Name", format="name"),
    Column(name="CPU"),
    Column(name="Memory"),
    Column(name="Window"),
)


class NodeMetrics(Resource):
    info = ResourceInfo(
        group="metrics.k8s.io",
        version="v1beta1",
        kind="NodeMetrics",
        plural="nodes",
        singular="node",
        namespaced=False,
        verbs=("get", "list"),
    )
    columns: ClassVar = _COLUMNS

    def row(self, object: Mapping[str, Any], now: float) -> list[Any]:
        usage = object["usage"]
        return [object["metadata"]["name"], usage["cpu"], usage["memory"], object["window"]]


class PodMetrics(Resource):
    info = ResourceInfo(
        group="metrics.k8s.io",
        version="v1beta1",
        kind="PodMetrics",
        plural="pods",
        singular="pod",
        verbs=("get", "list"),
    )
    columns: ClassVar = _COLUMNS

    def row(self, object: Mapping[str, Any], now: float) -> list[Any]:
        used = [container["usage"] for container in object["containers"]]
        cpu = sum(int(each["cpu"].removesuffix("n")) for each in used)
        memory = sum(int(each["memory"].removesuffix("Ki")) for each in used)
        return [object["metadata"]["name"], f"{cpu}n", f"{memory}Ki", object["window"]]
