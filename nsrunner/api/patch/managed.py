"""``metadata.managedFields``: who has set which fields (``apimachinery/pkg/util/managedfields``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from nsrunner.api.patch.fieldsets import FieldSet, Path, compare, from_v1, to_v1
from nsrunner.api.patch.schema import schema_of

__all__ = ["Manager", "Managers", "encode_managers", "read_managers", "settled", "stripped", "updated_managers"]

Json = dict[str, Any]

_METADATA: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
)
_NOBODYS: Final = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",), *(("f:metadata", f"f:{n}") for n in _METADATA)}
)
"""Fields that have no owner (``stripmeta.go``)."""
_TOP: Final = frozenset({("f:spec",), ("f:status",), ("f:spec", "f:containers")})
"""Objects have them always: nobody adds them."""


class Manager(Struct, frozen=True, order=True):
    """Who: an entry has its fields."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


Managers = dict[Manager, tuple[FieldSet, str]]
"""The fields of each, and since when (RFC 3339)."""


def read_managers(entries: Any) -> Managers:
    """Raises ValueError for what no client may write there."""
    managers: Managers = {}
    if not isinstance(entries, list):
        raise ValueError("managedFields must be a list")
    for entry in entries:
        if not isinstance(entry, dict):
            raise ValueError("managedFields must be a list of objects")
        given = [entry.get(key, "") for key in ("manager", "operation", "apiVersion", "subresource")]
        time = entry.get("time") or ""
        if not all(isinstance(text, str) for text in (*given, time)):
            raise ValueError("an entry of managedFields has a field that is no string")
        if given[1] not in ("Apply", "Update") or entry.get("fieldsType", "FieldsV1") != "FieldsV1":
            raise ValueError("an entry of managedFields has another operation than Apply or Update, or another form")
        managers[Manager(*given)] = (from_v1(entry.get("fieldsV1") or {}), time)
    return managers


def encode_managers(managers: Managers) -> list[Json]:
    """Entries, those who applied first, then the oldest."""
    entries = []
    for manager, (fields, time) in sorted(managers.items(), key=lambda item: (item[0].operation, item[1][1], item[0])):
        if fields:
            entry: Json = {"manager": manager.name, "operation": manager.operation, "apiVersion": manager.api_version}
            entry |= {"time": time} if time else {}
            entry |= {"fieldsType": "FieldsV1", "fieldsV1": to_v1(fields)}
            entries.append(entry | ({"subresource": manager.subresource} if manager.subresource else {}))
    return entries


def stripped(fields: FieldSet | set[Path], subresource: str) -> FieldSet:
    """Without those that nobody owns, and those that a write of this subresource does not set."""
    kept = frozenset(path for path in fields if path not in _NOBODYS and path[:2] not in _NOBODYS)
    if subresource == "status":
        return frozenset(path for path in kept if path[0] != "f:spec")
    return frozenset(path for path in kept if path[0] != "f:status")


def updated_managers(
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    given: Any,
    *,
    manager: str,
    subresource: str,
    now: str,
    unowned: FieldSet = frozenset(),
) -> list[Json]:
    """The entries after a write that is no apply. ``given``: what the client has sent as managedFields; what cannot be
    read of it, and nothing, leave those of ``old`` in place, and one empty entry takes all away. ``unowned``: what we
    have filled in."""
    managers = _base(old, given)
    changes = compare(old or {}, new, schema_of(new["apiVersion"], new["kind"]))
    taken = stripped(changes.added | changes.modified, subresource) - _TOP - unowned
    lost = frozenset(changes.removed) | changes.added | changes.modified
    if lost:
        managers = {each: (fields - lost, time) for each, (fields, time) in managers.items()}
    if taken:
        self = Manager(manager, "Update", new["apiVersion"], subresource)
        before = managers.get(self, (frozenset(), ""))[0]
        managers[self] = (before | taken, now)
    return encode_managers(managers)


def _base(old: Mapping[str, Any] | None, given: Any) -> Managers:
    if given == [{}]:
        return {}
    there = (old or {}).get("metadata", {}).get("managedFields") or []
    if given and given != there:
        try:
            return read_managers(given)
        except ValueError:
            pass
    return read_managers(there)


def settled(old: Sequence[Json], new: Sequence[Json]) -> Sequence[Json]:
    """``old`` when nothing but times is different."""

    def timeless(entries: Sequence[Json]) -> list[Json]:
        return sorted(
            ({key: value for key, value in entry.items() if key != "time"} for entry in entries),
            key=lambda entry: (entry["manager"], entry["operation"], entry.get("subresource", "")),
        )

    return old if timeless(old) == timeless(new) else new
