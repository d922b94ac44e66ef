"""The documents as protobuf: read back field by field, by the numbers of OpenAPIv2.proto and OpenAPIv3.proto."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nsrunner.api.openapi import documents
from nsrunner.api.openapi.gnostic import encode_v2, encode_v3
from nsrunner.api.protobuf.wire import fields
from nsrunner.api.resources import served

INFOS = [resource.info for resource in served("node-1")]


def at(data: bytes, *path: int) -> Iterator[Any]:
    """The values of a field of a field ..."""
    if not path:
        yield data
        return
    for number, _, value in fields(data):
        if number == path[0]:
            yield from at(value, *path[1:]) if isinstance(value, bytes) else (value,)


def named(data: bytes, *path: int) -> dict[str, bytes]:
    """Entries of a map: name 1, value 2."""
    return {next(at(each, 1)).decode(): next(at(each, 2)) for each in at(data, *path)}


def test_v2() -> None:
    document = documents.v2(INFOS, "v1.36.0")
    data = encode_v2(document)
    assert next(at(data, 1)) == b"2.0" and next(at(data, 2, 2)) == b"v1.36.0"
    definitions = named(data, 9, 1)
    assert set(definitions) == set(document["definitions"])
    spec = named(definitions["io.k8s.api.core.v1.PodSpec"], 25, 1)
    containers = spec["containers"]
    assert next(at(containers, 22, 1)) == b"array"
    assert next(at(containers, 23, 1, 1)) == b"#/definitions/io.k8s.api.core.v1.Container"
    assert next(at(named(containers, 31)["x-kubernetes-patch-merge-key"], 2)) == b'"name"\n'
    labels = named(definitions["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"], 25, 1)["labels"]
    assert next(at(labels, 21, 1, 22, 1)) == b"string"
    patch = next(at(named(data, 8, 2)["/api/v1/namespaces/{namespace}/pods/{name}"], 8))
    assert b'"kind": "Pod"' in next(at(named(patch, 13)["x-kubernetes-group-version-kind"], 2))
    parameters = [*at(patch, 8, 1, 2, 3)]
    assert b"fieldValidation" in [next(at(each, 4)) for each in parameters]
    assert next(at(patch, 8, 1, 1, 5, 1)) == b"#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Patch"
    assert [*at(patch, 8, 1, 2, 4, 1)] == [1, 1]  # the name and the namespace are required


def test_v3() -> None:
    document = documents.v3(INFOS, "api/v1", "v1.36.0")
    data = encode_v3(document)
    assert next(at(data, 1)) == b"3.0.0" and next(at(data, 2, 6)) == b"v1.36.0"
    schemas = named(data, 5, 1, 1)
    assert set(schemas) == set(document["components"]["schemas"])
    spec = named(next(at(schemas["io.k8s.api.core.v1.PodSpec"], 1)), 31, 1)
    assert next(at(spec["containers"], 1, 30, 1, 2, 1)) == b"#/components/schemas/io.k8s.api.core.v1.Container"
    paths = named(data, 4, 1)
    assert set(paths) == set(document["paths"])
    patch = next(at(paths["/api/v1/namespaces/{namespace}/pods/{name}"], 10))
    assert b"fieldValidation" in [next(at(each, 1)) for each in at(patch, 6, 1)]
    content = named(patch, 7, 1, 2, 1)
    assert "application/apply-patch+yaml" in content
    answers = named(patch, 8, 2)
    assert next(at(named(answers["200"], 1, 3, 1)["application/json"], 1, 2, 1)).endswith(b"core.v1.Pod")
