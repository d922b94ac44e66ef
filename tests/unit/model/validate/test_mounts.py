from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[..., list[str]]
AT = "spec.containers[0].volumeMounts"
VOLUMES = [{"name": "v"}, {"name": "p", "persistentVolumeClaim": {"claimName": "c"}}]


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ([{"mountPath": "/a"}, {"mountPath": "/b", "subPath": "x/y"}, {"mountPath": "/c", "subPathExpr": "$(A)"}], []),
        ([{"mountPath": "/a"}, {"mountPath": "/a/"}, {"mountPath": "relative"}, {"mountPath": "/a:b"}], []),
        ([{"mountPath": "/a", "readOnly": True, "recursiveReadOnly": "Enabled", "mountPropagation": "None"}], []),
        ([{"mountPath": "/a", "mountPropagation": "HostToContainer", "recursiveReadOnly": "Disabled"}], []),
        ([{"mountPath": ""}], ["[0].mountPath: Required value"]),
        ([{"mountPath": "/a", "name": ""}], ["[0].name: Required value"]),
        ([{"mountPath": "/a", "name": "no"}], ['[0].name: Not found: "no"']),
        ([{"mountPath": "/a"}, {"mountPath": "/a"}], ['[1].mountPath: Invalid value: "/a": must be unique']),
        ([{"mountPath": "/a", "subPath": "/x"}], ['[0].subPath: Invalid value: "/x": must be a relative path']),
        ([{"mountPath": "/a", "subPath": "a/.."}], ["[0].subPath: Invalid value: \"a/..\": must not contain '..'"]),
        ([{"mountPath": "/a", "subPath": "a..b/...c"}], []),
        (
            [{"mountPath": "/a", "subPathExpr": "../x"}],
            ["[0].subPathExpr: Invalid value: \"../x\": must not contain '..'"],
        ),
        (
            [{"mountPath": "/a", "subPath": "a", "subPathExpr": "b"}],
            ['[0].subPathExpr: Invalid value: "b": subPathExpr and subPath are mutually exclusive'],
        ),
        (
            [{"mountPath": "/a", "mountPropagation": "Shared"}],
            [
                '[0].mountPropagation: Unsupported value: "Shared": supported values: "Bidirectional", "HostToContainer", "None"'
            ],
        ),
        (
            [{"mountPath": "/a", "mountPropagation": "Bidirectional"}],
            [
                "[0].mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers"
            ],
        ),
        (
            [{"mountPath": "/a", "recursiveReadOnly": "Yes"}],
            ['[0].recursiveReadOnly: Unsupported value: "Yes": supported values: "Disabled", "Enabled", "IfPossible"'],
        ),
        (
            [{"mountPath": "/a", "recursiveReadOnly": "Enabled", "mountPropagation": "HostToContainer"}],
            [
                "[0].recursiveReadOnly: Forbidden: may only be specified when readOnly is true",
                "[0].recursiveReadOnly: Forbidden: may only be specified when mountPropagation is None or not specified",
            ],
        ),
    ],
)
def test_mounts(pod_problems: Problems, mounts: list[dict[str, Any]], expected: list[str]) -> None:
    value = [{"name": "v", **mount} for mount in mounts]
    assert pod_problems({"volumeMounts": value}, volumes=VOLUMES) == [AT + item for item in expected]


def test_privileged_containers_may_share_mounts_both_ways(pod_problems: Problems) -> None:
    mount = {"name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional"}
    container = {"volumeMounts": [mount], "securityContext": {"privileged": True}}
    assert pod_problems(container, volumes=VOLUMES) == []


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ([("p", "/dev/x")], []),
        ([("", "/dev/x")], ["[0].name: Required value"]),
        ([("no", "/dev/x")], ['[0].name: Not found: "no"']),
        ([("p", "/dev/x"), ("p", "/dev/y")], ['[1].name: Invalid value: "p": must be unique']),
        (
            [("v", "/dev/x")],
            [
                '[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'
            ],
        ),
        ([("p", "")], ["[0].devicePath: Required value"]),
        ([("p", "/dev/../x")], ["[0].devicePath: Invalid value: \"/dev/../x\": can not contain backsteps ('..')"]),
        (
            [("p", "/dev/x"), ("no", "/dev/x")],
            ['[1].name: Not found: "no"', '[1].devicePath: Invalid value: "/dev/x": must be unique'],
        ),
    ],
)
def test_devices(pod_problems: Problems, devices: list[tuple[str, str]], expected: list[str]) -> None:
    value = [{"name": name, "devicePath": path} for name, path in devices]
    found = pod_problems({"volumeDevices": value}, volumes=VOLUMES)
    assert found == [f"spec.containers[0].volumeDevices{item}" for item in expected]


def test_a_volume_is_mounted_or_a_device(pod_problems: Problems) -> None:
    container = {
        "volumeMounts": [{"name": "p", "mountPath": "/x"}],
        "volumeDevices": [{"name": "p", "devicePath": "/x"}],
    }
    assert pod_problems(container, volumes=VOLUMES) == [
        f'{AT}[0].name: Invalid value: "p": must not already exist in volumeDevices',
        f'{AT}[0].mountPath: Invalid value: "/x": must not already exist as a path in volumeDevices',
    ]
