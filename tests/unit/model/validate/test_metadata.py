from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[[object], list[str]]


def of(**metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", **metadata}}


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"name": "a.b-c", "namespace": "ns"},
        {"name": None, "generateName": "web-"},
        {"labels": {"app": "", "example.com/app.name": "Web_1"}},
        {"annotations": {"a.b/C": "anything\n\x1b at all"}},
        {"finalizers": ["a.b/c"]},
        {"ownerReferences": [{"apiVersion": "v1", "kind": "A", "name": "b", "uid": "c"}]},
    ],
)
def test_good(problems: Problems, metadata: dict[str, Any]) -> None:
    assert problems(of(**metadata)) == []


@pytest.mark.parametrize(
    ("metadata", "start"),
    [
        ({"name": None}, "metadata.name: Required value: name or generateName is required"),
        ({"name": ""}, "metadata.name: Required value: name or generateName is required"),
        ({"name": "A"}, 'metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of'),
        ({"name": "a\n"}, 'metadata.name: Invalid value: "a\\n": a lowercase RFC 1123 subdomain'),
        ({"name": "../../etc"}, 'metadata.name: Invalid value: "../../etc": a lowercase RFC 1123 subdomain'),
        ({"name": "a" * 254}, 'metadata.name: Invalid value: "' + "a" * 120 + '…": must be no more than 253 bytes'),
        ({"generateName": "A-"}, 'metadata.generateName: Invalid value: "A-": a lowercase RFC 1123 subdomain'),
        ({"namespace": "a.b"}, 'metadata.namespace: Invalid value: "a.b": a lowercase RFC 1123 label'),
        ({"labels": {"a b": "c"}}, 'metadata.labels: Invalid value: "a b": name part must consist of'),
        ({"labels": {"a": "b c"}}, 'metadata.labels: Invalid value: "b c": a valid label must be'),
        ({"annotations": {"-": "b"}}, 'metadata.annotations: Invalid value: "-": name part must consist of'),
        (
            {"annotations": {"a": "x" * (256 << 10)}},
            "metadata.annotations: Too long: may not be more than 262144 bytes",
        ),
        ({"finalizers": [" "]}, 'metadata.finalizers[0]: Invalid value: " ": name part'),
        (
            {"ownerReferences": [{"apiVersion": "", "kind": "A", "name": "b", "uid": "c"}]},
            'metadata.ownerReferences[0].apiVersion: Invalid value: "": must not be empty',
        ),
    ],
)
def test_bad(problems: Problems, metadata: dict[str, Any], start: str) -> None:
    (problem,) = problems(of(**metadata))
    assert problem.startswith(start)
