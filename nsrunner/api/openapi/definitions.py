"""The definitions of Kubernetes 1.36, cut to what is served (tools/kubernetes_openapi.py)."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import msgspec

__all__ = ["definitions", "load", "name_of"]


def load() -> dict[str, dict[str, Any]]:
    """Read anew: 1 MB of objects that those who use them once let go."""
    text = resources.files(__package__).joinpath("definitions.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, dict[str, Any]])


@functools.cache
def definitions() -> dict[str, dict[str, Any]]:
    """Without their descriptions, for rules: by name, as in OpenAPI v2 (``$ref: #/definitions/NAME``)."""
    return {name: _bare(value) for name, value in load().items()}


def _bare(value: Any) -> Any:
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if not isinstance(value, dict):
        return value
    # A property may have this name, too: then its value is a schema.
    return {key: _bare(item) for key, item in value.items() if key != "description" or isinstance(item, dict)}


@functools.cache
def name_of(api_version: str, kind: str) -> str:
    """The name of a kind's definition; empty: there is none."""
    group, _, version = api_version.rpartition("/")
    wanted = {"group": group, "kind": kind, "version": version}
    found = definitions().items()
    return next((name for name, each in found if wanted in each.get("x-kubernetes-group-version-kind", ())), "")
