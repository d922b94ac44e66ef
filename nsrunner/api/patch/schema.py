"""What patches need to know of a type: which lists are sets or maps, by which keys, and what is replaced as a whole.

The marks are those of Kubernetes' OpenAPI document: ``x-kubernetes-patch-*`` for strategic merge patches,
``x-kubernetes-list-*`` and ``x-kubernetes-map-type`` for server-side apply
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final, Literal

from nsrunner.api.openapi import definitions, name_of

__all__ = ["ANY", "Schema", "schema_of"]


class Schema:
    """Of a value: a view of its definition."""

    __slots__ = ("_schema", "_shown", "_used", "known")

    def __init__(self, schema: Mapping[str, Any], *, known: bool = True) -> None:
        self._shown = schema
        """With the marks that stand beside a reference."""
        self._schema = _resolved(schema)
        self._used: dict[str, Schema | None] = {}
        self.known = known
        """False: nothing is known of the value; everything may be in it, and it is one value for server-side apply."""

    def field(self, name: str) -> Schema | None:
        """Of a key of an object; None: there is no such field."""
        if name not in self._used:
            found = self._schema.get("properties", {}).get(name)
            if found is None:
                found = self._schema.get("additionalProperties")
            if isinstance(found, dict):
                self._used[name] = Schema(found)
            else:
                self._used[name] = None if self._closed else ANY
        return self._used[name]

    @property
    def _closed(self) -> bool:
        return "properties" in self._schema

    @property
    def items(self) -> Schema:
        if "[]" not in self._used:
            items = self._schema.get("items")
            self._used["[]"] = ANY if items is None else Schema(items)
        found = self._used["[]"]
        assert found is not None
        return found

    @property
    def type(self) -> Literal["object", "array", ""]:
        """Empty: a scalar, or not known."""
        type = self._schema.get("type")
        return type if type in ("object", "array") else ""

    def is_field(self, name: str) -> bool:
        """Whether it is a field of a struct; other keys of objects are those of maps."""
        return name in self._schema.get("properties", {})

    # --- strategic merge patches ---

    @property
    def strategies(self) -> frozenset[str]:
        """Of ``merge``, ``replace``, ``retainKeys``."""
        return frozenset(filter(None, self._shown.get("x-kubernetes-patch-strategy", "").split(",")))

    @property
    def merge_key(self) -> str:
        key: str = self._shown.get("x-kubernetes-patch-merge-key", "")
        return key

    # --- server-side apply ---

    @property
    def atomic(self) -> bool:
        """Whether an object or a list has one owner as a whole."""
        if not self.known:
            return True
        match self.type:
            case "array":
                return self.list_type == "atomic"
            case "object":
                if "properties" not in self._schema and "additionalProperties" not in self._schema:
                    return True
                return "atomic" in (self._shown.get("x-kubernetes-map-type"), self._schema.get("x-kubernetes-map-type"))
        return True

    @property
    def list_type(self) -> str:
        """``atomic``, ``set`` or ``map``."""
        given = self._shown.get("x-kubernetes-list-type")
        if given is not None:
            return str(given)
        # kube-openapi's conversion: lists that strategic patches merge are maps or sets, too.
        if "merge" not in self.strategies:
            return "atomic"
        return "map" if self.merge_key else "set"

    @property
    def keys(self) -> tuple[str, ...]:
        """Of a list that is a map."""
        given = self._shown.get("x-kubernetes-list-map-keys")
        return tuple(given) if given else (self.merge_key,)

    @property
    def default(self) -> Any:
        return self._shown.get("default")


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return schema if reference is None else definitions()[reference.rpartition("/")[2]]


ANY: Final = Schema({}, known=False)
"""Of a value that nothing is known of."""


@functools.cache
def schema_of(api_version: str, kind: str) -> Schema:
    name = name_of(api_version, kind)
    return Schema(definitions()[name]) if name else ANY
