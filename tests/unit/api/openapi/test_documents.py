"""The documents: every path of what is served, every reference answered, and the marks that clients look for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nsrunner.api.openapi.documents import group_of, v2, v3
from nsrunner.api.openapi.operations import operations
from nsrunner.api.resources import served
from nsrunner.api.server.paths import parse_path

INFOS = [resource.info for resource in served("node-1")]
GROUPS = sorted({group_of(info) for info in INFOS})


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


def test_operations_are_those_that_are_served() -> None:
    found = {(each.method, each.path) for each in operations(INFOS)}
    assert ("post", "/api/v1/namespaces/{namespace}/pods") in found
    assert ("get", "/api/v1/pods") in found
    assert ("patch", "/api/v1/namespaces/{namespace}/pods/{name}/ephemeralcontainers") in found
    assert ("post", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews") in found
    assert ("delete", "/api/v1/namespaces/{name}") in found and ("delete", "/api/v1/nodes/{name}") not in found
    assert all(parse_path(path) is not None for _, path in found)
    ids = [each.id for each in operations(INFOS)]
    assert len(ids) == len(set(ids)) and "listCoreV1PodForAllNamespaces" in ids


def test_v2() -> None:
    document = v2(INFOS, "v1.36.0")
    assert {name.removeprefix("#/definitions/") for name in references(document)} <= set(document["definitions"])
    patch = document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "", "kind": "Pod", "version": "v1"}
    assert {each["name"] for each in patch["parameters"]} >= {"fieldValidation", "dryRun", "force", "body", "name"}


@pytest.mark.parametrize("group", GROUPS)
def test_v3(group: str) -> None:
    document = v3(INFOS, group, "v1.36.0")
    schemas = document["components"]["schemas"]
    assert {name.removeprefix("#/components/schemas/") for name in references(document)} <= set(schemas)
    assert "#/definitions/" not in json.dumps(document)


def test_v3_says_how_apply_is_checked() -> None:
    """kubectl looks for the parameter fieldValidation of PATCH (``QueryParamVerifierV3``)."""
    document = v3(INFOS, "api/v1", "v1.36.0")
    patch = document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"]
    assert "fieldValidation" in {each["name"] for each in patch["parameters"]}
    assert "application/apply-patch+yaml" in patch["requestBody"]["content"]
    schemas = document["components"]["schemas"]
    assert schemas["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["oneOf"] == [
        {"type": "integer"},
        {"type": "string"},
    ]
    resources = schemas["io.k8s.api.core.v1.Container"]["properties"]["resources"]
    assert resources["allOf"] == [{"$ref": "#/components/schemas/io.k8s.api.core.v1.ResourceRequirements"}]
