"""Server-side apply: an object is made as a manager says, as far as the fields are its own.

https://kubernetes.io/docs/reference/using-api/server-side-apply/; the algorithm is that of structured-merge-diff
(``merge/update.go``): merge, take away what the manager applied before and nobody else has, and see who is overruled.
"""

from __future__ import annotations

import copy
import json
from typing import Any, Final

import msgspec

from nsrunner.api.errors import ApiError, status
from nsrunner.api.patch.fieldsets import (
    FieldSet,
    Path,
    as_path,
    compare,
    ensured,
    fields_of,
    is_list,
    is_map,
    items,
)
from nsrunner.api.patch.managed import Manager, Managers, encode_managers, read_managers, stripped
from nsrunner.api.patch.schema import ANY, Schema

__all__ = ["LAST_APPLIED", "applied"]

Json = dict[str, Any]

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_KUBECTL: Final = "kubectl"
"""The manager that goes on from client-side apply (``lastappliedmanager.go``)."""


def applied(
    live: Json, config: Json, schema: Schema, *, manager: str, subresource: str = "", force: bool = False, now: str
) -> Json:
    """The object after ``manager`` applies ``config``, with its managedFields. ``live`` is empty for a new one.

    Raises ApiError: 409 when fields of others would change and it is not forced, 400 for fields that do not exist.
    """
    self = Manager(manager, "Apply", config["apiVersion"], subresource)
    managers = read_managers((live.get("metadata") or {}).get("managedFields") or [])
    before = managers.get(self, (frozenset(), ""))[0]
    own = fields_of(config, schema)
    managers[self] = (own, now)
    merged: Json = _merged(live, config, schema)
    kept = ensured(path for fields, _ in managers.values() for path in fields)
    new: Json = _without(merged, schema, _tree(ensured(before) - kept))

    changes = compare(live, new, schema)
    written = changes.added | changes.modified
    conflicts = {each: fields & written for each, (fields, _) in managers.items() if each != self and fields & written}
    if conflicts and not force:
        if manager == _KUBECTL:
            conflicts = _not_client_side(conflicts, live, schema)
        if conflicts:
            raise _conflict(conflicts, managers)
    for each, (fields, time) in list(managers.items()):
        if each != self:
            managers[each] = (fields - written - changes.removed, time)
    managers[self] = (stripped(own, subresource), now)
    if manager == _KUBECTL:
        _note_last_applied(new, config)
    return {**new, "metadata": {**new.get("metadata", {}), "managedFields": encode_managers(managers)}}


def _merged(live: Any, config: Any, schema: Schema) -> Any:
    """Both, and of what both have the applied one."""
    if is_map(live, schema) and is_map(config, schema):
        both = dict(live)
        for name, value in config.items():
            both[name] = _merged(live[name], value, schema.field(name) or ANY) if name in live else value
        return both
    if is_list(live, schema) and is_list(config, schema):
        return _merged_list(live, config, schema)
    return copy.deepcopy(config)


def _merged_list(live: list[Any], config: list[Any], schema: Schema) -> list[Any]:
    """In the order of the applied one; the others stay behind the items that they were behind."""
    there, wanted = items(live, schema), items(config, schema)
    both = {
        element: _merged(there[element], value, schema.items) if element in there else value
        for element, value in wanted.items()
    }
    order: list[str] = []
    waiting = list(wanted)
    for element in there:
        if element not in wanted:
            order.append(element)
        elif element in waiting:
            upto = waiting.index(element) + 1
            order += waiting[:upto]
            del waiting[:upto]
    return [both[element] if element in both else there[element] for element in [*order, *waiting]]


_GONE: Final = ""


def _tree(paths: FieldSet) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        node[_GONE] = True
    return tree


def _without(value: Any, schema: Schema, gone: dict[str, Any]) -> Any:
    """A value without the paths of a tree, and all that is in them."""
    if not gone:
        return value
    if is_map(value, schema):
        kept = {}
        for name, item in value.items():
            below = gone.get(f"f:{name}", {})
            if _GONE not in below:
                kept[name] = _without(item, schema.field(name) or ANY, below)
        return kept
    if is_list(value, schema):
        found = items(value, schema)
        return [
            _without(item, schema.items, gone.get(element, {}))
            for element, item in found.items()
            if _GONE not in gone.get(element, {})
        ]
    return value


def _not_client_side(conflicts: dict[Manager, FieldSet], live: Json, schema: Schema) -> dict[Manager, FieldSet]:
    """What is left of conflicts without the fields that the same person applied on the client's side before."""
    try:
        text = live["metadata"]["annotations"][LAST_APPLIED]
        last = msgspec.json.decode(text)
        own = fields_of(last, schema) if isinstance(last, dict) else frozenset()
    except (KeyError, TypeError, msgspec.DecodeError, RecursionError, ApiError):
        return conflicts
    return {manager: fields - own for manager, fields in conflicts.items() if fields - own}


def _note_last_applied(new: Json, config: Json) -> None:
    """Keeps the annotation true, where there is one, for those who go back to client-side apply."""
    metadata = new.get("metadata") or {}
    if LAST_APPLIED not in (metadata.get("annotations") or {}):
        return
    plain = copy.deepcopy(config)
    annotations = plain.setdefault("metadata", {}).setdefault("annotations", {})
    annotations.pop(LAST_APPLIED, None)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    new["metadata"] = {**metadata, "annotations": {**metadata["annotations"], LAST_APPLIED: text}}


def _conflict(conflicts: dict[Manager, FieldSet], managers: Managers) -> ApiError:
    found: list[tuple[str, Path]] = []
    for manager in sorted(conflicts):
        who = _named(manager, managers[manager][1])
        found += [(who, path) for path in sorted(conflicts[manager])]
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": as_path(path)}
        for who, path in found
    ]
    if len(found) == 1:
        what = f"1 conflict: conflict with {found[0][0]}: {as_path(found[0][1])}"
    else:
        lines = []
        for who in dict.fromkeys(who for who, _ in found):
            lines.append(f"conflicts with {who}:")
            lines += [f"- {as_path(path)}" for each, path in found if each == who]
        what = f"{len(found)} conflicts: " + "\n".join(lines)
    return ApiError(status(409, "Conflict", f"Apply failed with {what}", details={"causes": causes}))


def _named(manager: Manager, time: str) -> str:
    text = json.dumps(manager.name, ensure_ascii=False)
    if manager.subresource:
        text += f' with subresource "{manager.subresource}"'
    if manager.operation == "Apply":
        return text
    return f"{text} using {manager.api_version}" + (f" at {time}" if time else "")
