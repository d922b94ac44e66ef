"""Resources as people name them (``po``, ``pod/web``, ``pods,cm``), and where the API has them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

from ..api.client import Client, quote
from ..errors import UsageError

__all__ = ["KINDS", "Named", "Resource", "connect", "find_resource", "named", "of_kind"]


class Resource(NamedTuple):
    plural: str
    singular: str
    kind: str
    short: tuple[str, ...] = ()
    namespaced: bool = True

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """``namespace`` None: of all of them."""
        parts = ["/api/v1"]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", quote(namespace)]
        parts.append(self.plural)
        if name:
            parts.append(quote(name))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


KINDS: Final = (
    Resource("configmaps", "configmap", "ConfigMap", ("cm",)),
    Resource("events", "event", "Event", ("ev",)),
    Resource("namespaces", "namespace", "Namespace", ("ns",), namespaced=False),
    Resource("nodes", "node", "Node", ("no",), namespaced=False),
    Resource("pods", "pod", "Pod", ("po",)),
    Resource("secrets", "secret", "Secret"),
    Resource("serviceaccounts", "serviceaccount", "ServiceAccount", ("sa",)),
)


class Named(NamedTuple):
    """A resource, and the one object of it that is meant; no name: all."""

    resource: Resource
    name: str = ""


def find_resource(word: str) -> Resource:
    """Raises UsageError, with what may have been meant."""
    wanted = word.lower().removesuffix(".v1")
    for resource in KINDS:
        if wanted in (resource.plural, resource.singular, *resource.short):
            return resource
    from .parser import suggestion

    known = [name for resource in KINDS for name in (resource.plural, resource.singular, *resource.short)]
    raise UsageError(f'the server doesn\'t have a resource type "{word}".{suggestion(word, known)}'.removesuffix("."))


def of_kind(kind: str) -> Resource:
    """Raises UsageError for a kind that is not served."""
    for resource in KINDS:
        if resource.kind == kind:
            return resource
    raise UsageError(f'no matches for kind "{kind}": there is {", ".join(resource.kind for resource in KINDS)}')


def named(words: Sequence[str]) -> list[Named]:
    """``pods``, ``pod web db``, ``pod/web cm/conf``, ``pods,cm``. Raises UsageError."""
    if not words:
        raise UsageError("say of which resource, such as 'pods', 'pod web' or 'pod/web'")
    if any("/" in word for word in words):
        if not all("/" in word for word in words):
            raise UsageError(
                "there is no need to specify a resource type as a separate argument when passing TYPE/NAME"
            )
        return [Named(find_resource(kind), name) for kind, _, name in (word.partition("/") for word in words)]
    kinds, *names = words
    resources = [find_resource(kind) for kind in kinds.split(",") if kind]
    if not names:
        return [Named(resource) for resource in resources]
    return [Named(resource, name) for resource in resources for name in names]


def connect() -> Client:
    """To the daemon of this installation. Raises NoDaemon, PrivilegeError, UsageError."""
    return Client(os.path.join(_run_directory(), "api.sock"))


def _run_directory() -> str:
    """``Roots.run``, without the import of all that goes with it: it takes longer than a whole ``get``."""
    if not os.environ.get("NSRUNNER_ROOT"):
        return "/run/nsrunner"
    root = os.environ["NSRUNNER_ROOT"]
    if os.path.isabs(root):
        return os.path.join(root, "run")
    raise UsageError(f"NSRUNNER_ROOT={root}: must be an absolute path")
