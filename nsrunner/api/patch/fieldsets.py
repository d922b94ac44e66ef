"""Sets of fields of an object, as ``metadata.managedFields`` holds them (``FieldsV1``), and how two objects differ.

A field is a path of elements as FieldsV1 writes them: ``f:NAME`` of a struct or a map, ``k:{...}`` of an item of a list
by its keys, ``v:VALUE`` of an item of a set (https://sigs.k8s.io/structured-merge-diff).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from msgspec import Struct

from nsrunner.api.errors import bad_request
from nsrunner.api.patch.schema import ANY, Schema

__all__ = ["Changes", "FieldSet", "Path", "as_path", "compare", "ensured", "fields_of", "from_v1", "items", "to_v1"]

Path: TypeAlias = tuple[str, ...]
FieldSet: TypeAlias = frozenset[Path]

_SELF: Final = "."
_KINDS: Final = ("f:", "k:", "v:", "i:")
_DEPTH_MAX: Final = 100


def from_v1(value: Any) -> FieldSet:
    """Raises ValueError for what is not of this form."""
    return frozenset(_paths(value, ()))


def _paths(value: Any, path: Path) -> Iterator[Path]:
    if not isinstance(value, dict) or len(path) > _DEPTH_MAX:
        raise ValueError("fieldsV1 must be an object of objects")
    if path and not value:
        yield path
    for element, below in value.items():
        if element == _SELF:
            yield path
        elif element.startswith(_KINDS):
            yield from _paths(below, (*path, element))
        else:
            raise ValueError(f"{element!r} is no element of a path")


def to_v1(fields: FieldSet) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in sorted(fields):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        node[_SELF] = {}
    return _compact(tree)


def _compact(tree: dict[str, Any]) -> dict[str, Any]:
    """A field with nothing below it is an empty object."""
    return {
        element: {} if element == _SELF or list(below) == [_SELF] else _compact(below)
        for element, below in sorted(tree.items())
    }


def ensured(fields: Iterable[Path]) -> FieldSet:
    """With all that these are in."""
    return frozenset(path[:length] for path in fields for length in range(1, len(path) + 1))


def as_path(path: Path) -> str:
    """For people: ``.spec.containers[name="web"].image``."""
    text = ""
    for element in path:
        kind, value = element[:2], element[2:]
        match kind:
            case "f:":
                text += f".{value}"
            case "k:":
                pairs = json.loads(value)
                text += "[" + ",".join(f"{name}={_quoted(pairs[name])}" for name in sorted(pairs)) + "]"
            case "v:":
                text += f"[={_quoted(json.loads(value))}]"
            case _:
                text += f"[{value}]"
    return text


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- objects ----------------------------------------------------------------------------------------------------------


def is_map(value: Any, schema: Schema) -> bool:
    """Whether its fields have owners of their own."""
    return isinstance(value, dict) and schema.type == "object" and not schema.atomic


def is_list(value: Any, schema: Schema) -> bool:
    """Whether its items have owners of their own."""
    return isinstance(value, list) and schema.type == "array" and not schema.atomic


def items(values: list[Any], schema: Schema, path: Path = (), *, strict: bool = False) -> dict[str, Any]:
    """The items of a set or a list that is a map, by their elements. ``strict``: raises ApiError (400) for items that
    have no place there; else they are left out, or the first of them counts."""
    found: dict[str, Any] = {}
    for value in values:
        element = _element(value, schema)
        if element is None:
            if strict:
                keys = ", ".join(schema.keys)
                raise bad_request(
                    f"{as_path(path)}: an element omits a key of the list ({keys}), or is of another type"
                )
        elif element not in found:
            found[element] = value
        elif strict:
            raise bad_request(f"{as_path(path)}: duplicate entries for key {as_path((element,))}")
    return found


def _element(value: Any, schema: Schema) -> str | None:
    if schema.list_type == "set":
        return None if isinstance(value, dict | list) else f"v:{_json(value)}"
    if not isinstance(value, dict):
        return None
    keys = {}
    for key in schema.keys:
        below = schema.items.field(key) or ANY
        found = value.get(key)
        keys[key] = below.default if found is None else found
        if keys[key] is None or isinstance(keys[key], dict | list):
            return None
    return f"k:{_json(keys)}"


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fields_of(value: Any, schema: Schema, path: Path = ()) -> FieldSet:
    """All that an applied object says. Raises ApiError (400) for fields that do not exist."""
    return frozenset(_fields(value, schema, path))


def _fields(value: Any, schema: Schema, path: Path) -> Iterator[Path]:
    if is_map(value, schema):
        for name, item in value.items():
            below, here = schema.field(name), (*path, f"f:{name}")
            if below is None:
                raise bad_request(f"{as_path(here)}: field not declared in schema")
            yield from _fields(item, below, here)
            if item is None or item == {} or not schema.is_field(name):
                yield here
    elif is_list(value, schema):
        for element, item in items(value, schema, path, strict=True).items():
            here = (*path, element)
            yield from _fields(item, schema.items, here)
            yield here
    elif path:
        yield path


class Changes(Struct):
    """From one object to another."""

    added: set[Path] = set()
    removed: set[Path] = set()
    modified: set[Path] = set()


_MISSING: Final = object()


def compare(old: Mapping[str, Any], new: Mapping[str, Any], schema: Schema) -> Changes:
    changes = Changes()
    _compare(old, new, schema, (), changes)
    return changes


def _compare(old: Any, new: Any, schema: Schema, path: Path, changes: Changes) -> None:
    if old is new or (old is not _MISSING and old == new):
        return
    for is_one, elements in ((is_map, _by_name), (is_list, items)):
        known = [each for each in (old, new) if each is not _MISSING and each is not None and each not in ({}, [])]
        if known and all(is_one(each, schema) for each in known):
            if path and old is _MISSING:
                changes.added.add(path)
            if path and new is _MISSING:
                changes.removed.add(path)
            before = elements(old, schema) if is_one(old, schema) else {}
            after = elements(new, schema) if is_one(new, schema) else {}
            for element in {**before, **after}:
                below = (schema.field(element[2:]) or ANY) if is_one is is_map else schema.items
                one, other = before.get(element, _MISSING), after.get(element, _MISSING)
                _compare(one, other, below, (*path, element), changes)
            return
    if old is _MISSING:
        changes.added.add(path)
    elif new is _MISSING:
        changes.removed.add(path)
    else:
        changes.modified.add(path)


def _by_name(value: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    return {f"f:{name}": item for name, item in value.items()}
