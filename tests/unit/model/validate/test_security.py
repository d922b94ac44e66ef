from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[..., list[str]]
ID = "must be between 0 and 2147483647, inclusive"
PROFILES = 'supported values: "Localhost", "RuntimeDefault", "Unconfined"'


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"runAsUser": 0, "runAsGroup": 2147483647, "privileged": True, "procMount": "Default"}, []),
        ({"seccompProfile": {"type": "Localhost", "localhostProfile": "a/b.json"}}, []),
        ({"appArmorProfile": {"type": "Localhost", "localhostProfile": "a"}}, []),
        ({"allowPrivilegeEscalation": False, "capabilities": {"add": ["SYS_ADMIN"]}}, []),
        ({"runAsUser": -1}, [f".runAsUser: Invalid value: -1: {ID}"]),
        ({"runAsGroup": 2**31}, [f".runAsGroup: Invalid value: 2147483648: {ID}"]),
        (
            {"privileged": True, "allowPrivilegeEscalation": False},
            [": Invalid value: an object: cannot set `allowPrivilegeEscalation` to false and `privileged` to true"],
        ),
        (
            {"capabilities": {"add": ["CAP_SYS_ADMIN"]}, "allowPrivilegeEscalation": False},
            [
                ": Invalid value: an object: cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            ],
        ),
        ({"procMount": "x"}, ['.procMount: Unsupported value: "x": supported values: "Default", "Unmasked"']),
        (
            {"procMount": "Unmasked"},
            ['.procMount: Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`'],
        ),
        ({"seccompProfile": {"type": "x"}}, [f'.seccompProfile.type: Unsupported value: "x": {PROFILES}']),
        (
            {"seccompProfile": {"type": "Localhost"}},
            [".seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost"],
        ),
        (
            {"seccompProfile": {"type": "Localhost", "localhostProfile": ""}},
            [".seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost"],
        ),
        (
            {"seccompProfile": {"type": "Localhost", "localhostProfile": "/a/../b"}},
            [
                '.seccompProfile.localhostProfile: Invalid value: "/a/../b": must be a relative path',
                ".seccompProfile.localhostProfile: Invalid value: \"/a/../b\": must not contain '..'",
            ],
        ),
        (
            {"seccompProfile": {"type": "Unconfined", "localhostProfile": "a"}},
            ['.seccompProfile.localhostProfile: Invalid value: "a": can only be set when seccomp type is Localhost'],
        ),
        ({"appArmorProfile": {"type": "x"}}, [f'.appArmorProfile.type: Unsupported value: "x": {PROFILES}']),
        (
            {"appArmorProfile": {"type": "Localhost"}},
            [".appArmorProfile.localhostProfile: Required value: must be set when AppArmor type is Localhost"],
        ),
        (
            {"appArmorProfile": {"type": "Localhost", "localhostProfile": " a"}},
            ['.appArmorProfile.localhostProfile: Invalid value: " a": must not be padded with whitespace'],
        ),
        (
            {"appArmorProfile": {"type": "Localhost", "localhostProfile": "a" * 4096}},
            [".appArmorProfile.localhostProfile: Too long: may not be more than 4095 bytes"],
        ),
        (
            {"appArmorProfile": {"type": "Unconfined", "localhostProfile": "a"}},
            ['.appArmorProfile.localhostProfile: Invalid value: "a": can only be set when AppArmor type is Localhost'],
        ),
    ],
)
def test_container(pod_problems: Problems, context: dict[str, Any], expected: list[str]) -> None:
    found = pod_problems({"securityContext": context})
    assert found == [f"spec.containers[0].securityContext{item}" for item in expected]


def test_unmasked_proc_needs_a_user_namespace(pod_problems: Problems) -> None:
    assert pod_problems({"securityContext": {"procMount": "Unmasked"}}, hostUsers=False) == []


def test_no_windows_options_on_linux(pod_problems: Problems) -> None:
    options = {"windowsOptions": {"hostProcess": False}}
    assert pod_problems({"securityContext": options}, securityContext=options, os={"name": "linux"}) == [
        "spec.containers[0].securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
        "spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
    ]
    assert pod_problems({"securityContext": options}, securityContext=options) == []


@pytest.mark.parametrize(
    ("context", "more", "expected"),
    [
        ({"supplementalGroups": [0, 1], "fsGroup": 5, "supplementalGroupsPolicy": "Strict"}, {}, []),
        ({"sysctls": [{"name": "kernel/shm_rmid_forced", "value": "1"}, {"name": "net.core.x", "value": ""}]}, {}, []),
        ({"supplementalGroups": [0, -1]}, {}, [f".supplementalGroups[1]: Invalid value: -1: {ID}"]),
        ({"fsGroup": -1}, {}, [f".fsGroup: Invalid value: -1: {ID}"]),
        ({"runAsUser": 2**31}, {}, [f".runAsUser: Invalid value: 2147483648: {ID}"]),
        (
            {"supplementalGroupsPolicy": "x", "fsGroupChangePolicy": "y", "seLinuxChangePolicy": "z"},
            {},
            [
                '.supplementalGroupsPolicy: Unsupported value: "x": supported values: "Merge", "Strict"',
                '.fsGroupChangePolicy: Unsupported value: "y": supported values: "Always", "OnRootMismatch"',
                '.seLinuxChangePolicy: Unsupported value: "z": supported values: "MountOption", "Recursive"',
            ],
        ),
        ({"sysctls": [{"name": "", "value": "1"}]}, {}, [".sysctls[0].name: Required value"]),
        (
            {"sysctls": [{"name": "kernel.sem", "value": "1"}, {"name": "kernel/sem", "value": "2"}]},
            {},
            ['.sysctls[1].name: Duplicate value: "kernel/sem"'],
        ),
        (
            {"sysctls": [{"name": "net/core/x", "value": "1"}]},
            {"hostNetwork": True},
            [".sysctls[0].name: Invalid value: \"net/core/x\": may not be specified when 'hostNetwork' is true"],
        ),
        (
            {"sysctls": [{"name": "kernel.shmmax", "value": "1"}]},
            {"hostIPC": True},
            [".sysctls[0].name: Invalid value: \"kernel.shmmax\": may not be specified when 'hostIPC' is true"],
        ),
    ],
)
def test_pod(pod_problems: Problems, context: dict[str, Any], more: dict[str, Any], expected: list[str]) -> None:
    assert pod_problems(securityContext=context, **more) == [f"spec.securityContext{item}" for item in expected]


def test_names_of_sysctls(pod_problems: Problems) -> None:
    (problem,) = pod_problems(securityContext={"sysctls": [{"name": "bar..", "value": "1"}]})
    assert problem.startswith('spec.securityContext.sysctls[0].name: Invalid value: "bar..": must have at most 253')
