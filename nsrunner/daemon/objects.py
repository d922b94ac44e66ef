"""Between the API's objects, which are JSON-ready, and the model's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from nsrunner.api.store import Key, Store
from nsrunner.model.decode import decode
from nsrunner.model.path import ROOT
from nsrunner.model.report import Report
from nsrunner.model.types import ConfigMap, Pod, Secret, Struct

__all__ = ["StoredObjects", "typed"]

T = TypeVar("T", bound=Struct)

_HEADER: Final = frozenset({"apiVersion", "kind"})


def typed(kind: type[T], object: Mapping[str, Any]) -> T:
    """The value of an object that the registry has let in. Raises ValueError when it is none."""
    report = Report()
    value = decode(kind, object, ROOT, report, skip=_HEADER)
    if errors := report.close():
        raise ValueError(f"{object.get('kind')}: {errors[0]}")
    return value


class StoredObjects:
    """The store as an ObjectReader."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        found = self._store.get(Key("configmaps", namespace, name))
        return None if found is None else typed(ConfigMap, found)

    async def secret(self, namespace: str, name: str) -> Secret | None:
        found = self._store.get(Key("secrets", namespace, name))
        return None if found is None else typed(Secret, found)


def is_final(object: Mapping[str, Any]) -> bool:
    """The pod has ended for good."""
    return (object.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def pod_of(object: Mapping[str, Any]) -> Pod:
    """The pod of the API, as the supervisor wants it: without what the store alone needs."""
    return typed(Pod, object)
