"""A PATCH request, by its media type."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from nsrunner.api import errors
from nsrunner.api.depth import DEPTH_MAX, bounded
from nsrunner.api.patch.apply import applied
from nsrunner.api.patch.merge import merge_patch
from nsrunner.api.patch.schema import Schema, schema_of
from nsrunner.api.patch.strategic import strategic_merge
from nsrunner.api.resources import Context, Resource, object_of
from nsrunner.errors import FieldError

if TYPE_CHECKING:  # the registry keeps managedFields, with this package
    from nsrunner.api.registry import Registry

__all__ = ["APPLY", "PATCHES", "patched"]

Json = dict[str, Any]

APPLY: Final = "application/apply-patch+yaml"

_OPERATIONS_MAX: Final = 10_000
"""Of a JSON patch (apiserver: maxJSONPatchOperations)."""
_COPIED_MAX: Final = 3 * 1024 * 1024
"""Bytes that the copy operations of one may copy (apiserver: JSONPatchMaxCopyBytes)."""


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
    _check_options(content_type, context, force)
    if content_type == APPLY:
        return await _apply(registry, resource, namespace, name, data, context, force)
    modify = _MODIFIERS[content_type](_json(data), resource)
    return await registry.change(resource, namespace, name, modify, context), False


def _check_options(content_type: str, context: Context, force: bool) -> None:
    """``ValidatePatchOptions`` (meta/v1/validation). Raises ApiError (422)."""
    problems = []
    if content_type == APPLY and not context.manager_named:
        problems.append(FieldError("fieldManager", "Required value", detail="is required for apply patch"))
    if content_type != APPLY and force:
        detail = "may not be specified for non-apply patch"
        problems.append(FieldError("force", "Forbidden", detail=detail))
    if problems:
        raise errors.invalid("PatchOptions", "", problems, "meta.k8s.io")


def _json(data: bytes) -> Any:
    try:
        return bounded(msgspec.json.decode(data))
    except msgspec.DecodeError as error:
        raise errors.bad_request(f"error decoding patch: {error}") from None
    except RecursionError:
        raise errors.bad_request(f"error decoding patch: more than {DEPTH_MAX} levels") from None


# --- patches that say what is to change -------------------------------------------------------------------------------


def _merge(body: Any, resource: Resource) -> Callable[[Json], Json]:
    if not isinstance(body, dict):
        raise errors.bad_request("error decoding patch: a merge patch must be an object")

    def modify(old: Json) -> Json:
        result: Json = merge_patch(old, body)
        return result

    return modify


def _strategic(body: Any, resource: Resource) -> Callable[[Json], Json]:
    if not isinstance(body, dict):
        raise errors.bad_request("error decoding patch: a strategic merge patch must be an object")
    return lambda old: strategic_merge(old, body, _schema(resource))


def _operations(body: Any, resource: Resource) -> Callable[[Json], Json]:
    import jsonpatch

    if not isinstance(body, list) or not all(isinstance(each, dict) for each in body):
        raise errors.bad_request("error decoding patch: a JSON patch must be a list of operations")
    if len(body) > _OPERATIONS_MAX:
        raise errors.too_large(_OPERATIONS_MAX)
    wrong = (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError, ValueError)
    try:
        operations = [jsonpatch.JsonPatch([each]) for each in body]
    except (*wrong, AttributeError) as error:
        raise errors.bad_request(f"error decoding patch: {error}") from None

    def modify(old: Json) -> Json:
        result, copied = copy.deepcopy(old), 0
        try:
            for operation, each in zip(operations, body, strict=True):
                if each["op"] == "copy":
                    copied += len(msgspec.json.encode(jsonpatch.JsonPointer(each["from"]).resolve(result)))
                    if copied > _COPIED_MAX:
                        raise errors.too_large(_COPIED_MAX)
                result = operation.apply(result, in_place=True)
        except (*wrong, AttributeError, IndexError) as error:
            info, problem = resource.info, f"the server rejected our request due to an error in our request: {error}"
            raise errors.ApiError(
                errors.status(422, "Invalid", problem, details={"name": old["metadata"]["name"], "kind": info.plural})
            ) from None
        bounded(result)
        return result

    return modify


def _schema(resource: Resource) -> Schema:
    return schema_of(resource.info.api_version, resource.info.kind)


_MODIFIERS: Final[dict[str, Callable[[Any, Resource], Callable[[Json], Json]]]] = {
    "application/json-patch+json": _operations,
    "application/merge-patch+json": _merge,
    "application/strategic-merge-patch+json": _strategic,
}
"""By media type: from a decoded body to the change of an object."""

PATCHES: Final = (*_MODIFIERS, APPLY)
"""The media types of patches."""


# --- server-side apply ------------------------------------------------------------------------------------------------


async def _apply(
    registry: Registry, resource: Resource, namespace: str, name: str, data: bytes, context: Context, force: bool
) -> tuple[Json, bool]:
    config, info = _config(data, resource, namespace, name), resource.info

    def modify(live: Json) -> Json:
        return applied(
            live,
            config,
            _schema(resource),
            manager=context.field_manager,
            subresource=context.subresource,
            force=force,
            now=context.now,
        )

    try:
        registry.get(resource, namespace, name)
    except errors.ApiError as error:
        if error.code != 404 or context.subresource:
            raise
    else:
        return await registry.change(resource, namespace, name, modify, context, applied=True), False
    uid = config["metadata"].get("uid")
    if uid:
        why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        raise errors.conflict(info.plural, name, why, info.group)
    return await registry.create(resource, namespace, modify({}), context, applied=True), True


def _config(data: bytes, resource: Resource, namespace: str, name: str) -> Json:
    """The object that is applied. Raises ApiError (400)."""
    config = object_of(resource.info, _yaml(data))
    metadata = config["metadata"]
    if metadata.get("managedFields"):
        raise errors.bad_request("metadata.managedFields must be nil")
    metadata.pop("managedFields", None)
    for field, wanted in (("name", name), ("namespace", namespace if resource.info.namespaced else "")):
        if wanted and (metadata.get(field) or wanted) != wanted:
            given = metadata[field]
            raise errors.bad_request(
                f"the {field} of the object ({given}) does not match the {field} on the URL ({wanted})"
            )
    metadata["name"] = name
    return {key: value for key, value in config.items() if key != "status" or value}


def _yaml(data: bytes) -> Any:
    if data.lstrip().startswith(b"{"):
        try:
            return bounded(msgspec.json.decode(data))
        except (msgspec.DecodeError, RecursionError):
            pass  # YAML may begin so, too; what is wrong with it is said below
    from nsrunner.model.source import read_documents  # YAML costs its import where it is used

    documents = read_documents(data)
    if len(documents) != 1:
        raise errors.bad_request("error decoding YAML: one object is expected")
    if documents[0].error is not None:
        raise errors.bad_request(f"error decoding YAML: {documents[0].error.field_error()}")
    return bounded(documents[0].value)
