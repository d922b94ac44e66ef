"""The quality-of-service class of a pod (``pkg/apis/core/v1/helper/qos``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from nsrunner.model.quantity import Quantity
from nsrunner.model.types import Pod, ResourceRequirements

__all__ = ["QOSClass", "qos_class"]

QOSClass: TypeAlias = Literal["Guaranteed", "Burstable", "BestEffort"]

_COUNTED: Final = ("cpu", "memory")


def qos_class(pod: Pod) -> QOSClass:
    """By cpu and memory of regular and init containers, or of the pod alone where it has resources of its own.

    Expects defaults to be applied (requests default to limits).
    """
    spec = pod.spec
    if spec.resources is not None:
        return _classify((spec.resources,))
    return _classify(container.resources for container in (*spec.containers, *spec.init_containers))


def _classify(all_resources: Iterable[ResourceRequirements]) -> QOSClass:
    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}
    all_limited = True
    for resources in all_resources:
        for total, part in ((requests, resources.requests), (limits, resources.limits)):
            for name in _COUNTED:
                quantity = part.get(name)
                if quantity is not None and quantity.nanos > 0:
                    total[name] = Quantity.total((total[name], quantity)) if name in total else quantity
        if any(name not in resources.limits or not resources.limits[name] for name in _COUNTED):
            all_limited = False
    if not requests and not limits:
        return "BestEffort"
    if all_limited and requests == limits:
        return "Guaranteed"
    return "Burstable"
