"""Object metadata, references to objects, and label selectors (``meta/v1`` and the references of ``core/v1``)."""

from __future__ import annotations

from typing import Any

from nsrunner.model.types.base import Struct

__all__ = [
    "LabelSelector",
    "LabelSelectorRequirement",
    "ListMeta",
    "LocalObjectReference",
    "ManagedFieldsEntry",
    "ObjectMeta",
    "ObjectReference",
    "OwnerReference",
    "TypedLocalObjectReference",
    "TypedObjectReference",
]


class OwnerReference(Struct, frozen=True, kw_only=True):
    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ManagedFieldsEntry(Struct, frozen=True, kw_only=True):
    manager: str | None = None
    operation: str | None = None
    api_version: str | None = None
    time: str | None = None
    fields_type: str | None = None
    fields_v1: dict[str, Any] = {}
    subresource: str | None = None


class ObjectMeta(Struct, frozen=True, kw_only=True):
    name: str = ""
    generate_name: str | None = None
    namespace: str = ""
    self_link: str | None = None
    uid: str = ""
    resource_version: str | None = None
    generation: int | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()
    managed_fields: tuple[ManagedFieldsEntry, ...] = ()


class ListMeta(Struct, frozen=True, kw_only=True):
    self_link: str | None = None
    resource_version: str | None = None
    continue_: str | None = None
    remaining_item_count: int | None = None


class LocalObjectReference(Struct, frozen=True, kw_only=True):
    name: str = ""


class ObjectReference(Struct, frozen=True, kw_only=True):
    kind: str | None = None
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    api_version: str | None = None
    resource_version: str | None = None
    field_path: str | None = None


class TypedLocalObjectReference(Struct, frozen=True, kw_only=True):
    api_group: str | None = None
    kind: str
    name: str


class TypedObjectReference(Struct, frozen=True, kw_only=True):
    api_group: str | None = None
    kind: str
    name: str
    namespace: str | None = None


class LabelSelectorRequirement(Struct, frozen=True, kw_only=True):
    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(Struct, frozen=True, kw_only=True):
    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
