from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[..., list[str]]
AT = "spec.containers[0]"
EXEC = {"exec": {"command": ["x"]}}


@pytest.mark.parametrize(
    "probe",
    [
        EXEC,
        {"httpGet": {"port": 80, "scheme": "HTTPS", "httpHeaders": [{"name": "X-A", "value": "b"}]}},
        {"httpGet": {"port": "http"}},
        {"tcpSocket": {"port": 1}},
        {"grpc": {"port": 1, "service": "x"}},
        {
            **EXEC,
            "periodSeconds": 0,
            "initialDelaySeconds": 0,
            "failureThreshold": 9,
            "terminationGracePeriodSeconds": 1,
        },
    ],
)
def test_good(pod_problems: Problems, probe: dict[str, Any]) -> None:
    assert pod_problems({"livenessProbe": probe, "startupProbe": probe}) == []


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({}, ": Required value: must specify a handler type"),
        ({**EXEC, "tcpSocket": {"port": 1}}, ".tcpSocket: Forbidden: may not specify more than 1 handler type"),
        ({"exec": {}}, ".exec.command: Required value"),
        ({"httpGet": {"port": 0}}, ".httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive"),
        ({"httpGet": {"port": "a--b"}}, '.httpGet.port: Invalid value: "a--b": must not contain consecutive hyphens'),
        (
            {"httpGet": {"port": 1, "scheme": "http"}},
            '.httpGet.scheme: Unsupported value: "http": supported values: "HTTP", "HTTPS"',
        ),
        (
            {"httpGet": {"port": 1, "httpHeaders": [{"name": "a:\r\n", "value": ""}]}},
            '.httpGet.httpHeaders: Invalid value: "a:\\r\\n": a valid HTTP header must consist of alphanumeric '
            "characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
        ),
        (
            {"tcpSocket": {"port": 65536}},
            ".tcpSocket.port: Invalid value: 65536: must be between 1 and 65535, inclusive",
        ),
        ({"grpc": {"port": 0}}, ".grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive"),
        ({**EXEC, "periodSeconds": -1}, ".periodSeconds: Invalid value: -1: must be greater than or equal to 0"),
        ({**EXEC, "successThreshold": 2}, ".successThreshold: Invalid value: 2: must be 1"),
        (
            {**EXEC, "terminationGracePeriodSeconds": 0},
            ".terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0",
        ),
    ],
)
def test_bad(pod_problems: Problems, probe: dict[str, Any], expected: str) -> None:
    assert pod_problems({"livenessProbe": probe}) == [f"{AT}.livenessProbe{expected}"]


def test_readiness(pod_problems: Problems) -> None:
    assert pod_problems({"readinessProbe": {**EXEC, "successThreshold": 3}}) == []
    assert pod_problems({"readinessProbe": {**EXEC, "terminationGracePeriodSeconds": 5}}) == [
        f"{AT}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes"
    ]


@pytest.mark.parametrize(
    ("lifecycle", "expected"),
    [
        ({"postStart": EXEC, "preStop": {"sleep": {"seconds": 30}}}, []),
        ({"preStop": {"tcpSocket": {"port": 1}}}, []),
        ({"preStop": {"sleep": {"seconds": 0}}}, []),
        ({"postStart": {}}, [".postStart: Required value: must specify a handler type"]),
        (
            {"preStop": {**EXEC, "sleep": {"seconds": 1}}},
            [".preStop.sleep: Forbidden: may not specify more than 1 handler type"],
        ),
        (
            {"preStop": {"sleep": {"seconds": 31}}},
            [
                ".preStop.sleep: Invalid value: 31: must be non-negative and not greater than terminationGracePeriodSeconds (30)"
            ],
        ),
        (
            {"preStop": {"sleep": {"seconds": -1}}},
            [
                ".preStop.sleep: Invalid value: -1: must be non-negative and not greater than terminationGracePeriodSeconds (30)"
            ],
        ),
        (
            {"stopSignal": "SIGTERM"},
            [".stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`"],
        ),
    ],
)
def test_lifecycle(pod_problems: Problems, lifecycle: dict[str, Any], expected: list[str]) -> None:
    assert pod_problems({"lifecycle": lifecycle}) == [f"{AT}.lifecycle{item}" for item in expected]


def test_stop_signals(pod_problems: Problems) -> None:
    for signal in ("SIGTERM", "SIGRTMIN+15", "SIGRTMAX-14", "SIGUSR1"):
        assert pod_problems({"lifecycle": {"stopSignal": signal}}, os={"name": "linux"}) == []
    (problem,) = pod_problems({"lifecycle": {"stopSignal": "TERM"}}, os={"name": "linux"})
    assert problem.startswith(f'{AT}.lifecycle.stopSignal: Unsupported value: "TERM": supported values: "SIGABRT"')
    (problem,) = pod_problems({"lifecycle": {"stopSignal": "SIGUSR1"}}, os={"name": "windows"})
    assert problem.endswith('supported values: "SIGKILL", "SIGTERM"')
