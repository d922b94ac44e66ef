from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[..., list[str]]
AT = "spec.containers[0].resources"


@pytest.mark.parametrize(
    "resources",
    [
        {},
        {"limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}, "requests": {"cpu": "100m"}},
        {"requests": {"cpu": 0.5}},
        {"limits": {"hugepages-2Mi": "4Mi", "memory": "1Gi"}},
        {"limits": {"example.com/gpu": 2}},
        {"limits": {"cpu": "0"}},
    ],
)
def test_good(pod_problems: Problems, resources: dict[str, Any]) -> None:
    assert pod_problems({"resources": resources}) == []


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"requests": {"cpu": "-1"}}, [f'{AT}.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0']),
        (
            {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}},
            [f'{AT}.requests[cpu]: Invalid value: "2": must be less than or equal to cpu limit of 1'],
        ),
        (
            {"limits": {"hugepages-2Mi": "4Mi", "cpu": "1"}, "requests": {"hugepages-2Mi": "2Mi"}},
            [f'{AT}.requests[hugepages-2Mi]: Invalid value: "2Mi": must be equal to hugepages-2Mi limit of 4Mi'],
        ),
        (
            {"requests": {"hugepages-2Mi": "2Mi", "cpu": "1"}},
            [f"{AT}.limits: Required value: Limit must be set for non overcommitable resources (hugepages-2Mi)"],
        ),
        ({"limits": {"hugepages-2Mi": "2Mi"}}, [f"{AT}: Forbidden: HugePages require cpu or memory"]),
        (
            {"limits": {"hugepages-2Mi": "3Mi", "cpu": "1"}},
            [
                f'{AT}.limits[hugepages-2Mi]: Invalid value: "3Mi": must be a multiple of the page size 2Mi',
                f'{AT}.requests[hugepages-2Mi]: Invalid value: "3Mi": must be a multiple of the page size 2Mi',
            ],
        ),
        (
            {"requests": {"disk": "1"}},
            [f'{AT}.requests[disk]: Invalid value: "disk": must be a standard resource for containers'],
        ),
        (
            {"requests": {"kubernetes.io/x": "1"}},
            [
                f'{AT}.requests[kubernetes.io/x]: Invalid value: "kubernetes.io/x": must be a standard resource type or fully qualified'
            ],
        ),
        (
            {"requests": {"example.com/gpu": "1"}},
            [f"{AT}.limits: Required value: Limit must be set for non overcommitable resources (example.com/gpu)"],
        ),
        (
            {"limits": {"example.com/gpu": "1500m"}},
            [
                f'{AT}.limits[example.com/gpu]: Invalid value: "1500m": must be an integer',
                f'{AT}.requests[example.com/gpu]: Invalid value: "1500m": must be an integer',
            ],
        ),
        ({"claims": [{"name": ""}]}, [f"{AT}.claims[0].name: Required value"]),
        ({"claims": [{"name": "x"}]}, [f'{AT}.claims[0].name: Not found: "x"']),
    ],
)
def test_bad(pod_problems: Problems, resources: dict[str, Any], expected: list[str]) -> None:
    assert pod_problems({"resources": resources}) == expected


def test_names_are_qualified(pod_problems: Problems) -> None:
    (problem,) = pod_problems({"resources": {"requests": {"a b": "1"}}})
    assert problem.startswith(f'{AT}.requests[a b]: Invalid value: "a b": name part must consist of')


def test_pages_of_no_size(pod_problems: Problems) -> None:
    limits = {"hugepages-0": "1", "hugepages-x": "1", "cpu": "1"}
    assert pod_problems({"resources": {"limits": limits}}) == [
        f'{AT}.limits[hugepages-0]: Invalid value: "1": must be a multiple of the page size 0',
        f'{AT}.requests[hugepages-0]: Invalid value: "1": must be a multiple of the page size 0',
    ]


def test_claims(pod_problems: Problems) -> None:
    claims = [{"name": "c", "resourceClaimName": "x"}]
    assert (
        pod_problems({"resources": {"claims": [{"name": "c"}, {"name": "c", "request": "r"}]}}, resourceClaims=claims)
        == []
    )
    assert pod_problems({"resources": {"claims": [{"name": "c"}, {"name": "c"}]}}, resourceClaims=claims) == [
        f'{AT}.claims[1]: Duplicate value: "c"'
    ]


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([{"name": "", "resourceClaimName": "x"}], "spec.resourceClaims[0].name: Required value"),
        (
            [{"name": "a"}],
            'spec.resourceClaims[0]: Invalid value: "a": must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
        ),
        (
            [{"name": "a", "resourceClaimName": "x", "resourceClaimTemplateName": "y"}],
            'spec.resourceClaims[0]: Invalid value: "a": at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
        ),
        ([{"name": "a", "resourceClaimName": "x"}] * 2, 'spec.resourceClaims[1].name: Duplicate value: "a"'),
    ],
)
def test_claims_of_the_pod(pod_problems: Problems, claims: list[dict[str, str]], expected: str) -> None:
    assert pod_problems(resourceClaims=claims) == [expected]


@pytest.mark.parametrize(
    ("policies", "more", "expected"),
    [
        ([("cpu", "NotRequired"), ("memory", "RestartContainer")], {}, []),
        (
            [("disk", "NotRequired")],
            {},
            ['[0].resourceName: Unsupported value: "disk": supported values: "cpu", "memory"'],
        ),
        (
            [("cpu", "x")],
            {},
            ['[0].restartPolicy: Unsupported value: "x": supported values: "NotRequired", "RestartContainer"'],
        ),
        ([("cpu", "NotRequired")] * 2, {}, ['[1]: Duplicate value: "cpu"']),
        (
            [("cpu", "RestartContainer")],
            {"restartPolicy": "Never"},
            ['[0].restartPolicy: Unsupported value: "RestartContainer": supported values: "NotRequired"'],
        ),
    ],
)
def test_resize_policy(
    pod_problems: Problems, policies: list[tuple[str, str]], more: dict[str, str], expected: list[str]
) -> None:
    value = [{"resourceName": name, "restartPolicy": policy} for name, policy in policies]
    assert pod_problems({"resizePolicy": value}, **more) == [
        f"spec.containers[0].resizePolicy{item}" for item in expected
    ]


@pytest.mark.parametrize(
    ("container", "pod", "expected"),
    [
        ({}, {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1"}}, []),
        ({"requests": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, []),
        (
            {"requests": {"cpu": "3"}},
            {"limits": {"cpu": "4"}, "requests": {"cpu": "2"}},
            [
                'spec.resources.requests[cpu]: Invalid value: "2": must be greater than or equal to aggregate container requests of 3'
            ],
        ),
        (
            {"limits": {"cpu": "3"}, "requests": {"cpu": "1"}},
            {"limits": {"cpu": "2"}},
            [
                'spec.containers[0].resources.limits[cpu]: Invalid value: "3": must be less than or equal to pod limits of 2'
            ],
        ),
        (
            {"limits": {"hugepages-2Mi": "4Mi", "cpu": "1"}},
            {"limits": {"hugepages-2Mi": "2Mi"}},
            [
                'spec.resources.requests[hugepages-2Mi]: Invalid value: "2Mi": must be greater than or equal to aggregate container requests of 4Mi',
                'spec.resources.limits[hugepages-2Mi]: Invalid value: "2Mi": must be greater than or equal to aggregate container limits of 4Mi',
                'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "4Mi": must be less than or equal to pod limits of 2Mi',
            ],
        ),
        (
            {},
            {"claims": [{"name": "x"}]},
            ["spec.resources.claims: Forbidden: claims may not be set for Resources at pod-level"],
        ),
        (
            {},
            {"requests": {"ephemeral-storage": "1"}},
            [
                'spec.resources.requests[ephemeral-storage]: Unsupported value: "ephemeral-storage": supported values: "cpu", "hugepages-*", "memory"'
            ],
        ),
        (
            {},
            {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}},
            ['spec.resources.requests[cpu]: Invalid value: "2": must be less than or equal to cpu limit of 1'],
        ),
    ],
)
def test_of_the_pod(
    pod_problems: Problems, container: dict[str, Any], pod: dict[str, Any], expected: list[str]
) -> None:
    assert pod_problems({"resources": container}, resources=pod) == expected


def test_not_on_windows(pod_problems: Problems) -> None:
    assert pod_problems(resources={}, os={"name": "windows"}) == [
        "spec.resources: Forbidden: may not be set for a windows pod"
    ]
