"""Sums of container resources over a pod (component-helpers ``resource/helpers.go``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nsrunner.model.quantity import Quantity
from nsrunner.model.types import Container, PodSpec

__all__ = ["container_limits", "container_requests"]


def container_requests(spec: PodSpec) -> dict[str, Quantity]:
    """What the containers need at the worst moment: all regular ones and sidecars, or one init container with the
    sidecars before it."""
    return _aggregate(spec, lambda container: container.resources.requests)


def container_limits(spec: PodSpec) -> dict[str, Quantity]:
    """The same for limits; a resource that any container leaves unlimited is only summed over the others."""
    return _aggregate(spec, lambda container: container.resources.limits)


def _aggregate(spec: PodSpec, of: Callable[[Container], Mapping[str, Quantity]]) -> dict[str, Quantity]:
    total: dict[str, Quantity] = {}
    for container in spec.containers:
        _add(total, of(container))
    sidecars: dict[str, Quantity] = {}
    peak: dict[str, Quantity] = {}
    for container in spec.init_containers:
        if container.restart_policy == "Always":
            _add(sidecars, of(container))
            _raise(peak, sidecars)
        else:
            during = dict(sidecars)
            _add(during, of(container))
            _raise(peak, during)
    _add(total, sidecars)
    _raise(total, peak)
    return total


def _add(total: dict[str, Quantity], more: Mapping[str, Quantity]) -> None:
    for name, quantity in more.items():
        total[name] = Quantity.total((total[name], quantity)) if name in total else quantity


def _raise(total: dict[str, Quantity], least: Mapping[str, Quantity]) -> None:
    for name, quantity in least.items():
        total[name] = max(total.get(name, quantity), quantity)
