"""Which objects a request is about."""

from __future__ import annotations

from typing import Any, TypeAlias

from nsrunner.api.resources import Resource
from nsrunner.api.selectors import Predicate, fixed_fields, parse_fields, parse_labels
from nsrunner.api.store import Change

__all__ = ["Json", "Selection"]

Json: TypeAlias = dict[str, Any]


class Selection:
    """What a label and a field selector leave of a resource's objects. Raises ApiError (400)."""

    def __init__(self, resource: Resource, label_selector: str, field_selector: str) -> None:
        self._resource = resource
        self.everything = not label_selector and not field_selector
        self._labels: Predicate = parse_labels(label_selector)
        self._fields: Predicate | None = None
        self._name: str | None = None
        """The only one that fits: most watches are of one object, and see all others go by."""
        if field_selector:
            blank = {"metadata": {"name": "", "namespace": ""}, "spec": {}}
            self._fields = parse_fields(field_selector, resource.fields(blank).keys())
            self._name = fixed_fields(field_selector).get("metadata.name")

    def has(self, object: Json) -> bool:
        if self.everything:
            return True
        metadata = object["metadata"]
        if self._name is not None and metadata["name"] != self._name:
            return False
        if not self._labels(metadata.get("labels") or {}):
            return False
        return self._fields is None or self._fields(self._resource.fields(object))

    def concerned(self, change: Change) -> bool:
        """Whether the object is or was one of them."""
        return self.has(change.object) or (change.previous is not None and self.has(change.previous))
