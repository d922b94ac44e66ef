"""Namespaces, nodes and service accounts: what pods and their clients expect to be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from nsrunner.api.errors import method_not_allowed
from nsrunner.api.resources.base import Column, Context, Resource, ResourceInfo
from nsrunner.model.printing.ages import age_of
from nsrunner.model.validate import names

__all__ = ["Namespaces", "Nodes", "ServiceAccounts"]


class Namespaces(Resource):
    info = ResourceInfo(
        kind="Namespace",
        plural="namespaces",
        singular="namespace",
        short_names=("ns",),
        namespaced=False,
        verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
        subresources=("finalize", "status"),
    )
    columns: ClassVar = (Column(name="Name", format="name"), Column(name="Status"), Column(name="Age"))

    def prepare_create(self, object: dict[str, Any], context: Context) -> dict[str, Any]:
        self.check_metadata(object)
        metadata = object["metadata"]
        labels = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}
        return {
            "kind": "Namespace",
            "apiVersion": "v1",
            "metadata": {**metadata, "labels": labels},
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        }

    def prepare_update(self, old: dict[str, Any], new: dict[str, Any], context: Context) -> dict[str, Any]:
        prepared = self.prepare_create(new, context)
        return {**prepared, "spec": old["spec"], "status": old["status"]}

    def name_problems(self, name: str) -> list[str]:
        return names.dns_label(name)

    def fields(self, object: Mapping[str, Any]) -> dict[str, str]:
        return {**super().fields(object), "status.phase": (object.get("status") or {}).get("phase", "")}

    def row(self, object: Mapping[str, Any], now: float) -> list[Any]:
        return [object["metadata"]["name"], (object.get("status") or {}).get("phase", ""), age_of(object, now)]


class Nodes(Resource):
    """There is one, which the daemon writes; labels, annotations and taints are the clients' to change."""

    info = ResourceInfo(
        kind="Node",
        plural="nodes",
        singular="node",
        short_names=("no",),
        namespaced=False,
        verbs=("get", "list", "patch", "update", "watch"),
        subresources=("status",),
    )
    columns: ClassVar = (
        Column(name="Name", format="name"),
        Column(name="Status"),
        Column(name="Roles"),
        Column(name="Age"),
        Column(name="Version"),
        Column(name="Internal-IP", priority=1),
        Column(name="External-IP", priority=1),
        Column(name="OS-Image", priority=1),
        Column(name="Kernel-Version", priority=1),
        Column(name="Container-Runtime", priority=1),
    )

    def prepare_create(self, object: dict[str, Any], context: Context) -> dict[str, Any]:
        raise method_not_allowed("nodes", "create")

    def prepare_update(self, old: dict[str, Any], new: dict[str, Any], context: Context) -> dict[str, Any]:
        self.check_metadata(new)
        return {**new, "status": old.get("status", {})}

    def fields(self, object: Mapping[str, Any]) -> dict[str, str]:
        unschedulable = (object.get("spec") or {}).get("unschedulable")
        return {**super().fields(object), "spec.unschedulable": "true" if unschedulable else "false"}

    def row(self, object: Mapping[str, Any], now: float) -> list[Any]:
        status = object.get("status") or {}
        info = status.get("nodeInfo") or {}
        addresses: dict[str, str] = {}
        for each in status.get("addresses") or ():
            addresses.setdefault(each["type"], each["address"])
        return [
            object["metadata"]["name"],
            _readiness(object),
            _roles(object["metadata"].get("labels") or {}),
            age_of(object, now),
            info.get("kubeletVersion", "<unknown>"),
            addresses.get("InternalIP", "<none>"),
            addresses.get("ExternalIP", "<none>"),
            info.get("osImage") or "<unknown>",
            info.get("kernelVersion") or "<unknown>",
            info.get("containerRuntimeVersion") or "<unknown>",
        ]


def _readiness(node: Mapping[str, Any]) -> str:
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready = next((each["status"] for each in conditions if each["type"] == "Ready"), "Unknown")
    text = {"True": "Ready", "False": "NotReady"}.get(ready, "Unknown")
    return f"{text},SchedulingDisabled" if (node.get("spec") or {}).get("unschedulable") else text


def _roles(labels: Mapping[str, str]) -> str:
    prefix = "node-role.kubernetes.io/"
    roles = sorted(label.removeprefix(prefix) for label in labels if label.startswith(prefix))
    return ",".join(roles) or "<none>"


class ServiceAccounts(Resource):
    info = ResourceInfo(
        kind="ServiceAccount",
        plural="serviceaccounts",
        singular="serviceaccount",
        short_names=("sa",),
        subresources=("token",),
    )
    columns: ClassVar = (
        Column(name="Name", format="name"),
        Column(name="Secrets", type="integer"),
        Column(name="Age"),
    )

    def row(self, object: Mapping[str, Any], now: float) -> list[Any]:
        return [object["metadata"]["name"], len(object.get("secrets") or ()), age_of(object, now)]
