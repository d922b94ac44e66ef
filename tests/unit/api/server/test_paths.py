"""From paths and methods to what is meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.api.server.paths import Target, parse_path, verb_of


def target(plural: str, **fields: object) -> Target:
    return Target(**{"version": "v1", "plural": plural, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/pods", target("pods")),
        ("/api/v1/pods/", target("pods")),
        ("/api/v1/nodes/n", target("nodes", name="n")),
        ("/api/v1/namespaces", target("namespaces")),
        ("/api/v1/namespaces/a", target("namespaces", name="a")),
        ("/api/v1/namespaces/a/status", target("namespaces", name="a", subresource="status")),
        ("/api/v1/namespaces/a/finalize", target("namespaces", name="a", subresource="finalize")),
        ("/api/v1/namespaces/a/pods", target("pods", namespace="a")),
        ("/api/v1/namespaces/a/pods/b/log", target("pods", namespace="a", name="b", subresource="log")),
        ("/api/v1/namespaces/a/pods/b%2Fc", target("pods", namespace="a", name="b/c")),
        ("/api/v1/watch/namespaces/a/pods", target("pods", namespace="a", watch=True)),
        ("/api/v1/watch", target("watch")),
        ("/apis/g.io/v2/things/t", target("things", group="g.io", version="v2", name="t")),
        ("/api", None),
        ("/api/v1", None),
        ("/apis/g/v1", None),
        ("/apis//v1/things", None),
        ("/api/v1/namespaces//pods", None),
        ("/api/v1/a/b/c/d", None),
        ("/metrics", None),
        ("", None),
    ],
)
def test_paths(path: str, expected: Target | None) -> None:
    assert parse_path(path) == expected


@given(st.text())
def test_any_path_is_something_or_nothing(path: str) -> None:
    parse_path(path)
    found = parse_path(f"/api/v1/{path}")
    assert found is None or found.plural


@pytest.mark.parametrize(
    ("method", "name", "watching", "verb"),
    [
        ("GET", "", False, "list"),
        ("GET", "a", False, "get"),
        ("HEAD", "a", False, "get"),
        ("GET", "", True, "watch"),
        ("POST", "", False, "create"),
        ("PUT", "a", False, "update"),
        ("PUT", "", False, ""),
        ("PATCH", "a", False, "patch"),
        ("PATCH", "", False, ""),
        ("DELETE", "a", False, "delete"),
        ("DELETE", "", False, "deletecollection"),
        ("TRACE", "a", False, ""),
    ],
)
def test_verbs(method: str, name: str, watching: bool, verb: str) -> None:
    assert verb_of(method, target("pods", name=name), watching=watching) == verb
    if method == "GET":
        assert verb_of(method, target("pods", name=name, watch=True), watching=False) == "watch"
