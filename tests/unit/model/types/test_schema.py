"""The types against the schema that Kubernetes publishes: no field is missing or invented, the same are required."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import msgspec
import pytest

from nsrunner.model import types
from nsrunner.model.types import Int32, Struct

VERSION = "v1.36.0-local"
OURS = {"AnyContainer", "Int32", "Struct"}
"""Not of the API."""
NOT_HERE = {"ListMeta": {"shardInfo"}}
"""Fields of lists that a server makes."""


def definitions() -> dict[str, Any]:
    folder = resources.files("kubernetes_validate") / "kubernetes-json-schema" / VERSION / "_definitions.json"
    every: dict[str, Any] = json.loads(folder.read_text())["$defs"]
    wanted = ("io.k8s.api.core.v1.", "io.k8s.apimachinery.pkg.apis.meta.v1.")
    return {name.rsplit(".", 1)[1]: value for name, value in every.items() if name.startswith(wanted)}


SCHEMA = definitions()
NAMES = sorted(name for name in types.__all__ if name not in OURS)


@pytest.mark.parametrize("name", NAMES)
def test_fields(name: str) -> None:
    kind: type[Struct] = getattr(types, name)
    schema = SCHEMA[name]
    ours = {info.encode_name: info for info in msgspec.structs.fields(kind)}
    header = {"apiVersion", "kind"} if hasattr(kind, "KIND") else set()
    assert set(ours) == set(schema["properties"]) - header - NOT_HERE.get(name, set())
    required = {
        field
        for field, info in ours.items()
        if info.default is msgspec.NODEFAULT and info.default_factory is msgspec.NODEFAULT
    }
    assert required == set(schema.get("required", ()))
    for field, info in ours.items():
        described = schema["properties"][field]
        is_int32 = "int32" in (described.get("format"), described.get("items", {}).get("format"))
        assert is_int32 == (str(Int32) in str(info.type)), field


def test_every_type_that_a_pod_reaches_is_there() -> None:
    todo, seen = ["Pod", "ConfigMap", "Secret", "Event"], set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        text = json.dumps(SCHEMA.get(name, {}).get("properties", {}))
        todo += [part.split('"', 1)[0].rsplit(".", 1)[1] for part in text.split("/$defs/")[1:]]
    scalars = {name for name in seen if "properties" not in SCHEMA.get(name, {})}
    assert seen - scalars <= set(types.__all__)
    assert len(seen) > 120
