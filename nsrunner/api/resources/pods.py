"""Pods (``pkg/registry/core/pod/strategy.go``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from nsrunner.api.errors import bad_request, from_manifest
from nsrunner.api.resources.base import Column, Context, ResourceInfo
from nsrunner.api.resources.typed import TypedResource
from nsrunner.errors import FieldError, ManifestError
from nsrunner.model.change import updated, with_ephemeral
from nsrunner.model.encoder import encode
from nsrunner.model.path import ROOT
from nsrunner.model.printing.columns import pod_cells
from nsrunner.model.qos import qos_class
from nsrunner.model.support import Verdict, verdicts
from nsrunner.model.types import Pod

__all__ = ["Pods"]

_OURS: Final = frozenset({"PodScheduled", "Initialized", "ContainersReady", "Ready", "PodReadyToStartContainers"})
"""Conditions that follow from what the pod does; those who write the status do not set them."""


class Pods(TypedResource[Pod]):
    """``node``: the name of the one that all pods are bound to as they come."""

    type = Pod
    info = ResourceInfo(
        kind="Pod",
        plural="pods",
        singular="pod",
        short_names=("po",),
        categories=("all",),
        subresources=("attach", "ephemeralcontainers", "exec", "log", "portforward", "status"),
    )
    columns: ClassVar = (
        Column(name="Name", format="name"),
        Column(name="Ready", description="The aggregate readiness state of this pod for accepting traffic."),
        Column(name="Status", description="The aggregate status of the containers in this pod."),
        Column(name="Restarts", description="How often the containers in this pod have been restarted, and when last."),
        Column(name="Age"),
        Column(name="IP", priority=1, description="IP address allocated to the pod."),
        Column(name="Node", priority=1, description="The node that the pod runs on."),
        Column(name="Nominated Node", priority=1),
        Column(name="Readiness Gates", priority=1),
    )

    assigned = frozenset({"nodeName", "serviceAccount", "serviceAccountName"})

    def __init__(self, node: str) -> None:
        self._node = node

    def prepare_create(self, object: dict[str, Any], context: Context) -> dict[str, Any]:
        prepared = super().prepare_create(object, context)
        spec, metadata = dict(prepared["spec"]), {**prepared["metadata"], "generation": 1}
        # The deprecated name of the same field is always there, too: defaulted later, it would be a change.
        spec.setdefault("serviceAccount", spec.setdefault("serviceAccountName", "default"))
        spec.setdefault("nodeName", self._node)
        qos = qos_class(self.decode(prepared, context))
        return {**prepared, "metadata": metadata, "spec": spec, "status": {"phase": "Pending", "qosClass": str(qos)}}

    def prepare_update(self, old: dict[str, Any], new: dict[str, Any], context: Context) -> dict[str, Any]:
        match context.subresource:
            case "status":
                return _with_status(old, new)
            case "ephemeralcontainers":
                return self._with_ephemeral(old, new, context)
        quiet = Context(now=context.now, field_validation="Ignore")
        try:
            changed = updated(self.decode(old, quiet), self.decode(new, context))
        except ManifestError as error:
            raise from_manifest(error, "Pod", old["metadata"]["name"]) from None
        return {**encode(changed), "status": old.get("status", {})}

    def _with_ephemeral(self, old: dict[str, Any], new: dict[str, Any], context: Context) -> dict[str, Any]:
        before = self.decode(old, Context(now=context.now, field_validation="Ignore"))
        wanted = self.decode(new, context).spec.ephemeral_containers
        there = before.spec.ephemeral_containers
        kept = {container.name: container for container in there}
        path = ROOT / "spec" / "ephemeralContainers"
        errors = []
        for name, container in kept.items():
            found = next((each for each in wanted if each.name == name), None)
            if found is None:
                detail = f'existing ephemeral containers "{name}" may not be removed\n'
                errors.append(FieldError(str(path), "Forbidden", detail=detail))
            elif found != container:
                detail = f'existing ephemeral containers "{name}" may not be changed\n'
                errors.append(FieldError(str(path), "Forbidden", detail=detail))
        self.refuse(old, errors)
        added = [container for container in wanted if container.name not in kept]
        if not added:
            return old
        try:
            changed = with_ephemeral(before, *added)
        except ManifestError as error:
            raise from_manifest(error, "Pod", old["metadata"]["name"]) from None
        refused = [verdict.error() for verdict in verdicts(changed) if verdict.verdict is Verdict.UNSUPPORTED]
        self.refuse(old, [error for error in refused if error.field.startswith(str(path))])
        return {**encode(changed), "status": old.get("status", {})}

    def grace_seconds(self, object: Mapping[str, Any], options: Mapping[str, Any]) -> int:
        given = options.get("gracePeriodSeconds")
        if given is None:
            given = object["spec"].get("terminationGracePeriodSeconds", 30)
        # Below zero stands for one second (ValidatePodUpdate mends it so).
        return int(given) if given >= 0 else 1

    def fields(self, object: Mapping[str, Any]) -> dict[str, str]:
        spec, status = object["spec"], object.get("status") or {}
        return {
            **super().fields(object),
            "spec.nodeName": spec.get("nodeName", ""),
            "spec.restartPolicy": spec.get("restartPolicy", ""),
            "spec.schedulerName": spec.get("schedulerName", ""),
            "spec.serviceAccountName": spec.get("serviceAccountName", ""),
            "spec.hostNetwork": "true" if spec.get("hostNetwork") else "false",
            "status.phase": status.get("phase", ""),
            "status.podIP": status.get("podIP", ""),
            "status.nominatedNodeName": status.get("nominatedNodeName", ""),
        }

    def row(self, object: Mapping[str, Any], now: float) -> list[Any]:
        cells, spec, status = pod_cells(object, now), object["spec"], object.get("status") or {}
        return [
            object["metadata"]["name"],
            cells.ready,
            cells.status,
            cells.restarts,
            cells.age,
            status.get("podIP") or "<none>",
            spec.get("nodeName") or "<none>",
            status.get("nominatedNodeName") or "<none>",
            _gates(spec, status),
        ]


def _gates(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    gates = [gate["conditionType"] for gate in spec.get("readinessGates") or ()]
    true = {each["type"] for each in status.get("conditions") or () if each.get("status") == "True"}
    return f"{sum(gate in true for gate in gates)}/{len(gates)}" if gates else "<none>"


def _with_status(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Of a status that comes from outside: its custom conditions. What the pod does is written by those who run it, and
    what is the same as before was only sent along."""
    before = {each["type"]: each for each in (old.get("status") or {}).get("conditions") or ()}
    given = (new.get("status") or {}).get("conditions") or ()
    if not isinstance(given, list) or not all(isinstance(each, dict) and each.get("type") for each in given):
        raise bad_request("Pod cannot be handled: status.conditions: expected a list of conditions, each with a type")
    custom = {each["type"]: each for each in given if each["type"] not in _OURS}
    kept = [each for each in before.values() if each["type"] in _OURS]
    status = {**(old.get("status") or {}), "conditions": [*kept, *custom.values()]}
    return {
        **old,
        "metadata": {**new["metadata"], "generation": old["metadata"].get("generation", 1)},
        "status": status,
    }
