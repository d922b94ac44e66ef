"""managedFields of writes that are no apply, and what clients send as managedFields."""

from __future__ import annotations

from typing import Any

import pytest

from nsrunner.api.patch.managed import encode_managers, read_managers, settled, updated_managers

Json = dict[str, Any]
NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def config_map(data: Json, entries: Any = ()) -> Json:
    metadata = {"name": "c", "uid": "u", "resourceVersion": "1", "managedFields": list(entries)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def written(old: Json | None, new: Json, manager: str, given: Any = None, now: str = NOW, subresource: str = "") -> Any:
    return updated_managers(old, new, given, manager=manager, subresource=subresource, now=now)


def test_who_creates_owns_all_but_the_names() -> None:
    (entry,) = written(None, config_map({"a": "1"}), "m")
    assert entry == {
        "manager": "m",
        "operation": "Update",
        "apiVersion": "v1",
        "time": NOW,
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {".": {}, "f:a": {}}},
    }


def test_who_changes_a_field_takes_it() -> None:
    old = config_map({"a": "1", "b": "1"}, written(None, config_map({"a": "1", "b": "1"}), "first"))
    entries = written(old, config_map({"a": "2", "b": "1"}), "second", now=LATER)
    assert {entry["manager"]: entry["fieldsV1"]["f:data"] for entry in entries} == {
        "first": {".": {}, "f:b": {}},
        "second": {"f:a": {}},
    }
    assert [entry["time"] for entry in entries] == [NOW, LATER]


def test_what_is_removed_is_nobodys() -> None:
    old = config_map({"a": "1", "b": "1"}, written(None, config_map({"a": "1", "b": "1"}), "m"))
    (entry,) = written(old, config_map({"a": "1"}), "other")
    assert entry["manager"] == "m" and entry["fieldsV1"] == {"f:data": {".": {}, "f:a": {}}}


def test_writes_of_the_status_are_apart() -> None:
    old = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"hostname": "a"}}
    new = {**old, "status": {"phase": "Running"}, "spec": {"hostname": "b"}}
    (entry,) = written(old, new, "m", subresource="status")
    assert entry["subresource"] == "status" and entry["fieldsV1"] == {"f:status": {"f:phase": {}}}
    (entry,) = written(old, new, "m")
    assert entry["fieldsV1"] == {"f:spec": {"f:hostname": {}}}


def test_what_we_fill_in_is_nobodys() -> None:
    new = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"hostname": "a", "nodeName": "n"}}
    entries = updated_managers(
        None, new, None, manager="m", subresource="", now=NOW, unowned=frozenset({("f:spec", "f:nodeName")})
    )
    assert entries[0]["fieldsV1"] == {"f:spec": {"f:hostname": {}}}


def test_clients_may_write_managed_fields_themselves() -> None:
    there = written(None, config_map({"a": "1"}), "m")
    old, same = config_map({"a": "1"}, there), config_map({"a": "1"})
    theirs = [{**there[0], "manager": "mine", "operation": "Apply"}]
    assert written(old, same, "x", given=theirs) == theirs
    assert written(old, same, "x", given=[{}]) == []
    for useless in (
        None,
        [],
        [{"manager": 1}],
        [{**there[0], "operation": "Sing"}],
        [{**there[0], "fieldsV1": {"x": {}}}],
    ):
        assert written(old, same, "x", given=useless) == there


@pytest.mark.parametrize(
    "entries", ["x", ["x"], [{"operation": "Apply", "time": 1}], [{"operation": "Apply", "fieldsType": "V9"}]]
)
def test_other_forms_are_refused(entries: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_managers(entries)


def test_entries_go_there_and_back_in_their_order() -> None:
    entries = [
        {"manager": "a", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:x": {}}},
        {
            "manager": "b",
            "operation": "Update",
            "apiVersion": "v1",
            "time": NOW,
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:y": {}},
            "subresource": "status",
        },
    ]
    assert encode_managers(read_managers(entries[::-1])) == entries
    assert encode_managers(read_managers([{**entries[0], "fieldsV1": {}}])) == []


def test_a_new_time_alone_is_no_change() -> None:
    old = written(None, config_map({"a": "1"}), "m")
    new = written(None, config_map({"a": "1"}), "m", now=LATER)
    assert settled(old, new) is old
    other = written(None, config_map({"b": "1"}), "m", now=LATER)
    assert settled(old, other) is other
