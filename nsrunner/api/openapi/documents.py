"""The documents themselves: version 2 as one, version 3 as one for each group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

from nsrunner.api.openapi.definitions import load
from nsrunner.api.openapi.operations import Operation, Parameter, marks, operations, tag
from nsrunner.api.resources import ResourceInfo

__all__ = ["group_of", "v2", "v3"]

Json = dict[str, Any]

_PRODUCES: Final = ("application/json", "application/yaml", "application/json;stream=watch")
_V2: Final = "#/definitions/"
_V3: Final = "#/components/schemas/"


def v2(infos: Iterable[ResourceInfo], version: str) -> Json:
    """``GET /openapi/v2``."""
    paths: Json = {}
    for operation in operations(infos):
        paths.setdefault(f"{operation.path}", {})[operation.method] = _operation_v2(operation)
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": version},
        "paths": paths,
        "definitions": load(),
    }


def _operation_v2(operation: Operation) -> Json:
    parameters: list[Json] = [_parameter_v2(each) for each in operation.parameters]
    if operation.body:
        body = {"name": "body", "in": "body", "required": _needs_body(operation)}
        parameters.append({**body, "schema": {"$ref": _V2 + operation.body}})
    return {
        "operationId": operation.id,
        "description": _description(operation),
        "tags": [tag(operation)],
        "schemes": ["https"],
        "consumes": list(operation.consumes),
        "produces": list(_PRODUCES),
        "parameters": parameters,
        "responses": {
            str(code): {"description": HTTPStatus(code).phrase, "schema": {"$ref": _V2 + operation.answer}}
            for code in operation.codes
        },
        **marks(operation),
    }


def _parameter_v2(parameter: Parameter) -> Json:
    shown = {"name": parameter.name, "in": parameter.place, "description": parameter.description}
    return {**shown, "type": parameter.type, **({"required": True} if parameter.place == "path" else {})}


def _needs_body(operation: Operation) -> bool:
    return operation.method in ("patch", "post", "put")


def _description(operation: Operation) -> str:
    return f"{operation.action} of {operation.info.kind}"


# --- version 3 --------------------------------------------------------------------------------------------------------


def group_of(info: ResourceInfo) -> str:
    """The name of the document that a resource is in, as paths have it: ``api/v1``, ``apis/GROUP/VERSION``."""
    return f"apis/{info.api_version}" if info.group else f"api/{info.version}"


def v3(infos: Sequence[ResourceInfo], group: str, version: str) -> Json:
    """``GET /openapi/v3/GROUP``, with the schemas that the group's resources need."""
    paths: Json = {}
    wanted: list[str] = []
    for operation in operations(info for info in infos if group_of(info) == group):
        paths.setdefault(operation.path, {})[operation.method] = _operation_v3(operation)
        wanted += filter(None, (operation.body, operation.answer))
    definitions, found = load(), {}
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = _schema_v3(definitions[name], wanted)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": version},
        "paths": paths,
        "components": {"schemas": dict(sorted(found.items()))},
    }


def _operation_v3(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.id,
        "description": _description(operation),
        "tags": [tag(operation)],
        "parameters": [_parameter_v3(each) for each in operation.parameters],
        "responses": {
            str(code): {
                "description": HTTPStatus(code).phrase,
                "content": {type: {"schema": {"$ref": _V3 + operation.answer}} for type in _PRODUCES},
            }
            for code in operation.codes
        },
        **marks(operation),
    }
    if operation.body:
        content = {type: {"schema": {"$ref": _V3 + operation.body}} for type in operation.consumes}
        required = {"required": True} if _needs_body(operation) else {}
        described["requestBody"] = {"content": content, **required}
    return described


def _parameter_v3(parameter: Parameter) -> Json:
    shown = {"name": parameter.name, "in": parameter.place, "description": parameter.description}
    required = {"required": True} if parameter.place == "path" else {}
    return {**shown, "schema": {"type": parameter.type, "uniqueItems": True}, **required}


def _schema_v3(schema: Json, wanted: list[str]) -> Json:
    """A schema of version 2 as one of version 3; those it refers to are added to ``wanted``."""
    if schema.get("format") == "int-or-string":
        kept = {key: value for key, value in schema.items() if key not in ("type", "format")}
        return {**kept, "format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}
    reference = schema.get("$ref")
    if reference is not None:
        name = reference.removeprefix(_V2)
        wanted.append(name)
        kept = {key: value for key, value in schema.items() if key != "$ref"}
        # Nothing may stand beside a reference there.
        return {**kept, "allOf": [{"$ref": _V3 + name}]} if kept else {"$ref": _V3 + name}
    shown: Json = {}
    for key, value in schema.items():
        match key:
            case "properties":
                shown[key] = {name: _schema_v3(each, wanted) for name, each in value.items()}
            case "items" | "additionalProperties" if isinstance(value, dict):
                shown[key] = _schema_v3(value, wanted)
            case _:
                shown[key] = value
    return shown
