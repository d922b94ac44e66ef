"""Requests, limits and resize policies (``ValidateContainerResourceRequirements`` and its neighbours)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nsrunner.model.aggregate import container_limits, container_requests
from nsrunner.model.path import Path
from nsrunner.model.quantity import Quantity
from nsrunner.model.report import Report
from nsrunner.model.types import AnyContainer, PodResourceClaim, PodSpec, ResourceRequirements
from nsrunner.model.validate import names
from nsrunner.model.validate.metadata import check_names

__all__ = [
    "check_container_resources",
    "check_pod_resources",
    "check_quantities",
    "check_resize_policy",
    "check_resource_claims",
    "is_container_resource",
]

_STANDARD: Final = ("cpu", "memory", "ephemeral-storage")
_HUGE: Final = "hugepages-"
_NOT_NEGATIVE: Final = "must be greater than or equal to 0"
_POD_LEVEL: Final = ("cpu", "memory")


def is_container_resource(name: str) -> bool:
    """Standard resources that a container may ask for."""
    return name in _STANDARD or name.startswith(_HUGE)


def _is_extended(name: str) -> bool:
    """Offered by a device plugin: a name with a domain that is not Kubernetes's own, and no quota prefix."""
    prefix, slash, _ = name.partition("/")
    native = not slash or prefix == "kubernetes.io" or prefix.endswith(".kubernetes.io")
    return not native and not name.startswith("requests.") and not names.qualified_name(f"requests.{name}")


def _may_overcommit(name: str) -> bool:
    return not _is_extended(name) and not name.startswith(_HUGE)


def check_quantities(quantities: Mapping[str, Quantity], path: Path, report: Report) -> None:
    """Names and signs, as for every list of container resources."""
    for name, quantity in quantities.items():
        _check_name(name, path[name], report)
        _check_quantity(name, quantity, path[name], report)


def _check_name(name: str, path: Path, report: Report) -> None:
    errors = names.qualified_name(name)
    if errors:
        for message in errors:
            report.invalid(path, name, message)
    elif "/" not in name and not is_container_resource(name):
        report.invalid(path, name, "must be a standard resource for containers")
    elif "/" in name and not _is_extended(name):
        report.invalid(path, name, "must be a standard resource type or fully qualified")


def _check_quantity(name: str, quantity: Quantity, path: Path, report: Report) -> None:
    if quantity.nanos < 0:
        report.invalid(path, str(quantity), _NOT_NEGATIVE)
    elif _is_extended(name) and quantity.nanos % 10**9:
        report.invalid(path, str(quantity), "must be an integer")
    elif name.startswith(_HUGE):
        _check_huge_pages(name, quantity, path, report)


def _check_huge_pages(name: str, quantity: Quantity, path: Path, report: Report) -> None:
    try:
        size = Quantity(name.removeprefix(_HUGE))
    except ValueError:
        return  # the name is not one that any node offers; upstream lets it pass too
    if size.nanos <= 0 or quantity.nanos % size.nanos:
        report.invalid(path, str(quantity), f"must be a multiple of the page size {size}")


def check_container_resources(
    resources: ResourceRequirements, claims: tuple[PodResourceClaim, ...], path: Path, report: Report
) -> None:
    check_quantities(resources.limits, path / "limits", report)
    check_quantities(resources.requests, path / "requests", report)
    _check_requests_against_limits(resources, path, report)
    everything = {**resources.limits, **resources.requests}
    if any(name.startswith(_HUGE) for name in everything) and not {"cpu", "memory"} & everything.keys():
        report.forbidden(path, "HugePages require cpu or memory")
    known = {claim.name for claim in claims}
    seen: set[tuple[str, str | None]] = set()
    for index, claim in enumerate(resources.claims):
        here = (path / "claims")[index]
        if not claim.name:
            report.required(here / "name")
        elif (claim.name, claim.request) in seen:
            report.duplicate(here, claim.name)
        elif claim.name not in known:
            report.not_found(here / "name", claim.name)
        seen.add((claim.name, claim.request))


def _check_requests_against_limits(resources: ResourceRequirements, path: Path, report: Report) -> None:
    for name, request in resources.requests.items():
        limit = resources.limits.get(name)
        here = (path / "requests")[name]
        if limit is None:
            if not _may_overcommit(name):
                report.required(path / "limits", f"Limit must be set for non overcommitable resources ({name})")
        elif request > limit:
            report.invalid(here, str(request), f"must be less than or equal to {name} limit of {limit}")
        elif request != limit and not _may_overcommit(name):
            report.invalid(here, str(request), f"must be equal to {name} limit of {limit}")


def check_pod_resources(spec: PodSpec, path: Path, report: Report) -> None:
    """``spec.resources``: what the pod as a whole may use."""
    resources = spec.resources
    if resources is None:
        return
    if spec.os is not None and spec.os.name == "windows":
        report.forbidden(path, "may not be set for a windows pod")
    if resources.claims:
        report.forbidden(path / "claims", "claims may not be set for Resources at pod-level")
    for which, quantities in (("limits", resources.limits), ("requests", resources.requests)):
        for name, quantity in quantities.items():
            here = (path / which)[name]
            if name not in _POD_LEVEL and not name.startswith(_HUGE):
                report.unsupported_value(here, name, (*_POD_LEVEL, "hugepages-*"))
            else:
                _check_quantity(name, quantity, here, report)
    _check_requests_against_limits(resources, path, report)
    for name, total in container_requests(spec).items():
        request = resources.requests.get(name)
        if request is not None and total > request:
            report.invalid(
                (path / "requests")[name],
                str(request),
                f"must be greater than or equal to aggregate container requests of {total}",
            )
    for name, limit in resources.limits.items():
        if name.startswith(_HUGE) and (total := container_limits(spec).get(name, limit)) > limit:
            report.invalid(
                (path / "limits")[name],
                str(limit),
                f"must be greater than or equal to aggregate container limits of {total}",
            )
        for field, containers in (("containers", spec.containers), ("initContainers", spec.init_containers)):
            for index, container in enumerate(containers):
                own = container.resources.limits.get(name)
                if own is not None and own > limit:
                    report.invalid(
                        _limit_path(path, field, index, name),
                        str(own),
                        f"must be less than or equal to pod limits of {limit}",
                    )


def _limit_path(pod_resources: Path, field: str, index: int, name: str) -> Path:
    spec = pod_resources.parent
    return ((spec / field)[index] / "resources" / "limits")[name]


def check_resize_policy(container: AnyContainer, pod_policy: str, path: Path, report: Report) -> None:
    seen: set[str] = set()
    for index, policy in enumerate(container.resize_policy):
        here = path[index]
        if policy.resource_name in seen:
            report.duplicate(here, policy.resource_name)
        seen.add(policy.resource_name)
        if policy.resource_name not in ("cpu", "memory"):
            report.unsupported_value(here / "resourceName", policy.resource_name, ("cpu", "memory"))
        if policy.restart_policy not in ("NotRequired", "RestartContainer"):
            supported = ("NotRequired", "RestartContainer")
            report.unsupported_value(here / "restartPolicy", policy.restart_policy, supported)
        elif pod_policy == "Never" and policy.restart_policy != "NotRequired":
            report.unsupported_value(here / "restartPolicy", policy.restart_policy, ("NotRequired",))


def check_resource_claims(claims: tuple[PodResourceClaim, ...], path: Path, report: Report) -> None:
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        here = path[index]
        if not claim.name:
            report.required(here / "name")
        else:
            check_names(names.dns_label, here / "name", claim.name, report)
            if claim.name in seen:
                report.duplicate(here / "name", claim.name)
            seen.add(claim.name)
        both = (claim.resource_claim_name, claim.resource_claim_template_name)
        if all(item is not None for item in both):
            report.invalid(
                here,
                claim.name,
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
            )
        elif all(item is None for item in both):
            report.invalid(here, claim.name, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
        for field, value in zip(("resourceClaimName", "resourceClaimTemplateName"), both, strict=True):
            if value is not None:
                check_names(names.dns_subdomain, here / field, value, report)
