"""Short ways to say a manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from nsrunner.model import Document, load
from nsrunner.model.types import Pod

MakePod = Callable[..., Pod]
Problems = Callable[..., list[str]]


def manifest(container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A small pod. ``container``: fields of its only container; the rest: fields of its spec."""
    own = {"name": "main", "image": "busybox", **(container or {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [own], **spec},
    }


def document(value: object) -> Document:
    (only,) = load(json.dumps(value).encode(), "test.json")
    return only


@pytest.fixture
def make_pod() -> MakePod:
    """A valid pod with defaults, from fields of its container and its spec."""

    def make(container: dict[str, Any] | None = None, **spec: Any) -> Pod:
        made = document(manifest(container, **spec))
        assert made.errors == ()
        assert isinstance(made.object, Pod)
        return made.object

    return make


@pytest.fixture
def pod_problems() -> Problems:
    """Why the API would refuse such a pod."""

    def problems(container: dict[str, Any] | None = None, **spec: Any) -> list[str]:
        return [str(error) for error in document(manifest(container, **spec)).errors]

    return problems


@pytest.fixture
def problems() -> Callable[[object], list[str]]:
    """Why the API would refuse such a document."""
    return lambda value: [str(error) for error in document(value).errors]
