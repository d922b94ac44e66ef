"""The definitions: whole, official, and without their descriptions where only rules are wanted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

import kubernetes_openapi
from nsrunner.api.openapi import definitions, name_of
from nsrunner.api.openapi.definitions import load


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


def test_no_reference_leads_nowhere() -> None:
    assert {name.removeprefix("#/definitions/") for name in references(load())} <= set(load())


def test_names_of_kinds() -> None:
    assert name_of("v1", "Pod") == "io.k8s.api.core.v1.Pod"
    assert name_of("events.k8s.io/v1", "Event") == "io.k8s.api.events.v1.Event"
    assert name_of("v1", "Song") == ""


def test_descriptions_are_left_out_but_fields_of_that_name_are_not() -> None:
    bare = json.dumps(definitions())
    assert "List of containers belonging to the pod" not in bare
    assert "List of containers belonging to the pod" in json.dumps(load())
    pod = definitions()["io.k8s.api.core.v1.PodSpec"]["properties"]
    assert pod["containers"]["x-kubernetes-patch-merge-key"] == "name"


def test_the_file_is_what_the_tool_makes_of_the_official_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schemas = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema/v1.36.0-local"
    if not schemas.exists():
        pytest.skip("this version of kubernetes-validate has no schemas of Kubernetes 1.36")
    there = kubernetes_openapi.TARGET.read_text()
    monkeypatch.setattr(kubernetes_openapi, "TARGET", tmp_path / "definitions.json")
    kubernetes_openapi.main("1.36.0")
    assert (tmp_path / "definitions.json").read_text() == there
