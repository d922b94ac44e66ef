"""The objects that a program hands over: the pods among them, made ready to run, and what these refer to."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from nsrunner.errors import UsageError
from nsrunner.model import Object, load, raise_for_errors
from nsrunner.model.environment import EnvironmentContext
from nsrunner.model.types import ConfigMap, Pod, Secret

__all__ = ["Documents", "from_mappings", "load_objects"]

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
"""What generateName appends (apimachinery ``util/rand``): no vowels, so no words."""


def load_objects(data: bytes, source: str, namespace: str = "default") -> list[Object]:
    """All objects of a manifest; ``namespace`` is that of those which name none. Raises the ManifestError of the first
    bad document."""
    documents = load(data, source, namespace=namespace)
    raise_for_errors(documents)
    return [document.object for document in documents if document.object is not None]


class Documents:
    """Given objects as an ObjectReader."""

    def __init__(self, objects: Iterable[Object]) -> None:
        """``objects`` as :func:`load_objects` gives them: with a namespace."""
        self.pods: list[Pod] = []
        self._config_maps: dict[tuple[str, str], ConfigMap] = {}
        self._secrets: dict[tuple[str, str], Secret] = {}
        for item in objects:
            key = (item.metadata.namespace, item.metadata.name)
            match item:
                case Pod():
                    self.pods.append(item)
                case ConfigMap():
                    self._config_maps[key] = item
                case Secret():
                    self._secrets[key] = item

    async def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        return self._config_maps.get((namespace, name))

    async def secret(self, namespace: str, name: str) -> Secret | None:
        return self._secrets.get((namespace, name))

    def context(self, namespace: str, **facts: Any) -> EnvironmentContext:
        """What variables of a pod of this namespace may refer to; ``facts`` are those of the node."""
        return EnvironmentContext(
            config_maps={name: item for (where, name), item in self._config_maps.items() if where == namespace},
            secrets={name: item for (where, name), item in self._secrets.items() if where == namespace},
            **facts,
        )

    def pod(self, name: str | None) -> Pod:
        """The pod of this name, or the only one. Raises UsageError."""
        names = [pod.metadata.name for pod in self.pods]
        if not names:
            raise UsageError("there is no Pod among the objects")
        if name is None:
            if len(names) > 1:
                raise UsageError(f"there are {len(names)} pods: name one of {', '.join(names)}")
            return self.pods[0]
        if names.count(name) != 1:
            problem = "is there twice" if name in names else f"not found; there is {', '.join(names)}"
            raise UsageError(f'pod "{name}" {problem}')
        return self.pods[names.index(name)]

    def accept(self, pod: Pod, node_name: str) -> Pod:
        """The pod as the API server and the scheduler would have it: with uid, time of creation, node."""
        meta = pod.metadata
        name = meta.name or f"{meta.generate_name or 'pod-'}{_suffix()}"
        meta = msgspec.structs.replace(
            meta,
            name=name,
            uid=str(uuid.uuid4()),
            generation=meta.generation or 1,
            creation_timestamp=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        spec = msgspec.structs.replace(pod.spec, node_name=pod.spec.node_name or node_name)
        return msgspec.structs.replace(pod, metadata=meta, spec=spec)


def _suffix() -> str:
    import random  # for the few pods that leave their name to us

    return "".join(random.choices(_SUFFIX, k=5))  # noqa: S311 - no secret


def from_mappings(objects: Sequence[Mapping[str, Any]], source: str, namespace: str = "default") -> list[Object]:
    """Objects given as dicts, decoded like a manifest. Raises ManifestError, UsageError."""
    try:
        data = msgspec.json.encode({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    except (TypeError, ValueError) as error:
        raise UsageError(f"{source}: not JSON-able: {error}") from None
    return load_objects(data, source, namespace)
