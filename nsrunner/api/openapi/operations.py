"""What can be done with each resource at which path, as OpenAPI has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct

from nsrunner.api.openapi.definitions import name_of
from nsrunner.api.resources import ResourceInfo

__all__ = ["Operation", "Parameter", "marks", "operations", "tag"]

_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."


class Parameter(Struct, frozen=True):
    """Of the query or the path."""

    name: str
    type: str
    description: str
    place: str = "query"


class Operation(Struct, frozen=True, kw_only=True):
    """One method of one path."""

    path: str
    method: str
    action: str
    """Kubernetes' word, ``x-kubernetes-action``."""
    info: ResourceInfo
    id: str
    parameters: tuple[Parameter, ...]
    body: str = ""
    """The name of a definition; empty: there is none."""
    answer: str
    consumes: tuple[str, ...] = ("*/*",)
    codes: tuple[int, ...] = (200,)


_PATCHES: Final = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
_PRETTY: Final = Parameter("pretty", "string", "Whether the answer is indented.")
_DRY_RUN: Final = Parameter("dryRun", "string", "All: nothing is changed.")
_MANAGER: Final = Parameter("fieldManager", "string", "The name of the actor in managedFields.")
_VALIDATION: Final = Parameter("fieldValidation", "string", "Ignore, Warn or Strict: what becomes of unknown fields.")
_FORCE: Final = Parameter("force", "boolean", "For apply patches: takes fields over from others.")
_LISTING: Final = (
    Parameter("allowWatchBookmarks", "boolean", "Whether a watch has events of type BOOKMARK."),
    Parameter("continue", "string", "Of the page before."),
    Parameter("fieldSelector", "string", "Restricts the objects by their fields."),
    Parameter("labelSelector", "string", "Restricts the objects by their labels."),
    Parameter("limit", "integer", "The most objects of one page."),
    Parameter("resourceVersion", "string", "From where a watch begins."),
    Parameter("resourceVersionMatch", "string", "How resourceVersion is meant."),
    Parameter("sendInitialEvents", "boolean", "Whether a watch begins with what is there."),
    Parameter("timeoutSeconds", "integer", "How long a watch goes on."),
    Parameter("watch", "boolean", "Changes instead of a list."),
)
_DELETING: Final = (
    _DRY_RUN,
    Parameter("gracePeriodSeconds", "integer", "How long the object has to end."),
    Parameter("orphanDependents", "boolean", "Deprecated."),
    Parameter("propagationPolicy", "string", "What becomes of dependents."),
)
_WRITING: Final = (_DRY_RUN, _MANAGER, _VALIDATION)
_NAME: Final = Parameter("name", "string", "The name of the object.", "path")
_NAMESPACE: Final = Parameter("namespace", "string", "The namespace of the object.", "path")


def operations(infos: Iterable[ResourceInfo]) -> Iterator[Operation]:
    """Of those whose kind has a definition."""
    for info in infos:
        if name_of(info.api_version, info.kind):
            yield from _of(info)


def _of(info: ResourceInfo) -> Iterator[Operation]:
    root = f"/apis/{info.api_version}" if info.group else f"/api/{info.version}"
    place = "/namespaces/{namespace}" if info.namespaced else ""
    always = (_NAMESPACE, _PRETTY) if info.namespaced else (_PRETTY,)
    kind = name_of(info.api_version, info.kind)
    many, one = f"{root}{place}/{info.plural}", f"{root}{place}/{info.plural}/{{name}}"
    if info.namespaced and "list" in info.verbs:
        yield _operation(info, f"{root}/{info.plural}", "list", (_PRETTY, *_LISTING), f"{kind}List", everywhere=True)
    if "list" in info.verbs:
        yield _operation(info, many, "list", (*always, *_LISTING), f"{kind}List")
    if "create" in info.verbs:
        yield _operation(info, many, "create", (*always, *_WRITING), kind, body=kind)
    if "deletecollection" in info.verbs:
        parameters = (*always, *_LISTING, *_DELETING)
        yield _operation(info, many, "deletecollection", parameters, f"{_META}Status", body=f"{_META}DeleteOptions")
    named = (_NAME, *always)
    for below in ("", *(each for each in info.subresources if each in ("ephemeralcontainers", "finalize", "status"))):
        path = f"{one}/{below}" if below else one
        if "get" in info.verbs and below != "finalize":
            yield _operation(info, path, "get", named, kind, below=below)
        if "update" in info.verbs:
            yield _operation(info, path, "update", (*named, *_WRITING), kind, body=kind, below=below)
        if "patch" in info.verbs and below != "finalize":
            parameters = (*named, *_WRITING, _FORCE)
            yield _operation(info, path, "patch", parameters, kind, body=f"{_META}Patch", below=below)
    if "delete" in info.verbs:
        answer = kind if info.kind == "Pod" else f"{_META}Status"
        yield _operation(info, one, "delete", (*named, *_DELETING), answer, body=f"{_META}DeleteOptions")


_METHODS: Final = {
    "create": "post",
    "delete": "delete",
    "deletecollection": "delete",
    "get": "get",
    "list": "get",
    "patch": "patch",
    "update": "put",
}
_WORDS: Final = {"deletecollection": "deleteCollection", "get": "read", "update": "replace"}
_CODES: Final = {"create": (200, 201, 202), "update": (200, 201), "patch": (200, 201), "delete": (200, 202)}


def _operation(
    info: ResourceInfo,
    path: str,
    verb: str,
    parameters: tuple[Parameter, ...],
    answer: str,
    *,
    body: str = "",
    below: str = "",
    everywhere: bool = False,
) -> Operation:
    group = "".join(part.capitalize() for part in info.group.removesuffix(".k8s.io").split(".")) or "Core"
    scope = "Namespaced" if info.namespaced and not everywhere else ""
    suffix = below.capitalize() + ("ForAllNamespaces" if everywhere else "")
    return Operation(
        path=path,
        method=_METHODS[verb],
        action={"create": "post", "update": "put"}.get(verb, verb),
        info=info,
        id=f"{_WORDS.get(verb, verb)}{group}{info.version.upper()}{scope}{info.kind}{suffix}",
        parameters=parameters,
        body=body,
        answer=answer,
        consumes=_PATCHES if verb == "patch" else ("*/*",),
        codes=_CODES.get(verb, (200,)),
    )


def marks(operation: Operation) -> dict[str, Any]:
    """What Kubernetes adds to an operation."""
    info = operation.info
    kind = {"group": info.group, "kind": info.kind, "version": info.version}
    return {"x-kubernetes-action": operation.action, "x-kubernetes-group-version-kind": kind}


def tag(operation: Operation) -> str:
    info = operation.info
    return f"{info.group.removesuffix('.k8s.io') or 'core'}_{info.version}"
