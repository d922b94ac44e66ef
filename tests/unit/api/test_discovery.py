"""Discovery, plain and aggregated: both say the same."""

from __future__ import annotations

from typing import Any

import pytest

from nsrunner.api.discovery import aggregated, api_groups, api_resources, api_versions
from nsrunner.api.resources import served

RESOURCES = served("node-1")


def plain(group: str, version: str) -> dict[str, dict[str, Any]]:
    found = api_resources(RESOURCES, group, version)
    assert found is not None
    return {each["name"]: each for each in found["resources"]}


def test_groups() -> None:
    assert api_versions("1.2.3.4:6443")["versions"] == ["v1"]
    groups = {each["name"]: each["preferredVersion"]["groupVersion"] for each in api_groups(RESOURCES)["groups"]}
    assert groups == {
        "authentication.k8s.io": "authentication.k8s.io/v1",
        "authorization.k8s.io": "authorization.k8s.io/v1",
        "events.k8s.io": "events.k8s.io/v1",
        "metrics.k8s.io": "metrics.k8s.io/v1beta1",
    }
    assert api_resources(RESOURCES, "apps", "v1") is None


def test_resources() -> None:
    core = plain("", "v1")
    assert core["pods"]["shortNames"] == ["po"] and core["pods"]["namespaced"]
    assert core["pods/ephemeralcontainers"]["verbs"] == ["get", "patch", "update"]
    assert plain("authorization.k8s.io", "v1")["selfsubjectaccessreviews"]["verbs"] == ["create"]


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
def test_the_aggregated_form_says_the_same(version: str) -> None:
    for core in (True, False):
        found = aggregated(RESOURCES, core=core, version=version)
        assert found["apiVersion"] == f"apidiscovery.k8s.io/{version}"
        for group in found["items"]:
            (shown,) = group["versions"]
            listed = plain(group["metadata"].get("name", ""), shown["version"])
            assert {each["resource"]: each["verbs"] for each in shown["resources"]} == {
                name: each["verbs"] for name, each in listed.items() if "/" not in name
            }
