from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[..., list[str]]
AT = "spec.containers[0]"
INIT = "spec.initContainers[0]"
RULE = {"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"terminationMessagePolicy": "FallbackToLogsOnError", "imagePullPolicy": "Never"}, []),
        ({"name": ""}, [".name: Required value"]),
        ({"image": ""}, [".image: Required value"]),
        ({"image": " x"}, ['.image: Invalid value: " x": must not have leading or trailing whitespace']),
        (
            {"terminationMessagePolicy": "x"},
            ['.terminationMessagePolicy: Unsupported value: "x": supported values: "FallbackToLogsOnError", "File"'],
        ),
        (
            {"imagePullPolicy": "Maybe"},
            ['.imagePullPolicy: Unsupported value: "Maybe": supported values: "Always", "IfNotPresent", "Never"'],
        ),
        ({"ports": [{"containerPort": 0}]}, [".ports[0].containerPort: Required value"]),
        (
            {"ports": [{"containerPort": 65536}]},
            [".ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive"],
        ),
        (
            {"ports": [{"containerPort": 1, "hostPort": -1}]},
            [".ports[0].hostPort: Invalid value: -1: must be between 1 and 65535, inclusive"],
        ),
        (
            {"ports": [{"containerPort": 1, "protocol": "tcp"}]},
            ['.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"'],
        ),
        (
            {"ports": [{"containerPort": 1, "hostIP": "x"}]},
            ['.ports[0].hostIP: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
        ),
        (
            {"ports": [{"containerPort": 1, "name": "1"}]},
            ['.ports[0].name: Invalid value: "1": must contain at least one letter (a-z)'],
        ),
        (
            {"ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]},
            ['.ports[1].name: Duplicate value: "a"'],
        ),
        ({"ports": [{"containerPort": 1, "hostPort": 5}, {"containerPort": 2, "hostPort": 5, "protocol": "UDP"}]}, []),
        (
            {"ports": [{"containerPort": 1, "hostPort": 5}, {"containerPort": 2, "hostPort": 5}]},
            ['.ports[1].hostPort: Duplicate value: "TCP//5"'],
        ),
        ({"restartPolicy": "OnFailure", "restartPolicyRules": [RULE]}, []),
        (
            {"restartPolicy": "x"},
            ['.restartPolicy: Unsupported value: "x": supported values: "Always", "Never", "OnFailure"'],
        ),
        (
            {"restartPolicyRules": [RULE]},
            [".restartPolicy: Required value: must specify restartPolicy when restart rules are used"],
        ),
        (
            {"restartPolicy": "Never", "restartPolicyRules": [RULE] * 21},
            [".restartPolicyRules: Too many: 21: must have at most 20 items"],
        ),
        (
            {"restartPolicy": "Never", "restartPolicyRules": [{"action": "x"}]},
            [
                '.restartPolicyRules[0].action: Unsupported value: "x": supported values: "Restart", "RestartAllContainers"',
                ".restartPolicyRules[0].exitCodes: Required value: must be specified",
            ],
        ),
        (
            {
                "restartPolicy": "Never",
                "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "x", "values": [1] * 256}}],
            },
            [
                '.restartPolicyRules[0].exitCodes.operator: Unsupported value: "x": supported values: "In", "NotIn"',
                ".restartPolicyRules[0].exitCodes.values: Too many: 256: must have at most 255 items",
            ],
        ),
    ],
)
def test_one(pod_problems: Problems, container: dict[str, Any], expected: list[str]) -> None:
    assert pod_problems(container) == [AT + item for item in expected]


def test_names(pod_problems: Problems) -> None:
    (problem,) = pod_problems({"name": "A"})
    assert problem.startswith(f'{AT}.name: Invalid value: "A": a lowercase RFC 1123 label')
    assert pod_problems(initContainers=[{"name": "main", "image": "x"}]) == [f'{INIT}.name: Duplicate value: "main"']


def test_there_must_be_one(pod_problems: Problems) -> None:
    assert pod_problems(containers=[]) == ["spec.containers: Required value"]


def test_port_names_are_per_container(pod_problems: Problems) -> None:
    port = {"ports": [{"containerPort": 1, "name": "a"}]}
    assert pod_problems(containers=[{"name": "a", "image": "x", **port}, {"name": "b", "image": "x", **port}]) == []


def test_host_ports_are_per_pod_and_each_init_container_has_its_own(pod_problems: Problems) -> None:
    port = {"image": "x", "ports": [{"containerPort": 1, "hostPort": 5}]}
    assert pod_problems(containers=[{"name": "a", **port}, {"name": "b", **port}]) == [
        'spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//5"'
    ]
    assert pod_problems({"ports": port["ports"]}, initContainers=[{"name": "a", **port}, {"name": "b", **port}]) == []


def test_ports_on_the_hosts_network(pod_problems: Problems) -> None:
    assert pod_problems({"ports": [{"containerPort": 1, "hostPort": 2}]}, hostNetwork=True) == [
        f"{AT}.ports[0].containerPort: Invalid value: 1: must match `hostPort` when `hostNetwork` is true"
    ]


@pytest.mark.parametrize("field", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_probes_of_init_containers(pod_problems: Problems, field: str) -> None:
    container = {"name": "i", "image": "x", field: {"exec": {"command": ["x"]}}}
    assert pod_problems(initContainers=[container]) == [
        f"{INIT}.{field}: Forbidden: may not be set for init containers without restartPolicy=Always"
    ]
    assert pod_problems(initContainers=[{**container, "restartPolicy": "Always"}]) == []
    assert pod_problems(initContainers=[{**container, "restartPolicy": "Always", field: {}}]) == [
        f"{INIT}.{field}: Required value: must specify a handler type"
    ]


def test_hooks_and_resizing_of_init_containers(pod_problems: Problems) -> None:
    container = {
        "name": "i",
        "image": "x",
        "lifecycle": {"preStop": {"exec": {"command": ["x"]}}},
        "resizePolicy": [
            {"resourceName": "cpu", "restartPolicy": "RestartContainer"},
            {"resourceName": "memory", "restartPolicy": "NotRequired"},
        ],
    }
    assert pod_problems(initContainers=[container]) == [
        f"{INIT}.lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always",
        f'{INIT}.resizePolicy[0].restartPolicy: Unsupported value: "RestartContainer": supported values: "NotRequired"',
    ]
    assert pod_problems(initContainers=[{**container, "restartPolicy": "Always"}]) == []


def test_debug_containers_come_later(pod_problems: Problems) -> None:
    assert pod_problems(ephemeralContainers=[{"name": "d", "image": "x"}]) == [
        "spec.ephemeralContainers: Forbidden: cannot be set on create"
    ]
