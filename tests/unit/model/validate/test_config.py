from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[[object], list[str]]


def secret(kind: str = "Opaque", annotations: dict[str, str] | None = None, **string_data: str) -> dict[str, Any]:
    names = {key.replace("__", "-").replace("_dot_", "."): value for key, value in string_data.items()}
    metadata = {"name": "s", "annotations": annotations or {}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": names}


def config_map(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, **fields}


def test_config_map(problems: Problems) -> None:
    assert problems(config_map(data={"a": "b", ".c": ""}, binaryData={"d": "AAA="}, immutable=True)) == []
    assert problems(config_map(data={"a": "b"}, binaryData={"a": "AAA="})) == [
        'data[a]: Invalid value: "a": duplicate of key present in binaryData'
    ]
    assert problems(config_map(data={"a": "x" * (1 << 20)})) == []
    assert problems(config_map(data={"a": "x" * (1 << 20), "b": "x"})) == [
        "data: Too long: may not be more than 1048576 bytes"
    ]
    (problem,) = problems(config_map(data={"a b": ""}))
    assert problem.startswith('data[a b]: Invalid value: "a b": a valid config key must consist of')
    (problem,) = problems(config_map(binaryData={"..": ""}))
    assert problem == "binaryData[..]: Invalid value: \"..\": must not be '..'"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (secret(a="b"), []),
        (secret("kubernetes.io/tls"), ["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
        (secret("kubernetes.io/tls", tls_dot_crt="", tls_dot_key=""), []),
        (secret("kubernetes.io/ssh-auth"), ["data[ssh-privatekey]: Required value"]),
        (secret("kubernetes.io/ssh-auth", ssh__privatekey="x"), []),
        (secret("kubernetes.io/basic-auth"), ["data[username]: Required value", "data[password]: Required value"]),
        (secret("kubernetes.io/basic-auth", password="x"), []),
        (secret("kubernetes.io/dockercfg"), ["data[.dockercfg]: Required value"]),
        (
            secret("kubernetes.io/dockerconfigjson", _dot_dockerconfigjson="{"),
            ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be valid JSON'],
        ),
        (secret("kubernetes.io/dockerconfigjson", _dot_dockerconfigjson="{}"), []),
        (
            secret("kubernetes.io/dockerconfigjson", _dot_dockerconfigjson="[" * 5000),
            ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be valid JSON'],
        ),
        (
            secret("kubernetes.io/service-account-token"),
            ["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
        ),
        (secret("kubernetes.io/service-account-token", {"kubernetes.io/service-account.name": "x"}), []),
        (secret("example.com/own", a="b"), []),
    ],
)
def test_secret(problems: Problems, value: dict[str, Any], expected: list[str]) -> None:
    assert problems(value) == expected


def test_size_and_keys_of_a_secret(problems: Problems) -> None:
    value = {**secret(), "data": {"a": base64.b64encode(b"x" * ((1 << 20) + 1)).decode(), "/": ""}}
    found = problems(value)
    assert found[0].startswith('data[/]: Invalid value: "/": a valid config key')
    assert found[1] == "data: Too long: may not be more than 1048576 bytes"
