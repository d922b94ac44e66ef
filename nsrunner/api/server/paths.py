"""From a request's method and path to what is meant (``apiserver/pkg/endpoints/request/requestinfo.go``)."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from msgspec import Struct

__all__ = ["Target", "parse_path", "verb_of"]

_OF_NAMESPACES: Final = frozenset({"finalize", "status"})
"""Subresources of a namespace itself: every other word behind its name is a resource in it."""


class Target(Struct, frozen=True, kw_only=True):
    """The resource, or the one object of it, that a path names."""

    group: str = ""
    version: str
    plural: str
    namespace: str | None = None
    """None: not in the path, which means all namespaces, or that it belongs to none."""
    name: str = ""
    subresource: str = ""
    watch: bool = False
    """By the deprecated ``/watch/`` in the path."""


def parse_path(path: str) -> Target | None:
    """What a path below ``/api`` or ``/apis`` names; ``path`` is as sent, with its escapes. None: no resource."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    match parts:
        case ["api", version, *rest] if rest:
            group = ""
        case ["apis", group, version, *rest] if rest and group:
            pass
        case _:
            return None
    watch = rest[0] == "watch" and len(rest) > 1
    if watch:
        rest = rest[1:]
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in _OF_NAMESPACES:
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3 or not all(rest) or namespace == "":
        return None
    plural, name, subresource = (*rest, "", "")[:3]
    return Target(
        group=group,
        version=version,
        plural=plural,
        namespace=namespace,
        name=name,
        subresource=subresource,
        watch=watch,
    )


def verb_of(method: str, target: Target, *, watching: bool) -> str:
    """The API's word for what a request does; empty: the method means nothing there."""
    named = bool(target.name)
    match method:
        case "GET" | "HEAD":
            if watching or target.watch:
                return "watch"
            return "get" if named else "list"
        case "POST":
            return "create"
        case "PUT" if named:
            return "update"
        case "PATCH" if named:
            return "patch"
        case "DELETE":
            return "delete" if named else "deletecollection"
        case _:
            return ""
