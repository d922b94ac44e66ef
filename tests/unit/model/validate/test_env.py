from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[..., list[str]]
AT = "spec.containers[0].env[0]"
SOURCES = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
FIELDS = (
    '"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", '
    '"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"'
)
KEY = {"name": "m", "key": "k"}


def ref(path: str, **more: str) -> dict[str, Any]:
    return {"fieldRef": {"fieldPath": path, **more}}


def resource(name: str, divisor: str | None = None) -> dict[str, Any]:
    return {"resourceFieldRef": {"resource": name, **({"divisor": divisor} if divisor else {})}}


@pytest.mark.parametrize(
    "source",
    [
        ref("metadata.name"),
        ref("metadata.labels['a.b/c']"),
        ref("metadata.annotations['Kubernetes.io/X']"),
        ref("status.podIPs"),
        resource("limits.cpu"),
        resource("limits.cpu", "1m"),
        resource("requests.memory", "1Mi"),
        resource("limits.hugepages-2Mi", "0"),
        {"configMapKeyRef": KEY},
        {"secretKeyRef": {**KEY, "optional": True}},
        {"fileKeyRef": {"volumeName": "v", "path": "a/b", "key": "K"}},
    ],
)
def test_good_sources(pod_problems: Problems, source: dict[str, Any]) -> None:
    assert pod_problems({"env": [{"name": "A", "valueFrom": source}]}, volumes=[{"name": "v"}]) == []


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ({"name": ""}, ".name: Required value"),
        ({"value": "x"}, ".name: Required value"),
        (
            {"name": "A=B"},
            '.name: Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII '
            "characters other than '=' (e.g. 'my.env-name' or 'MY_ENV.NAME' or 'MyEnvName1')",
        ),
        ({"name": "A", "valueFrom": {}}, f'.valueFrom: Invalid value: "": {SOURCES}'),
        (
            {"name": "A", "valueFrom": {**ref("metadata.name"), "configMapKeyRef": KEY}},
            '.valueFrom: Invalid value: "": may not have more than one field specified at a time',
        ),
        (
            {"name": "A", "value": "x", "valueFrom": ref("metadata.name")},
            '.valueFrom: Invalid value: "": may not be specified when `value` is not empty',
        ),
        ({"name": "A", "valueFrom": ref("")}, ".valueFrom.fieldRef.fieldPath: Required value"),
        (
            {"name": "A", "valueFrom": ref("metadata.name", apiVersion="v2")},
            '.valueFrom.fieldRef.fieldPath: Invalid value: "metadata.name": error converting fieldPath: unsupported pod version: v2',
        ),
        (
            {"name": "A", "valueFrom": ref("status.phase")},
            f'.valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: {FIELDS}',
        ),
        (
            {"name": "A", "valueFrom": ref("metadata.labels")},
            f'.valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: {FIELDS} '
            "(name one entry: metadata.labels['<KEY>'])",
        ),
        (
            {"name": "A", "valueFrom": ref("spec.x")},
            '.valueFrom.fieldRef.fieldPath: Invalid value: "spec.x": error converting fieldPath: field label not supported: spec.x',
        ),
        (
            {"name": "A", "valueFrom": ref("spec.nodeName['a']")},
            '.valueFrom.fieldRef.fieldPath: Invalid value: "spec.nodeName[\'a\']": "spec.nodeName" does not support subscript',
        ),
        (
            {"name": "A", "valueFrom": resource("limits.disk")},
            '.valueFrom.resourceFieldRef.resource: Unsupported value: "limits.disk": supported values: "limits.cpu", '
            '"limits.ephemeral-storage", "limits.hugepages-*", "limits.memory", "requests.cpu", '
            '"requests.ephemeral-storage", "requests.hugepages-*", "requests.memory"',
        ),
        ({"name": "A", "valueFrom": resource("")}, ".valueFrom.resourceFieldRef.resource: Required value"),
        (
            {"name": "A", "valueFrom": resource("limits.cpu", "2")},
            '.valueFrom.resourceFieldRef.divisor: Invalid value: "cpu": only divisor\'s values 1m and 1 are supported with the cpu resource',
        ),
        (
            {"name": "A", "valueFrom": resource("limits.memory", "1m")},
            '.valueFrom.resourceFieldRef.divisor: Invalid value: "memory": only divisor\'s values 1, 1k, 1M, 1G, 1T, 1P, 1E, '
            "1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the memory resource",
        ),
        (
            {"name": "A", "valueFrom": {"configMapKeyRef": {"key": "k"}}},
            ".valueFrom.configMapKeyRef.name: Required value",
        ),
        (
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": ""}}},
            ".valueFrom.secretKeyRef.key: Required value",
        ),
        (
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": ".."}}},
            ".valueFrom.secretKeyRef.key: Invalid value: \"..\": must not be '..'",
        ),
        (
            {"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "no", "path": "p", "key": "k"}}},
            '.valueFrom.fileKeyRef.volumeName: Not found: "no"',
        ),
        (
            {"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "h", "path": "p", "key": "k"}}},
            '.valueFrom.fileKeyRef.volumeName: Invalid value: "h": referenced volume must be of type emptyDir',
        ),
        (
            {"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "a/../b", "key": "k"}}},
            ".valueFrom.fileKeyRef.path: Invalid value: \"a/../b\": must not contain '..'",
        ),
    ],
)
def test_bad(pod_problems: Problems, variable: dict[str, Any], expected: str) -> None:
    volumes = [{"name": "v"}, {"name": "h", "hostPath": {"path": "/"}}]
    assert pod_problems({"env": [variable]}, volumes=volumes) == [AT + expected]


def test_keys_in_subscripts(pod_problems: Problems) -> None:
    for path in ("metadata.labels['a b']", "metadata.annotations['a b']"):
        (problem,) = pod_problems({"env": [{"name": "A", "valueFrom": ref(path)}]})
        assert problem.startswith(f'{AT}.valueFrom.fieldRef.fieldPath: Invalid value: "a b": name part')


def test_everything_missing_from_a_file(pod_problems: Problems) -> None:
    source = {"fileKeyRef": {"volumeName": "", "path": "", "key": ""}}
    at = f"{AT}.valueFrom.fileKeyRef"
    assert pod_problems({"env": [{"name": "A", "valueFrom": source}]}) == [
        f"{at}.key: Required value",
        f"{at}.volumeName: Required value",
        f"{at}.path: Required value",
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"configMapRef": {"name": "m"}}, []),
        ({"prefix": "1 x-", "secretRef": {"name": "m"}}, []),
        ({}, [': Invalid value: "": must specify one of: `configMapRef` or `secretRef`']),
        (
            {"configMapRef": {"name": "m"}, "secretRef": {"name": "m"}},
            [': Invalid value: "": may not have more than one field specified at a time'],
        ),
        ({"configMapRef": {}}, [".configMapRef.name: Required value"]),
        (
            {"prefix": "=", "configMapRef": {"name": "m"}},
            [
                '.prefix: Invalid value: "=": a valid environment variable name must consist only of printable ASCII '
                "characters other than '=' (e.g. 'my.env-name' or 'MY_ENV.NAME' or 'MyEnvName1')"
            ],
        ),
    ],
)
def test_env_from(pod_problems: Problems, source: dict[str, Any], expected: list[str]) -> None:
    assert pod_problems({"envFrom": [source]}) == [f"spec.containers[0].envFrom[0]{item}" for item in expected]
