"""Completion of the daemon's resources, and of the names of its objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ..errors import NsrunnerError
from .resources import KINDS, Resource, connect

__all__ = ["namespaces", "resources"]


def resources(before: Sequence[str], current: str) -> Iterator[str]:
    """What may stand where a RESOURCE is expected: a kind, ``kind/name``, or, behind a kind, the names of it."""
    kind, slash, start = current.partition("/")
    if slash:
        for resource in _of(kind):
            yield from (f"{kind}/{name}" for name in _names(resource, before) if name.startswith(start))
        return
    chosen = [resource for word in before for resource in _of(word)]
    if chosen:
        yield from (name for name in _names(chosen[0], before) if name.startswith(current) and name not in before)
        return
    for resource in KINDS:
        yield from (name for name in (resource.plural, resource.singular) if name.startswith(current))


def namespaces(current: str) -> Iterator[str]:
    """Of the daemon."""
    yield from (name for name in _names(_of("ns")[0], ()) if name.startswith(current))


def _of(word: str) -> list[Resource]:
    return [each for each in KINDS if word in (each.plural, each.singular, *each.short)]


def _names(resource: Resource, before: Sequence[str]) -> list[str]:
    """Nothing when no daemon can be asked."""
    namespace = "default"
    for flag, value in pairwise(before):
        if flag in ("-n", "--namespace"):
            namespace = value
    try:
        with connect() as client:
            client.deadline = _deadline()
            listed = client.call("GET", resource.path(namespace))
    except (NsrunnerError, OSError):
        return []
    return [item["metadata"]["name"] for item in listed.get("items") or ()]


def _deadline() -> float:
    """A shell waits for its completions."""
    import time

    return time.monotonic() + 1.0
