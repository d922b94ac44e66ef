"""Objects, lists, tables and metadata alone."""

from __future__ import annotations

from typing import Any

from nsrunner.api.resources import served
from nsrunner.api.server.forms import shown, table
from nsrunner.api.server.media import Form

CONFIGS = next(each for each in served("node-1") if each.info.kind == "ConfigMap")
CONF: dict[str, Any] = {
    "kind": "ConfigMap",
    "apiVersion": "v1",
    "metadata": {"name": "conf", "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "data": {"a": "b"},
}
LIST: dict[str, Any] = {
    "kind": "ConfigMapList",
    "apiVersion": "v1",
    "metadata": {"resourceVersion": "7", "continue": "x"},
    "items": [CONF],
}
PARTIAL = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": CONF["metadata"]}
NOW = 1767225600.0 + 90


def test_whole() -> None:
    assert shown(CONF, CONFIGS, Form(), now=NOW) is CONF
    status = {"kind": "Status"}
    assert shown(status, CONFIGS, Form(kind="Table"), now=NOW) is status


def test_a_table() -> None:
    found = shown(LIST, CONFIGS, Form(kind="Table"), now=NOW)
    assert (found["kind"], found["apiVersion"], found["metadata"]) == ("Table", "meta.k8s.io/v1", LIST["metadata"])
    assert [column["name"] for column in found["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert found["rows"] == [{"cells": ["conf", 1, "90s"], "object": PARTIAL}]
    assert shown(CONF, CONFIGS, Form(kind="Table"), now=NOW, include="None")["rows"] == [{"cells": ["conf", 1, "90s"]}]
    assert shown(CONF, CONFIGS, Form(kind="Table"), now=NOW, include="Object")["rows"][0]["object"] is CONF


def test_a_row_of_a_watch_has_no_headers() -> None:
    found = table(CONFIGS, [CONF], {"resourceVersion": "9"}, version="v1", now=NOW, headers=False)
    assert (found["columnDefinitions"], found["metadata"]) == (None, {"resourceVersion": "9"})


def test_metadata_alone() -> None:
    assert shown(CONF, CONFIGS, Form(kind="PartialObjectMetadata"), now=NOW) == PARTIAL
    found = shown(LIST, CONFIGS, Form(kind="PartialObjectMetadata"), now=NOW)
    assert (found["kind"], found["items"]) == ("PartialObjectMetadataList", [PARTIAL])
