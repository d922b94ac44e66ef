"""OpenAPI documents as protobuf, in the messages of gnostic (https://github.com/google/gnostic, ``OpenAPIv2.proto`` and
``OpenAPIv3.proto``): what kubectl asks for before anything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from nsrunner.api.protobuf import wire

__all__ = ["encode_v2", "encode_v3"]

_Table = Mapping[str, Mapping[str, tuple[int, str]]]
"""By message and JSON key: the field's number, and what is in it.

``text``, ``bool``, ``any`` (a value as YAML), the name of a message, and before these: ``[]`` several; ``{N}`` a map,
whose entries (name 1, value 2) are field N of a message; ``N:`` a message that has it as its field N; ``ref:`` a
message (1) or a reference (2). The key ``x-`` has the field of extensions.
"""

_V2: Final[_Table] = {
    "Document": {
        "swagger": (1, "text"),
        "info": (2, "Info"),
        "paths": (8, "{2}PathItem"),
        "definitions": (9, "{1}Schema"),
    },
    "Info": {"title": (1, "text"), "version": (2, "text")},
    "PathItem": {
        "get": (2, "Operation"),
        "put": (3, "Operation"),
        "post": (4, "Operation"),
        "delete": (5, "Operation"),
        "patch": (8, "Operation"),
    },
    "Operation": {
        "tags": (1, "[]text"),
        "description": (3, "text"),
        "operationId": (5, "text"),
        "produces": (6, "[]text"),
        "consumes": (7, "[]text"),
        "parameters": (8, "[]1:parameter"),
        "responses": (9, "{1}1:Response"),
        "schemes": (10, "[]text"),
        "x-": (13, "any"),
    },
    "body": {
        "description": (1, "text"),
        "name": (2, "text"),
        "in": (3, "text"),
        "required": (4, "bool"),
        "schema": (5, "Schema"),
    },
    "query": {
        "required": (1, "bool"),
        "in": (2, "text"),
        "description": (3, "text"),
        "name": (4, "text"),
        "type": (6, "text"),
    },
    "path": {
        "required": (1, "bool"),
        "in": (2, "text"),
        "description": (3, "text"),
        "name": (4, "text"),
        "type": (5, "text"),
    },
    "Response": {"description": (1, "text"), "schema": (2, "1:Schema")},
    "Schema": {
        "$ref": (1, "text"),
        "format": (2, "text"),
        "description": (4, "text"),
        "default": (5, "any"),
        "required": (19, "[]text"),
        "enum": (20, "[]any"),
        "additionalProperties": (21, "1:Schema"),
        "type": (22, "1:text"),
        "items": (23, "1:Schema"),
        "properties": (25, "{1}Schema"),
        "x-": (31, "any"),
    },
}
_V3: Final[_Table] = {
    "Document": {
        "openapi": (1, "text"),
        "info": (2, "Info"),
        "paths": (4, "{1}PathItem"),
        "components": (5, "Components"),
    },
    "Info": {"title": (1, "text"), "version": (6, "text")},
    "PathItem": {
        "get": (4, "Operation"),
        "put": (5, "Operation"),
        "post": (6, "Operation"),
        "delete": (7, "Operation"),
        "patch": (10, "Operation"),
    },
    "Operation": {
        "tags": (1, "[]text"),
        "description": (3, "text"),
        "operationId": (5, "text"),
        "parameters": (6, "[]1:Parameter"),
        "requestBody": (7, "1:RequestBody"),
        "responses": (8, "{2}1:Response"),
        "x-": (13, "any"),
    },
    "Parameter": {
        "name": (1, "text"),
        "in": (2, "text"),
        "description": (3, "text"),
        "required": (4, "bool"),
        "schema": (10, "ref:Schema"),
    },
    "RequestBody": {"content": (2, "{1}MediaType"), "required": (3, "bool")},
    "Response": {"description": (1, "text"), "content": (3, "{1}MediaType")},
    "MediaType": {"schema": (1, "ref:Schema")},
    "Components": {"schemas": (1, "{1}ref:Schema")},
    "Schema": {
        "uniqueItems": (20, "bool"),
        "required": (23, "[]text"),
        "enum": (24, "[]any"),
        "type": (25, "text"),
        "allOf": (26, "[]ref:Schema"),
        "oneOf": (27, "[]ref:Schema"),
        "items": (30, "1:ref:Schema"),
        "properties": (31, "{1}ref:Schema"),
        "additionalProperties": (32, "1:ref:Schema"),
        "default": (33, "3:text"),
        "description": (34, "text"),
        "format": (35, "text"),
        "x-": (36, "any"),
    },
}
_PLACES: Final = {"query": 3, "path": 4}
"""Of NonBodyParameter."""


def encode_v2(document: Mapping[str, Any]) -> bytes:
    return _Encoder(_V2).payload("Document", document)


def encode_v3(document: Mapping[str, Any]) -> bytes:
    return _Encoder(_V3).payload("Document", document)


class _Encoder:
    def __init__(self, table: _Table) -> None:
        self._table = table

    def payload(self, kind: str, value: Any) -> bytes:
        """What is in a field of this kind."""
        if kind == "text":
            return str(value).encode()
        if kind == "any":
            return wire.text(2, json.dumps(value) + "\n")
        if kind == "parameter":
            return self._parameter(value)
        if kind.startswith("{"):
            number, below = int(kind[1]), kind[3:]
            return b"".join(
                wire.message(number, wire.text(1, name) + wire.message(2, self.payload(below, item)))
                for name, item in value.items()
            )
        if kind.startswith("ref:"):
            if "$ref" in value:
                return wire.message(2, wire.text(1, value["$ref"]))
            return wire.message(1, self.payload(kind.removeprefix("ref:"), value))
        if kind[0].isdigit():
            return wire.message(int(kind[0]), self.payload(kind[2:], value))
        return b"".join(self._field(kind, key, item) for key, item in value.items())

    def _field(self, message: str, key: str, value: Any) -> bytes:
        fields = self._table[message]
        if key.startswith("x-"):
            extension = wire.text(1, key) + wire.message(2, self.payload("any", value))
            return wire.message(fields["x-"][0], extension)
        number, kind = fields[key]
        if kind == "bool":
            return wire.number(number, value)
        if kind.startswith("[]"):
            return b"".join(wire.message(number, self.payload(kind[2:], item)) for item in value)
        return wire.message(number, self.payload(kind, value))

    def _parameter(self, value: Mapping[str, Any]) -> bytes:
        place = value["in"]
        encoded = self.payload(place, value)
        return wire.message(1, encoded) if place == "body" else wire.message(2, wire.message(_PLACES[place], encoded))
