from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[..., list[str]]
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}


def node(*expressions: dict[str, Any], fields: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    term = {"matchExpressions": list(expressions), "matchFields": list(fields)}
    return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [term]}}}}


def pods(term: dict[str, Any], kind: str = "podAffinity") -> dict[str, Any]:
    return {"affinity": {kind: {REQUIRED: [term]}}}


def expression(operator: str, *values: str, key: str = "a") -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"a": "b"}, "priorityClassName": "high", "preemptionPolicy": "Never", "nodeName": "n"},
        node(
            expression("In", "x"),
            expression("Exists"),
            expression("Gt", "5"),
            fields=(expression("In", "n", key="metadata.name"),),
        ),
        {"affinity": {"nodeAffinity": {PREFERRED: [{"weight": 1, "preference": {"matchExpressions": []}}]}}},
        pods(
            {
                "topologyKey": "zone",
                "labelSelector": {"matchExpressions": [expression("NotIn", "x")]},
                "namespaces": ["a"],
            }
        ),
        {"affinity": {"podAntiAffinity": {PREFERRED: [{"weight": 100, "podAffinityTerm": {"topologyKey": "z"}}]}}},
        {
            "tolerations": [
                {"operator": "Exists"},
                {"key": "a", "value": "b", "effect": "NoExecute", "tolerationSeconds": 1},
            ]
        },
        {"topologySpreadConstraints": [{**SPREAD, "minDomains": 1, "nodeTaintsPolicy": "Honor", "labelSelector": {}}]},
        pods({"topologyKey": "zone", "namespaceSelector": {"matchExpressions": [expression("DoesNotExist")]}}),
        {"overhead": {"cpu": "100m"}},
        {"schedulingGates": [{"name": "a.b/c"}]},
    ],
)
def test_good(pod_problems: Problems, spec: dict[str, Any]) -> None:
    assert pod_problems(**spec) == []


TERM = f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0]"
POD = f"spec.affinity.podAffinity.{REQUIRED}[0]"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"preemptionPolicy": "x"},
            ['spec.preemptionPolicy: Unsupported value: "x": supported values: "Never", "PreemptLowerPriority"'],
        ),
        (
            {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}},
            [
                f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms: Required value: must have at least one node selector term"
            ],
        ),
        (
            {"affinity": {"nodeAffinity": {PREFERRED: [{"weight": 0, "preference": {}}]}}},
            [f"spec.affinity.nodeAffinity.{PREFERRED}[0].weight: Invalid value: 0: must be in the range 1-100"],
        ),
        (
            node(expression("In")),
            [
                f"{TERM}.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"
            ],
        ),
        (
            node(expression("Exists", "x")),
            [
                f"{TERM}.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            ],
        ),
        (
            node(expression("Lt", "1", "2")),
            [
                f"{TERM}.matchExpressions[0].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'"
            ],
        ),
        (
            node(expression("x")),
            [f'{TERM}.matchExpressions[0].operator: Invalid value: "x": not a valid selector operator'],
        ),
        (
            node(fields=(expression("Exists", key="metadata.uid"),)),
            [
                f'{TERM}.matchFields[0].operator: Invalid value: "Exists": not a valid selector operator',
                f'{TERM}.matchFields[0].key: Invalid value: "metadata.uid": not a valid field selector key',
            ],
        ),
        (
            node(fields=(expression("In", key="metadata.name"),)),
            [
                f"{TERM}.matchFields[0].values: Required value: must be only one value when `operator` is 'In' or 'NotIn' "
                "for node field selector"
            ],
        ),
        (pods({"topologyKey": ""}), [f"{POD}.topologyKey: Required value: can not be empty"]),
        (
            pods({"topologyKey": "a", "labelSelector": {"matchExpressions": [expression("In")]}}),
            [
                f"{POD}.labelSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"
            ],
        ),
        (
            pods(
                {
                    "topologyKey": "a",
                    "namespaceSelector": {"matchExpressions": [expression("Exists", "x"), expression("y")]},
                }
            ),
            [
                f"{POD}.namespaceSelector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
                f'{POD}.namespaceSelector.matchExpressions[1].operator: Invalid value: "y": not a valid selector operator',
            ],
        ),
        (
            {"tolerations": [{"effect": "NoSchedule"}]},
            [
                'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match '
                'all values and all keys"'
            ],
        ),
        (
            {"tolerations": [{"key": "a", "tolerationSeconds": 1}]},
            [
                "spec.tolerations[0].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set"
            ],
        ),
        (
            {"tolerations": [{"key": "a", "operator": "Exists", "value": "x"}]},
            ["spec.tolerations[0].operator: Invalid value: \"x\": value must be empty when `operator` is 'Exists'"],
        ),
        (
            {"tolerations": [{"key": "a", "operator": "x", "effect": "y"}]},
            [
                'spec.tolerations[0].operator: Unsupported value: "x": supported values: "Equal", "Exists"',
                'spec.tolerations[0].effect: Unsupported value: "y": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"',
            ],
        ),
        (
            {
                "topologySpreadConstraints": [
                    {
                        "maxSkew": 0,
                        "topologyKey": "",
                        "whenUnsatisfiable": "x",
                        "minDomains": 0,
                        "nodeAffinityPolicy": "y",
                    }
                ]
            },
            [
                "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
                "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
                'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "x": supported values: "DoNotSchedule", "ScheduleAnyway"',
                "spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: must be greater than zero",
                "spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: can only use minDomains if whenUnsatisfiable=DoNotSchedule",
                'spec.topologySpreadConstraints[0].nodeAffinityPolicy: Unsupported value: "y": supported values: "Honor", "Ignore"',
            ],
        ),
        (
            {"topologySpreadConstraints": [SPREAD, SPREAD]},
            [
                'spec.topologySpreadConstraints[1].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"'
            ],
        ),
        ({"overhead": {"cpu": "-1"}}, ['spec.overhead[cpu]: Invalid value: "-1": must be greater than or equal to 0']),
        ({"schedulingGates": [{"name": "a"}] * 2}, ['spec.schedulingGates[1]: Duplicate value: "a"']),
        (
            {"schedulingGates": [{"name": "a"}], "nodeName": "n"},
            ["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
        ),
    ],
)
def test_bad(pod_problems: Problems, spec: dict[str, Any], expected: list[str]) -> None:
    assert pod_problems(**spec) == expected


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"a b": "c"}},
        {"nodeSelector": {"a": "b c"}},
        {"nodeName": "A"},
        {"priorityClassName": "A"},
        {"runtimeClassName": "A"},
        {"tolerations": [{"key": "a b"}]},
        {"tolerations": [{"key": "a", "value": "b c"}]},
        {"topologySpreadConstraints": [{**SPREAD, "topologyKey": "a b"}]},
        {"schedulingGates": [{"name": "a b"}]},
        pods({"topologyKey": "a b"}),
        pods({"topologyKey": "a", "namespaces": ["A"]}),
        pods({"topologyKey": "a", "labelSelector": {"matchLabels": {"a": "b c"}}}),
        pods({"topologyKey": "a", "labelSelector": {"matchExpressions": [expression("In", "b c")]}}, "podAntiAffinity"),
        node(expression("Exists", key="a b")),
    ],
)
def test_names(pod_problems: Problems, spec: dict[str, Any]) -> None:
    (problem,) = pod_problems(**spec)
    assert "Invalid value" in problem
