from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[..., list[str]]
AT = "spec.volumes[0]"
MODE = "must be a number between 0 and 0777 (octal), both inclusive"


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
        {"hostPath": {"path": "relative", "type": "DirectoryOrCreate"}},
        {"hostPath": {"path": "/a..b"}},
        {"secret": {"secretName": "s", "items": [{"key": "a", "path": "b/c", "mode": 0o400}], "defaultMode": 0}},
        {"configMap": {"name": "m"}},
        {"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"persistentVolumeClaim": {"claimName": "c"}},
        {"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}},
        {"image": {"reference": "a:1"}},
        {"nfs": {"server": "a", "path": "/"}},
    ],
)
def test_good(pod_problems: Problems, source: dict[str, Any]) -> None:
    assert pod_problems(volumes=[{"name": "v", **source}]) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"emptyDir": {}, "hostPath": {"path": "/"}}, ".emptyDir: Forbidden: may not specify more than 1 volume type"),
        (
            {"emptyDir": {"sizeLimit": "-1"}},
            ".emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity",
        ),
        ({"hostPath": {"path": ""}}, ".hostPath.path: Required value"),
        ({"hostPath": {"path": "/a/../b"}}, ".hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"),
        ({"secret": {}}, ".secret.secretName: Required value"),
        ({"secret": {"secretName": "s", "defaultMode": 512}}, f".secret.defaultMode: Invalid value: 512: {MODE}"),
        ({"configMap": {}}, ".configMap.name: Required value"),
        ({"configMap": {"name": "m", "items": [{"key": "", "path": "p"}]}}, ".configMap.items[0].key: Required value"),
        ({"downwardAPI": {"defaultMode": -1}}, f".downwardAPI.defaultMode: Invalid value: -1: {MODE}"),
        ({"persistentVolumeClaim": {"claimName": ""}}, ".persistentVolumeClaim.claimName: Required value"),
        ({"ephemeral": {}}, ".ephemeral.volumeClaimTemplate: Required value"),
        ({"image": {}}, ".image.reference: Required value"),
        (
            {"image": {"reference": "a", "pullPolicy": "x"}},
            '.image.pullPolicy: Unsupported value: "x": supported values: "Always", "IfNotPresent", "Never"',
        ),
        ({"cephfs": {"monitors": []}}, ".cephfs.monitors: Required value"),
        ({"projected": {"defaultMode": 512}}, f".projected.defaultMode: Invalid value: 512: {MODE}"),
    ],
)
def test_bad(pod_problems: Problems, source: dict[str, Any], expected: str) -> None:
    assert pod_problems(volumes=[{"name": "v", **source}]) == [AT + expected]


def test_types_of_host_paths(pod_problems: Problems) -> None:
    (problem,) = pod_problems(volumes=[{"name": "v", "hostPath": {"path": "/", "type": "Blob"}}])
    assert problem.startswith(f'{AT}.hostPath.type: Unsupported value: "Blob": supported values: "", "BlockDevice", ')


def test_names(pod_problems: Problems) -> None:
    assert pod_problems(volumes=[{"name": ""}]) == [f"{AT}.name: Required value"]
    assert pod_problems(volumes=[{"name": "a"}, {"name": "a"}]) == ['spec.volumes[1].name: Duplicate value: "a"']
    (problem,) = pod_problems(volumes=[{"name": "A"}])
    assert problem.startswith(f'{AT}.name: Invalid value: "A": a lowercase RFC 1123 label')
