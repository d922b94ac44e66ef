"""Sets of fields: their form in managedFields, what an object says, how two differ."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.api.errors import ApiError
from nsrunner.api.patch.fieldsets import as_path, compare, ensured, fields_of, from_v1, to_v1
from nsrunner.api.patch.schema import schema_of

POD = schema_of("v1", "Pod")

ELEMENTS = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])
SETS = st.frozensets(st.lists(ELEMENTS, min_size=1, max_size=4).map(tuple), max_size=8)


def container(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c", **fields}]}}


@given(SETS)
def test_a_set_goes_to_v1_and_back(fields: frozenset[tuple[str, ...]]) -> None:
    assert from_v1(to_v1(fields)) == fields


def test_the_form_of_the_documents() -> None:
    """https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management, the first example."""
    object = {"metadata": {"labels": {"test-label": "test"}}, "data": {"key": "some value"}}
    assert to_v1(fields_of(object, schema_of("v1", "ConfigMap"))) == {
        "f:data": {"f:key": {}},
        "f:metadata": {"f:labels": {"f:test-label": {}}},
    }


def test_items_are_known_by_their_keys() -> None:
    object = container(ports=[{"containerPort": 80}], command=["a", "b"], resources={})
    assert to_v1(fields_of(object, POD)) == {
        "f:spec": {
            "f:containers": {
                'k:{"name":"c"}': {
                    ".": {},
                    "f:command": {},
                    "f:name": {},
                    "f:ports": {
                        'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}},
                    },
                    "f:resources": {},
                }
            }
        }
    }


def test_items_of_sets_are_known_by_their_value() -> None:
    assert to_v1(fields_of({"metadata": {"finalizers": ["a/b"]}}, POD)) == {
        "f:metadata": {"f:finalizers": {'v:"a/b"': {}}}
    }


@pytest.mark.parametrize("value", [[], "a", {"x": {}}, {"f:a": []}, {"f:a": {"f:b": None}}])
def test_other_forms_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_v1(value)


def test_a_form_without_end_is_refused() -> None:
    value: dict[str, Any] = {}
    for _ in range(5000):
        value = {"f:a": value}
    with pytest.raises(ValueError, match="objects"):
        from_v1(value)


@pytest.mark.parametrize(
    ("object", "message"),
    [
        ({"spec": {"sing": 1}}, r"\.spec\.sing: field not declared in schema"),
        ({"spec": {"containers": [{"image": "x"}]}}, r"\.spec\.containers: an element omits a key"),
        ({"spec": {"containers": [{"name": "a"}, {"name": "a"}]}}, r'duplicate entries for key \[name="a"\]'),
    ],
)
def test_what_cannot_be_applied(object: Any, message: str) -> None:
    with pytest.raises(ApiError, match=message):
        fields_of(object, POD)


def test_paths_for_people() -> None:
    path = ("f:spec", "f:containers", 'k:{"name":"c"}', "f:ports", 'k:{"protocol":"TCP","containerPort":80}')
    assert as_path(path) == '.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"]'
    assert as_path(("f:metadata", "f:finalizers", 'v:"x"')) == '.metadata.finalizers[="x"]'
    assert as_path(("f:a", "i:1")) == ".a[1]"


def test_ensured_has_all_that_a_field_is_in() -> None:
    assert ensured([("f:a", "f:b")]) == {("f:a",), ("f:a", "f:b")}


def test_compare() -> None:
    old = container(image="1", tty=True, env=[{"name": "A", "value": "1"}])
    new = container(image="2", stdin=True, env=[{"name": "B"}])
    changes = compare(old, new, POD)
    here = ("f:spec", "f:containers", 'k:{"name":"c"}')
    assert changes.modified == {(*here, "f:image")}
    assert changes.added == {
        (*here, "f:stdin"),
        (*here, "f:env", 'k:{"name":"B"}'),
        (*here, "f:env", 'k:{"name":"B"}', "f:name"),
    }
    assert (*here, "f:tty") in changes.removed and (*here, "f:env", 'k:{"name":"A"}', "f:value") in changes.removed


def test_compare_says_what_is_new_with_all_in_it() -> None:
    changes = compare({}, {"metadata": {"labels": {"a": "1"}}}, POD)
    assert changes.added == ensured([("f:metadata", "f:labels", "f:a")])
    assert compare({"spec": {"nodeSelector": None}}, {"spec": {"nodeSelector": {}}}, POD).modified
