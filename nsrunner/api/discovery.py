"""What is served: the lists that clients read before anything else, plain and aggregated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from nsrunner.api.resources import Resource

__all__ = ["AGGREGATED", "aggregated", "api_groups", "api_resources", "api_versions"]

AGGREGATED: Final = "apidiscovery.k8s.io"
"""The group of the aggregated form, in an Accept header's ``g``."""

_SUBRESOURCES: Final = {
    "attach": ("PodAttachOptions", ("create", "get")),
    "ephemeralcontainers": ("Pod", ("get", "patch", "update")),
    "exec": ("PodExecOptions", ("create", "get")),
    "finalize": ("Namespace", ("update",)),
    "log": ("Pod", ("get",)),
    "portforward": ("PodPortForwardOptions", ("create", "get")),
    "token": ("TokenRequest", ("create",)),
}
"""Kind and verbs; ``status`` is of its resource's kind."""


def api_versions(address: str) -> dict[str, Any]:
    """``GET /api``."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def api_groups(resources: Iterable[Resource]) -> dict[str, Any]:
    """``GET /apis``."""
    groups = sorted({(each.info.group, each.info.version) for each in resources if each.info.group})
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [
            {
                "name": group,
                "versions": [{"groupVersion": f"{group}/{version}", "version": version}],
                "preferredVersion": {"groupVersion": f"{group}/{version}", "version": version},
            }
            for group, version in groups
        ],
    }


def api_resources(resources: Iterable[Resource], group: str, version: str) -> dict[str, Any] | None:
    """``GET /api/v1`` and ``GET /apis/GROUP/VERSION``; None: nothing of it is served."""
    listed: list[dict[str, Any]] = []
    for resource in resources:
        info = resource.info
        if (info.group, info.version) != (group, version):
            continue
        entry: dict[str, Any] = {
            "name": info.plural,
            "singularName": info.singular,
            "namespaced": info.namespaced,
            "kind": info.kind,
            "verbs": list(info.verbs),
        }
        if info.short_names:
            entry["shortNames"] = list(info.short_names)
        if info.categories:
            entry["categories"] = list(info.categories)
        listed.append(entry)
        for name in info.subresources:
            kind, verbs = _subresource(resource, name)
            listed.append(
                {
                    "name": f"{info.plural}/{name}",
                    "singularName": "",
                    "namespaced": info.namespaced,
                    "kind": kind,
                    "verbs": list(verbs),
                }
            )
    if not listed:
        return None
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def aggregated(resources: Sequence[Resource], *, core: bool, version: str = "v2") -> dict[str, Any]:
    """``GET /api`` or ``/apis`` in the form that needs no further request (``apidiscovery.k8s.io``)."""
    groups: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for resource in resources:
        info = resource.info
        if bool(info.group) is core:
            continue
        entry: dict[str, Any] = {
            "resource": info.plural,
            "responseKind": {"group": info.group, "version": info.version, "kind": info.kind},
            "scope": "Namespaced" if info.namespaced else "Cluster",
            "singularResource": info.singular,
            "verbs": list(info.verbs),
            "shortNames": list(info.short_names),
            "categories": list(info.categories),
        }
        subresources = []
        for name in info.subresources:
            kind, verbs = _subresource(resource, name)
            response = {"group": info.group, "version": info.version, "kind": kind}
            subresources.append({"subresource": name, "responseKind": response, "verbs": list(verbs)})
        if subresources:
            entry["subresources"] = subresources
        groups.setdefault(info.group, {}).setdefault(info.version, []).append(entry)
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"{AGGREGATED}/{version}",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": group, "creationTimestamp": None},
                "versions": [
                    {"version": number, "resources": entries, "freshness": "Current"}
                    for number, entries in versions.items()
                ],
            }
            for group, versions in groups.items()
        ],
    }


def _subresource(resource: Resource, name: str) -> tuple[str, tuple[str, ...]]:
    if name == "status":
        return resource.info.kind, ("get", "patch", "update")
    return _SUBRESOURCES[name]
