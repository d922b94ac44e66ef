from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[..., list[str]]
AT = "spec.volumes[0].projected.sources"
CONFIG = {"configMap": {"name": "m", "items": [{"key": "k", "path": "p"}]}}


def files(**fields: Any) -> dict[str, Any]:
    return {"configMap": {"name": "m", "items": [{"key": "k", "path": "p", **fields}]}}


def down(**fields: Any) -> dict[str, Any]:
    return {"downwardAPI": {"items": [{"path": "p", **fields}]}}


NAME = {"fieldRef": {"fieldPath": "metadata.name"}}
CPU = {"resourceFieldRef": {"resource": "limits.cpu", "containerName": "main"}}


@pytest.mark.parametrize(
    "sources",
    [
        [],
        [CONFIG, {"secret": {"name": "s"}}, {"serviceAccountToken": {"path": "t", "expirationSeconds": 600}}],
        [down(**NAME), {"downwardAPI": {"items": [{"path": "q", **CPU}]}}],
        [{"clusterTrustBundle": {"name": "b", "path": "p"}}],
        [{"clusterTrustBundle": {"signerName": "a/b", "labelSelector": {"matchLabels": {"a": "b"}}, "path": "p"}}],
        [{"podCertificate": {"signerName": "a/b", "keyType": "ED25519", "credentialBundlePath": "p", "keyPath": "q"}}],
    ],
)
def test_good(pod_problems: Problems, sources: list[dict[str, Any]]) -> None:
    assert pod_problems(volumes=[{"name": "v", "projected": {"sources": sources}}]) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({}, [": Required value: must specify one volume type per source"]),
        ({**CONFIG, "secret": {"name": "s"}}, [": Forbidden: may not specify more than 1 volume type per source"]),
        ({"secret": {}}, [".secret.name: Required value"]),
        (files(path=""), [".configMap.items[0].path: Required value"]),
        (files(path="/p"), ['.configMap.items[0].path: Invalid value: "/p": must be a relative path']),
        (files(path="a/../b"), [".configMap.items[0].path: Invalid value: \"a/../b\": must not contain '..'"]),
        (files(path=".."), [".configMap.items[0].path: Invalid value: \"..\": must not contain '..'"]),
        (files(path="..data"), [".configMap.items[0].path: Invalid value: \"..data\": must not start with '..'"]),
        (files(path="a/..b"), []),
        (
            files(mode=512),
            [
                ".configMap.items[0].mode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive"
            ],
        ),
        (down(), [".downwardAPI.items[0]: Required value: one of fieldRef and resourceFieldRef is required"]),
        (
            down(**NAME, **CPU),
            [
                '.downwardAPI.items[0]: Invalid value: "resource": fieldRef and resourceFieldRef can not be specified simultaneously'
            ],
        ),
        (
            down(fieldRef={"fieldPath": "status.podIP"}),
            [
                '.downwardAPI.items[0].fieldRef.fieldPath: Unsupported value: "status.podIP": supported values: '
                '"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"'
            ],
        ),
        (
            down(resourceFieldRef={"resource": "limits.cpu"}),
            [".downwardAPI.items[0].resourceFieldRef.containerName: Required value"],
        ),
        (
            {"serviceAccountToken": {"path": "t", "expirationSeconds": 599}},
            [
                ".serviceAccountToken.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes"
            ],
        ),
        (
            {"serviceAccountToken": {"path": "t", "expirationSeconds": 2**32 + 1}},
            [
                f".serviceAccountToken.expirationSeconds: Invalid value: {2**32 + 1}: may not specify a duration larger "
                "than 2^32 seconds"
            ],
        ),
        ({"serviceAccountToken": {"path": ""}}, [".serviceAccountToken.path: Required value"]),
        (
            {"clusterTrustBundle": {"path": "p"}},
            [".clusterTrustBundle: Required value: either name or signerName must be set"],
        ),
        (
            {"clusterTrustBundle": {"name": "b", "signerName": "a/b", "labelSelector": {}, "path": ""}},
            [
                '.clusterTrustBundle: Invalid value: "b": only one of name and signerName may be used',
                ".clusterTrustBundle.labelSelector: Invalid value: an object: labelSelector must be unset if name is specified",
                ".clusterTrustBundle.path: Required value",
            ],
        ),
        (
            {"podCertificate": {"signerName": "", "keyType": "DSA"}},
            [
                ".podCertificate.signerName: Required value",
                '.podCertificate.keyType: Unsupported value: "DSA": supported values: "ECDSAP256", "ECDSAP384", '
                '"ECDSAP521", "ED25519", "RSA3072", "RSA4096"',
                ".podCertificate: Required value: specify at least one of credentialBundlePath, keyPath, and "
                "certificateChainPath",
            ],
        ),
    ],
)
def test_bad(pod_problems: Problems, source: dict[str, Any], expected: list[str]) -> None:
    found = pod_problems(volumes=[{"name": "v", "projected": {"sources": [source]}}])
    assert found == [f"{AT}[0]{item}" for item in expected]


@pytest.mark.parametrize(
    "other",
    [
        CONFIG,
        {"secret": {"name": "s", "items": [{"key": "k", "path": "p"}]}},
        down(**NAME),
        {"serviceAccountToken": {"path": "p"}},
        {"clusterTrustBundle": {"name": "b", "path": "p"}},
        {"podCertificate": {"signerName": "a/b", "keyType": "ED25519", "keyPath": "p"}},
    ],
)
def test_two_sources_of_one_file(pod_problems: Problems, other: dict[str, Any]) -> None:
    found = pod_problems(volumes=[{"name": "v", "projected": {"sources": [CONFIG, other]}}])
    assert found == [f'{AT}[1]: Invalid value: "p": conflicting duplicate paths']
