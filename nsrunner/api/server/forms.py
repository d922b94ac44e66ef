"""Objects and lists in the form that was asked for: whole, as rows of a Table, or their metadata alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from nsrunner.api.resources import Resource
from nsrunner.api.server.media import Form

__all__ = ["shown", "table"]

Json = dict[str, Any]
Include = Literal["Metadata", "Object", "None"]


def shown(value: Json, resource: Resource, form: Form, *, now: float, include: Include = "Metadata") -> Json:
    """An object or a list as the client wants it; Status objects are always whole."""
    kind = resource.info.kind
    if not form.kind or value.get("kind") not in (kind, f"{kind}List"):
        return value
    is_list = value["kind"] != kind
    items = value["items"] if is_list else [value]
    if form.kind == "Table":
        return table(resource, items, value["metadata"], version=form.version, now=now, include=include)
    partial = [_partial(item, form.version) for item in items]
    if not is_list:
        return partial[0]
    api_version = f"meta.k8s.io/{form.version}"
    return {**value, "kind": "PartialObjectMetadataList", "apiVersion": api_version, "items": partial}


def table(
    resource: Resource,
    items: Sequence[Json],
    metadata: Mapping[str, Any],
    *,
    version: str,
    now: float,
    include: Include = "Metadata",
    headers: bool = True,
) -> Json:
    """A ``meta/v1 Table`` with a row for each item. ``headers`` False: of a watch, whose first event had them."""
    kept = ("resourceVersion", "continue", "remainingItemCount")
    definitions = [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        }
        for column in resource.columns
    ]
    rows = [{"cells": resource.row(item, now), **_object(item, include, version)} for item in items]
    return {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": {name: metadata[name] for name in kept if name in metadata},
        "columnDefinitions": definitions if headers else None,
        "rows": rows,
    }


def _object(item: Json, include: Include, version: str) -> Json:
    match include:
        case "None":
            return {}
        case "Object":
            return {"object": item}
        case _:
            return {"object": _partial(item, version)}


def _partial(item: Json, version: str) -> Json:
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": item["metadata"],
    }
