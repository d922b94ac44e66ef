"""A PATCH request, by its media type."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final

import msgspec

from nsrunner.api import errors
from nsrunner.api.patch.merge import merge_patch
from nsrunner.api.registry import Json, Registry
from nsrunner.api.resources import Context, Resource

__all__ = ["PATCHES", "patched"]

_OPERATIONS_MAX: Final = 10_000
"""Of a JSON patch (apiserver: maxJSONPatchOperations)."""


async def patched(
    registry: Registry,
    resource: Resource,
    namespace: str,
    name: str,
    content_type: str,
    data: bytes,
    context: Context,
    *,
    force: bool = False,
) -> tuple[Json, bool]:
    """The object as it is then, and whether it was created. ``content_type`` is one of PATCHES. Raises ApiError."""
    apply = PATCHES[content_type](_json(data), resource)
    return await registry.change(resource, namespace, name, apply, context), False


def _json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise errors.bad_request(f"error decoding patch: {error}") from None


def _merge(body: Any, resource: Resource) -> Callable[[Json], Json]:
    if not isinstance(body, dict):
        raise errors.bad_request("error decoding patch: a merge patch must be an object")

    def modify(old: Json) -> Json:
        result: Json = merge_patch(old, body)
        return result

    return modify


def _operations(body: Any, resource: Resource) -> Callable[[Json], Json]:
    import jsonpatch

    if not isinstance(body, list) or not all(isinstance(each, dict) for each in body):
        raise errors.bad_request("error decoding patch: a JSON patch must be a list of operations")
    if len(body) > _OPERATIONS_MAX:
        raise errors.too_large(_OPERATIONS_MAX)
    try:
        patch = jsonpatch.JsonPatch(body)
    except jsonpatch.JsonPatchException as error:
        raise errors.bad_request(f"error decoding patch: {error}") from None

    def modify(old: Json) -> Json:
        try:
            result = patch.apply(copy.deepcopy(old))
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError, ValueError) as error:
            info, problem = resource.info, f"the server rejected our request due to an error in our request: {error}"
            raise errors.ApiError(
                errors.status(422, "Invalid", problem, details={"name": old["metadata"]["name"], "kind": info.plural})
            ) from None
        return result  # type: ignore[no-any-return] # checked by object_of

    return modify


PATCHES: Final[dict[str, Callable[[Any, Resource], Callable[[Json], Json]]]] = {
    "application/json-patch+json": _operations,
    "application/merge-patch+json": _merge,
}
"""By media type: from a decoded body to the change of an object."""
