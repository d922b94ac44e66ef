from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[..., list[str]]


@pytest.mark.parametrize(
    "spec",
    [
        {"restartPolicy": "OnFailure", "activeDeadlineSeconds": 1, "terminationGracePeriodSeconds": -5},
        {"shareProcessNamespace": True, "hostNetwork": True, "hostIPC": True},
        {"hostPID": True, "hostUsers": True},
        {"hostUsers": False},
        {"os": {"name": "windows"}},
        {
            "imagePullSecrets": [{"name": "s"}],
            "readinessGates": [{"conditionType": "a.b/c"}],
            "serviceAccountName": "x",
        },
    ],
)
def test_good(pod_problems: Problems, spec: dict[str, Any]) -> None:
    assert pod_problems(**spec) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"restartPolicy": "x"},
            ['spec.restartPolicy: Unsupported value: "x": supported values: "Always", "Never", "OnFailure"'],
        ),
        (
            {"activeDeadlineSeconds": 0},
            ["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"],
        ),
        (
            {"shareProcessNamespace": True, "hostPID": True},
            [
                "spec.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled"
            ],
        ),
        (
            {"hostUsers": False, "hostPID": True, "hostIPC": True, "hostNetwork": True},
            [
                "spec.hostPID: Forbidden: when `hostUsers` is false",
                "spec.hostIPC: Forbidden: when `hostUsers` is false",
                "spec.hostNetwork: Forbidden: when `hostUsers` is false",
            ],
        ),
        ({"os": {"name": "plan9"}}, ['spec.os.name: Unsupported value: "plan9": supported values: "linux", "windows"']),
        ({"os": {"name": ""}}, ["spec.os.name: Required value: cannot be empty"]),
        ({"imagePullSecrets": [{}]}, ["spec.imagePullSecrets[0].name: Required value"]),
    ],
)
def test_bad(pod_problems: Problems, spec: dict[str, Any], expected: list[str]) -> None:
    assert pod_problems(**spec) == expected


def test_block_devices_and_user_namespaces(pod_problems: Problems) -> None:
    devices = {"volumeDevices": [{"name": "p", "devicePath": "/dev/x"}]}
    volumes = [{"name": "p", "persistentVolumeClaim": {"claimName": "c"}}]
    init = [{"name": "i", "image": "x", **devices}]
    assert pod_problems(devices, hostUsers=False, volumes=volumes, initContainers=init) == [
        "spec.containers[0].volumeDevices: Forbidden: when `hostUsers` is false",
        "spec.initContainers[0].volumeDevices: Forbidden: when `hostUsers` is false",
    ]


def test_names(pod_problems: Problems) -> None:
    found = pod_problems(
        serviceAccountName="A", readinessGates=[{"conditionType": "a b"}], imagePullSecrets=[{"name": "A"}]
    )
    assert [problem.split(":")[0] for problem in found] == [
        "spec.serviceAccountName",
        "spec.imagePullSecrets[0].name",
        "spec.readinessGates[0].conditionType",
    ]
