"""ConfigMaps and Secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from nsrunner.api.resources.base import Column, Context, ResourceInfo
from nsrunner.api.resources.typed import TypedResource
from nsrunner.errors import FieldError
from nsrunner.model.printing.ages import age_of
from nsrunner.model.types import ConfigMap, Secret

__all__ = ["ConfigMaps", "Secrets"]

_DATA = ("data", "binaryData")


class _Immutable:
    """What both refuse to change (``ValidateConfigMapUpdate``, ``ValidateSecretUpdate``)."""

    @staticmethod
    def problems(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[FieldError]:
        if not old.get("immutable"):
            return []
        problem = "field is immutable when `immutable` is set"
        errors = []
        if not new.get("immutable"):
            errors.append(FieldError("immutable", "Forbidden", detail=problem))
        errors += [
            FieldError(field, "Forbidden", detail=problem)
            for field in _DATA
            if (old.get(field) or {}) != (new.get(field) or {})
        ]
        return errors


class ConfigMaps(TypedResource[ConfigMap]):
    type = ConfigMap
    info = ResourceInfo(kind="ConfigMap", plural="configmaps", singular="configmap", short_names=("cm",))
    columns: ClassVar = (
        Column(name="Name", format="name"),
        Column(name="Data", type="integer"),
        Column(name="Age"),
    )

    def prepare_update(self, old: dict[str, Any], new: dict[str, Any], context: Context) -> dict[str, Any]:
        prepared = super().prepare_update(old, new, context)
        self.refuse(old, _Immutable.problems(old, prepared))
        return prepared

    def row(self, object: Mapping[str, Any], now: float) -> list[Any]:
        count = sum(len(object.get(field) or {}) for field in _DATA)
        return [object["metadata"]["name"], count, age_of(object, now)]


class Secrets(TypedResource[Secret]):
    type = Secret
    info = ResourceInfo(kind="Secret", plural="secrets", singular="secret")
    columns: ClassVar = (
        Column(name="Name", format="name"),
        Column(name="Type"),
        Column(name="Data", type="integer"),
        Column(name="Age"),
    )

    def prepare_update(self, old: dict[str, Any], new: dict[str, Any], context: Context) -> dict[str, Any]:
        # A replaced Secret keeps its type when it names none (registry/core/secret/strategy.go).
        prepared = super().prepare_update(old, new if new.get("type") else {**new, "type": old["type"]}, context)
        errors = _Immutable.problems(old, prepared)
        if prepared["type"] != old["type"]:
            errors.append(FieldError("type", "Invalid value", f'"{prepared["type"]}"', "field is immutable"))
        self.refuse(old, errors)
        return prepared

    def fields(self, object: Mapping[str, Any]) -> dict[str, str]:
        return {**super().fields(object), "type": object.get("type", "")}

    def row(self, object: Mapping[str, Any], now: float) -> list[Any]:
        return [object["metadata"]["name"], object.get("type", ""), len(object.get("data") or {}), age_of(object, now)]
