"""Server-side apply: who owns what, who is overruled, what goes when nobody wants it any more."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.api.errors import ApiError
from nsrunner.api.patch.apply import LAST_APPLIED, applied
from nsrunner.api.patch.managed import updated_managers
from nsrunner.api.patch.schema import schema_of

Json = dict[str, Any]
NOW = "2026-01-01T00:00:00Z"


def config_map(**fields: Any) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "d"}, **fields}


def pod(*containers: Json, **spec: Any) -> Json:
    metadata = {"name": "c", "namespace": "d"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [*containers], **spec}}


def apply(live: Json, config: Json, manager: str = "me", **options: Any) -> Json:
    before = copy.deepcopy((live, config))
    schema = schema_of(config["apiVersion"], config["kind"])
    result = applied(live, config, schema, manager=manager, now=NOW, **options)
    assert (live, config) == before
    return result


def update(live: Json, new: Json, manager: str) -> Json:
    entries = updated_managers(live, new, None, manager=manager, subresource="", now=NOW)
    return {**new, "metadata": {**new["metadata"], "managedFields": entries}}


def owners(object: Json) -> dict[str, Any]:
    return {entry["manager"]: entry["fieldsV1"] for entry in object["metadata"]["managedFields"]}


def test_what_is_not_there_is_made() -> None:
    made = apply({}, config_map(data={"key": "some value"}))
    assert made["data"] == {"key": "some value"}
    (entry,) = made["metadata"]["managedFields"]
    assert entry == {
        "manager": "me",
        "operation": "Apply",
        "apiVersion": "v1",
        "time": NOW,
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {"f:key": {}}},
    }


def test_another_manager_conflicts() -> None:
    """The example of https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts."""
    live = update(config_map(data={"key": "old"}), config_map(data={"key": "other"}), "kube-controller-manager")
    with pytest.raises(ApiError) as caught:
        apply(live, config_map(data={"key": "mine"}))
    status = caught.value.status
    assert (status["code"], status["reason"]) == (409, "Conflict")
    who = f'"kube-controller-manager" using v1 at {NOW}'
    assert status["message"] == f"Apply failed with 1 conflict: conflict with {who}: .data.key"
    cause = {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": ".data.key"}
    assert status["details"]["causes"] == [cause]


def test_several_conflicts_are_listed_by_manager() -> None:
    live = apply(apply({}, config_map(data={"a": "1", "b": "1"}), "x"), config_map(data={"c": "1"}), "y")
    with pytest.raises(ApiError) as caught:
        apply(live, config_map(data={"a": "2", "b": "2", "c": "2"}))
    assert caught.value.status["message"] == (
        'Apply failed with 3 conflicts: conflicts with "x":\n- .data.a\n- .data.b\nconflicts with "y":\n- .data.c'
    )


def test_force_takes_the_field_over() -> None:
    live = apply({}, config_map(data={"a": "1", "b": "1"}), "other")
    new = apply(live, config_map(data={"a": "2"}), force=True)
    assert new["data"] == {"a": "2", "b": "1"}
    assert owners(new) == {"me": {"f:data": {"f:a": {}}}, "other": {"f:data": {"f:b": {}}}}


def test_the_same_value_is_shared() -> None:
    live = apply(apply({}, config_map(data={"a": "1"}), "other"), config_map(data={"a": "1"}))
    assert owners(live) == {"me": {"f:data": {"f:a": {}}}, "other": {"f:data": {"f:a": {}}}}
    less = apply(live, config_map())
    assert less["data"] == {"a": "1"} and list(owners(less)) == ["other"]
    assert "data" not in apply(less, config_map(), "other")


def test_what_is_not_applied_any_more_goes() -> None:
    live = apply({}, pod({"name": "a", "image": "1", "tty": True}, {"name": "b", "image": "1"}))
    live["spec"]["containers"][1]["imagePullPolicy"] = "Always"  # a default, nobody's
    new = apply(live, pod({"name": "a", "image": "1"}))
    assert new["spec"] == {"containers": [{"name": "a", "image": "1"}]}


def test_an_item_that_another_has_a_field_of_stays() -> None:
    live = apply({}, pod({"name": "a", "image": "1"}, {"name": "b", "image": "1", "tty": True}))
    live = apply(live, pod({"name": "b", "stdin": True}), "other")
    new = apply(live, pod({"name": "a", "image": "1"}))
    assert new["spec"]["containers"] == [{"name": "a", "image": "1"}, {"name": "b", "stdin": True}]


def test_unowned_fields_stay() -> None:
    live = {**apply({}, pod({"name": "a", "image": "1"}, hostname="h")), "status": {"phase": "Running"}}
    live["spec"]["nodeName"] = "n"
    new = apply(live, pod({"name": "a", "image": "1"}))
    assert new["spec"] == {"containers": [{"name": "a", "image": "1"}], "nodeName": "n"}
    assert new["status"] == {"phase": "Running"}


def test_the_order_is_the_appliers() -> None:
    live = apply({}, pod({"name": "a"}, {"name": "x"}, {"name": "b"}), "other")
    new = apply(live, pod({"name": "b"}, {"name": "n"}, {"name": "a"}), force=True)
    names = [each["name"] for each in new["spec"]["containers"]]
    assert [name for name in names if name != "x"] == ["b", "n", "a"] and "x" in names


def test_sets_are_united_and_each_takes_its_own_back() -> None:
    def with_finalizers(*names: str) -> Json:
        object = config_map()
        object["metadata"]["finalizers"] = list(names)
        return object

    live = apply(apply({}, with_finalizers("a", "b"), "x"), with_finalizers("b", "c"), "y")
    assert live["metadata"]["finalizers"] == ["a", "b", "c"]
    assert apply(live, with_finalizers("a"), "x")["metadata"]["finalizers"] == ["a", "b", "c"]
    assert apply(live, with_finalizers("b"), "x")["metadata"]["finalizers"] == ["b", "c"]


def test_kubectl_goes_on_from_client_side_apply() -> None:
    old = config_map(data={"a": "1"})
    there = copy.deepcopy(old)
    there["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(old)}
    live = update({}, there, "kubectl-client-side-apply")
    with pytest.raises(ApiError):
        apply(live, config_map(data={"a": "2"}), "somebody")
    new = apply(live, config_map(data={"a": "2"}), "kubectl")
    assert new["data"] == {"a": "2"}
    assert json.loads(new["metadata"]["annotations"][LAST_APPLIED])["data"] == {"a": "2"}


def test_a_broken_annotation_helps_nobody() -> None:
    there = config_map(data={"a": "1"})
    there["metadata"]["annotations"] = {LAST_APPLIED: "{"}
    with pytest.raises(ApiError, match="1 conflict"):
        apply(update({}, there, "edit"), config_map(data={"a": "2"}), "kubectl")


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ApiError, match=r"\.spec\.sing: field not declared in schema"):
        apply({}, pod(sing=1))


KEYS = st.sampled_from(["spec", "metadata", "containers", "name", "env", "labels", "finalizers", "ports", "emptyDir"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=4).map(
    lambda body: {**body, "apiVersion": "v1", "kind": "Pod", "metadata": {}}
)


@given(st.lists(st.tuples(BODIES, st.sampled_from(["x", "y"]), st.booleans()), max_size=4))
def test_whatever_is_applied_is_done_or_refused(applications: list[tuple[Json, str, bool]]) -> None:
    live: Json = {}
    for config, manager, force in applications:
        try:
            live = apply(live, config, manager, force=force)
        except ApiError as error:
            assert error.code in (400, 409)
        else:
            again = apply(live, config, manager)
            assert again == live
