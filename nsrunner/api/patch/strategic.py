"""Strategic merge patches (``apimachinery/pkg/util/strategicpatch``): merge patches that know which lists are maps.

https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
"""

from __future__ import annotations

import copy
from collections.abc import Hashable
from typing import Any, Final

from nsrunner.api.errors import bad_request
from nsrunner.api.patch.schema import ANY, Schema

__all__ = ["strategic_merge"]

Json = dict[str, Any]

_PATCH: Final = "$patch"
_RETAIN: Final = "$retainKeys"
_DELETE_FROM: Final = "$deleteFromPrimitiveList/"
_ORDER: Final = "$setElementOrder/"


def strategic_merge(object: Json, patch: Json, schema: Schema) -> Json:
    """``object`` with what the patch says. Changes neither. Raises ApiError (400) for directives that make no sense."""
    merged: Json = _merged_map(copy.deepcopy(object), copy.deepcopy(patch), schema)
    return merged


def _merged_map(original: Json, patch: Json, schema: Schema) -> Any:
    """Both may be used up."""
    if _PATCH in patch:
        match patch.pop(_PATCH):
            case "replace":
                return _without_nulls(patch)
            case "delete":
                return {}
            case other:
                raise bad_request(f"unknown patch type: {other!r} in map: {sorted(patch)}")
    _retain(original, patch)
    _order(original, patch, schema)
    for key, value in patch.items():
        if key.startswith(_DELETE_FROM):
            _delete_from(original, key.removeprefix(_DELETE_FROM), value)
        elif value is None:
            original.pop(key, None)
        else:
            below = schema.field(key) or ANY
            there = original.get(key)
            if isinstance(value, dict) and "replace" not in below.strategies:
                original[key] = _merged_map(there if isinstance(there, dict) else {}, value, below)
            elif isinstance(value, list) and "merge" in below.strategies:
                original[key] = _merged_list(there if isinstance(there, list) else [], value, below, key)
            else:
                original[key] = _without_nulls(value)
    return original


def _retain(original: Json, patch: Json) -> None:
    """``$retainKeys``: all others go."""
    if _RETAIN not in patch:
        return
    kept = patch.pop(_RETAIN)
    if not _is_list_of_scalars(kept):
        raise bad_request("invalid patch format of retainKeys")
    named = {key for key, value in patch.items() if value is not None and not key.startswith((_DELETE_FROM, _ORDER))}
    if not named <= set(kept):
        raise bad_request("invalid patch format of retainKeys")
    for key in [key for key in original if key not in kept]:
        del original[key]


def _delete_from(original: Json, key: str, values: Any) -> None:
    """``$deleteFromPrimitiveList``."""
    if not _is_list_of_scalars(values):
        raise bad_request(f"invalid patch format of primitive list: {_DELETE_FROM}{key} must be a list of scalars")
    there = original.get(key)
    if isinstance(there, list):
        original[key] = [item for item in there if item not in values]


def _order(original: Json, patch: Json, schema: Schema) -> None:
    """``$setElementOrder``: the patch of such a list and its order are one; done here, they leave the patch."""
    for directive in [key for key in patch if key.startswith(_ORDER)]:
        key, order = directive.removeprefix(_ORDER), patch.pop(directive)
        below = schema.field(key) or ANY
        if not isinstance(order, list) or "merge" not in below.strategies:
            raise bad_request(f"invalid patch format of setElementOrder list: {directive}")
        merge_key = below.merge_key
        order = [_identity(item, merge_key) for item in order]
        changes = patch.get(key)
        if changes is not None and not isinstance(changes, list):
            continue  # it has another type, and is no list at all any more
        if changes:
            named = [_identity(item, merge_key) for item in changes if not _deleting(item)]
            if [item for item in order if item in named] != named:
                raise bad_request(
                    f"The order in patch list:\n{named}\n doesn't match {_ORDER.rstrip('/')} list:\n{order}\n"
                )
        there = original.get(key)
        was = list(there) if isinstance(there, list) else []
        if _DELETE_FROM + key in patch:
            _delete_from(original, key, patch.pop(_DELETE_FROM + key))
        if key in patch and changes is None:
            continue  # null: the list goes
        if changes is None and not was:
            continue
        now = original.get(key)
        items = _merged_list(now if isinstance(now, list) else [], patch.pop(key, None) or [], below, key)
        original[key] = _ordered(items, order, [_identity(item, merge_key) for item in was], merge_key)


def _merged_list(original: list[Any], patch: list[Any], schema: Schema, name: str) -> list[Any]:
    if not schema.merge_key:
        if not _is_list_of_scalars([*original, *patch]):
            raise bad_request(f"{name}: cannot merge lists without merge key")
        return list(dict.fromkeys([*original, *patch]))
    key, was = schema.merge_key, list(original)
    changes, replace = [], False
    for item in patch:
        if not isinstance(item, dict):
            raise bad_request(f"{name}: an item of this list must be an object with {key}")
        match item.get(_PATCH):
            case None | "merge":
                item.pop(_PATCH, None)
                changes.append(item)
            case "replace":
                replace = True
                if len(item) > 1:
                    changes.append({field: value for field, value in item.items() if field != _PATCH})
            case "delete":
                wanted = _identity(item, key)
                original = [each for each in original if _identity_of(each, key) != wanted]
            case other:
                raise bad_request(f"unknown patch type: {other!r} in {name}")
    if replace:
        return [_without_nulls(item) for item in changes]
    result = list(original)
    for change in changes:
        wanted = _identity(change, key)
        at = next((index for index, each in enumerate(result) if _identity_of(each, key) == wanted), None)
        if at is None:
            result.append(_merged_map({}, change, schema.items))
        else:
            result[at] = _merged_map(result[at], change, schema.items)
    order = [_identity(item, key) for item in changes]
    return _ordered(result, order, [_identity_of(item, key) for item in was], key)


def _ordered(items: list[Any], order: list[Any], was: list[Any], key: str) -> list[Any]:
    """Those that ``order`` names as it says, and the others between them where they were (``mergeSortedSlice``)."""
    place = {identity: index for index, identity in reversed([*enumerate(order)])}
    before = {identity: index for index, identity in reversed([*enumerate(was)])}
    tagged = [(_identity_of(item, key), item) for item in items]
    left = sorted((each for each in tagged if each[0] in place), key=lambda each: place[each[0]])
    right = sorted((each for each in tagged if each[0] not in place), key=lambda each: before.get(each[0], len(before)))
    merged: list[Any] = []
    while left and right:
        one, other = before.get(left[0][0]), before.get(right[0][0])
        first = right if one is not None and other is not None and other < one else left
        merged.append(first.pop(0)[1])
    return [*merged, *(item for _, item in left), *(item for _, item in right)]


def _identity(item: Any, key: str) -> Hashable:
    """What tells an item from the others. Raises ApiError (400) for one that has nothing of the kind."""
    if not key:
        if isinstance(item, dict | list):
            raise bad_request("an item of a list of scalars is an object or a list")
        return item if not isinstance(item, bool) else (item,)
    found = item.get(key) if isinstance(item, dict) else None
    if found is None or isinstance(found, dict | list):
        raise bad_request(f"map: {item} does not contain declared merge key: {key}")
    return found if not isinstance(found, bool) else (found,)


def _identity_of(item: Any, key: str) -> Hashable:
    """The same of an item that is there already, whatever it is."""
    found = item.get(key) if key and isinstance(item, dict) else item
    return None if isinstance(found, dict | list) else found


def _deleting(item: Any) -> bool:
    return isinstance(item, dict) and item.get(_PATCH) == "delete"


def _is_list_of_scalars(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)


def _without_nulls(value: Any) -> Any:
    """What is new: nulls and directives say nothing there."""
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return {key: item for key, item in kept.items() if key not in (_PATCH, _RETAIN)}
