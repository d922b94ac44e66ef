"""Strategic merge patches: the examples of Kubernetes' own documents, and that no body brings them to fall."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.api.errors import ApiError
from nsrunner.api.patch.schema import schema_of
from nsrunner.api.patch.strategic import strategic_merge

Json = dict[str, Any]
POD = schema_of("v1", "Pod")


def merged(spec: Json, patch: Json) -> Any:
    """The spec of a pod after a patch of its spec."""
    return strategic_merge({"spec": spec}, {"spec": patch}, POD)["spec"]


def containers(*names: str) -> Json:
    return {"containers": [{"name": name, "image": f"{name}:1"} for name in names]}


def names(spec: Json) -> list[str]:
    return [each["name"] for each in spec["containers"]]


def test_maps_are_merged_and_null_deletes() -> None:
    old = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    patch = {"metadata": {"labels": {"a": None, "c": "3"}, "annotations": {"x": None}}}
    assert strategic_merge(old, patch, POD) == {"metadata": {"labels": {"b": "2", "c": "3"}, "annotations": {}}}
    assert old == {"metadata": {"labels": {"a": "1", "b": "2"}}}


def test_a_list_with_a_merge_key_is_a_map() -> None:
    """The first example of https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch"""
    patch = {"containers": [{"name": "patch-demo-ctr-2", "image": "redis"}]}
    spec = merged({"containers": [{"name": "patch-demo-ctr", "image": "nginx"}]}, patch)
    assert spec["containers"] == [
        {"name": "patch-demo-ctr-2", "image": "redis"},
        {"name": "patch-demo-ctr", "image": "nginx"},
    ]
    assert merged(containers("a", "b"), {"containers": [{"name": "b", "image": "b:2"}]})["containers"][1] == {
        "name": "b",
        "image": "b:2",
    }


def test_a_list_without_strategy_is_replaced() -> None:
    """The document's second example."""
    old = {"tolerations": [{"key": "dedicated", "effect": "NoSchedule"}]}
    new = [{"key": "disktype", "effect": "NoSchedule"}]
    assert merged(old, {"tolerations": new}) == {"tolerations": new}


def test_a_set_of_scalars_is_united() -> None:
    old = {"metadata": {"finalizers": ["a", "b"]}}
    patch = {"metadata": {"finalizers": ["b", "c"]}}
    assert strategic_merge(old, patch, POD)["metadata"]["finalizers"] == ["a", "b", "c"]
    removal = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"]}}
    assert strategic_merge(old, removal, POD)["metadata"] == {"finalizers": ["a"]}
    both = {
        "metadata": {
            "$deleteFromPrimitiveList/finalizers": ["a"],
            "$setElementOrder/finalizers": ["c", "b"],
            "finalizers": ["c"],
        }
    }
    assert strategic_merge(old, both, POD)["metadata"] == {"finalizers": ["c", "b"]}


def test_patch_delete_takes_an_item_away() -> None:
    assert names(merged(containers("a", "b"), {"containers": [{"name": "a", "$patch": "delete"}]})) == ["b"]
    assert names(merged(containers("a"), {"containers": [{"name": "z", "$patch": "delete"}]})) == ["a"]


def test_patch_delete_empties_a_map() -> None:
    old = {"metadata": {"labels": {"a": "1"}}}
    assert strategic_merge(old, {"metadata": {"labels": {"$patch": "delete"}}}, POD) == {"metadata": {"labels": {}}}


def test_patch_replace() -> None:
    old = containers("a", "b")
    assert names(merged(old, {"containers": [{"name": "c", "image": "c"}, {"$patch": "replace"}]})) == ["c"]
    assert merged(old, {"$patch": "replace", **containers("z")}) == containers("z")


def test_patch_merge_is_the_default() -> None:
    patch = {"containers": [{"name": "a", "$patch": "merge", "image": "2"}]}
    assert merged(containers("a"), patch) == {"containers": [{"name": "a", "image": "2"}]}


def test_retain_keys_clears_the_rest() -> None:
    """strategic-merge-patch.md: of a union only what is named stays."""
    old = {"volumes": [{"name": "v", "emptyDir": {}}]}
    patch = {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}
    assert merged(old, patch) == {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]}


def test_set_element_order() -> None:
    order = {"$setElementOrder/containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}]}
    patch = {**order, "containers": [{"name": "c", "image": "c"}]}
    assert names(merged(containers("a", "b"), patch)) == ["b", "c", "a"]
    only = {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}
    assert names(merged(containers("a", "b"), only)) == ["b", "a"]


def test_those_the_server_added_stay_in_their_place() -> None:
    order = {"$setElementOrder/containers": [{"name": "a"}, {"name": "b"}, {"name": "new"}]}
    patch = {**order, "containers": [{"name": "new", "image": "n"}]}
    assert names(merged(containers("a", "server", "b"), patch)) == ["a", "server", "b", "new"]


def test_a_patch_of_kubectl_apply() -> None:
    """What kubectl sends when an environment variable is taken out and another changed."""
    old = containers("c")
    old["containers"][0]["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    env = {
        "$setElementOrder/env": [{"name": "B"}],
        "env": [{"name": "B", "value": "3"}, {"name": "A", "$patch": "delete"}],
        "name": "c",
    }
    spec = merged(old, {"$setElementOrder/containers": [{"name": "c"}], "containers": [env]})
    assert spec["containers"] == [{"name": "c", "image": "c:1", "env": [{"name": "B", "value": "3"}]}]


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"$patch": "sing"}, "unknown patch type"),
        ({"containers": [{"image": "x"}]}, "does not contain declared merge key: name"),
        ({"containers": [{"name": "a", "$patch": "sing"}]}, "unknown patch type"),
        ({"containers": ["a"]}, "must be an object with name"),
        ({"$retainKeys": "x"}, "invalid patch format of retainKeys"),
        ({"$retainKeys": ["dnsPolicy"], "hostname": "h"}, "invalid patch format of retainKeys"),
        ({"$setElementOrder/containers": "a"}, "invalid patch format of setElementOrder"),
        ({"$setElementOrder/tolerations": []}, "invalid patch format of setElementOrder"),
        ({"$deleteFromPrimitiveList/x": {}}, "invalid patch format of primitive list"),
        (
            {
                "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
                "containers": containers("b", "a")["containers"],
            },
            "The order in patch list",
        ),
    ],
)
def test_directives_that_make_no_sense(patch: Json, message: str) -> None:
    with pytest.raises(ApiError, match=message.replace("$", r"\$")) as caught:
        merged(containers("a"), patch)
    assert caught.value.code == 400


FIELDS = ("spec", "metadata", "containers", "name", "env", "volumes", "labels", "finalizers", "ports", "x")
DIRECTIVES = (
    "$patch",
    "$retainKeys",
    "$setElementOrder/containers",
    "$setElementOrder/finalizers",
    "$deleteFromPrimitiveList/finalizers",
)
KEYS = st.sampled_from([*FIELDS, *DIRECTIVES])
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "delete", "replace", "merge", ""])
BODIES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5))
OBJECTS = st.dictionaries(KEYS, BODIES, max_size=5)


@given(OBJECTS, OBJECTS)
def test_whatever_is_sent_is_merged_or_refused(old: Json, patch: Json) -> None:
    before = copy.deepcopy((old, patch))
    try:
        assert isinstance(strategic_merge(old, patch, POD), dict)
    except ApiError as error:
        assert error.code == 400
    assert (old, patch) == before
