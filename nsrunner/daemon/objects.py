"""Between the API's objects, which are JSON-ready, and the model's values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from nsrunner.api.store import Key, Store
from nsrunner.model.decode import decode
from nsrunner.model.path import ROOT
from nsrunner.model.report import Report
from nsrunner.model.types import ConfigMap, Pod, Secret, Struct
from nsrunner.sources.static import MIRROR

__all__ = ["StoredObjects", "engine_uid", "is_final", "pod_of", "same_content", "typed"]

T = TypeVar("T", bound=Struct)
C = TypeVar("C", ConfigMap, Secret)

_HEADER: Final = frozenset({"apiVersion", "kind"})


def typed(kind: type[T], object: Mapping[str, Any]) -> T:
    """The value of an object that the registry has let in. Raises ValueError when it is none."""
    report = Report()
    value = decode(kind, object, ROOT, report, skip=_HEADER)
    if errors := report.close():
        raise ValueError(f"{object.get('kind')}: {errors[0]}")
    return value


class StoredObjects:
    """The store as an ObjectReader. What it lacks may lie beside the static pods' manifests."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._static: dict[str, dict[tuple[type, str, str], ConfigMap | Secret]] = {}

    def set_static(self, source: str, objects: Iterable[ConfigMap | Secret]) -> None:
        """All objects of a source of static pods."""
        self._static[source] = {
            (type(each), each.metadata.namespace, each.metadata.name): each for each in reversed(list(objects))
        }

    async def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        found = self._store.get(Key("configmaps", namespace, name))
        return self._beside(ConfigMap, namespace, name) if found is None else typed(ConfigMap, found)

    async def secret(self, namespace: str, name: str) -> Secret | None:
        found = self._store.get(Key("secrets", namespace, name))
        return self._beside(Secret, namespace, name) if found is None else typed(Secret, found)

    def _beside(self, kind: type[C], namespace: str, name: str) -> C | None:
        for objects in self._static.values():
            found = objects.get((kind, namespace, name))
            if isinstance(found, kind):
                return found
        return None


def is_final(object: Mapping[str, Any]) -> bool:
    """The pod has ended for good."""
    return (object.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def engine_uid(object: Mapping[str, Any]) -> str:
    """The uid by which the supervisor knows the pod of an object: of a mirror, that of the static pod."""
    annotations = object["metadata"].get("annotations") or {}
    uid: str = annotations.get(MIRROR) or object["metadata"]["uid"]
    return uid


def same_content(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two objects say the same of what a client may change. The second is one that was written down as a
    value: it is the first's own where nothing was left out of that."""
    for field in ("labels", "annotations"):
        if (one["metadata"].get(field) or {}) != (other["metadata"].get(field) or {}):
            return False
    return one["spec"] == other["spec"] or pod_of(one).spec == pod_of(other).spec


def pod_of(object: Mapping[str, Any]) -> Pod:
    """The pod of the API, as the supervisor wants it: without what the store alone needs."""
    return typed(Pod, object)
