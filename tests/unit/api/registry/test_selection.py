"""What selectors leave."""

from __future__ import annotations

from typing import Any

import pytest

from nsrunner.api.errors import ApiError
from nsrunner.api.registry.selection import Selection
from nsrunner.api.resources import served
from nsrunner.api.store import Change, Key

PODS = next(resource for resource in served("node") if resource.info.name == "pods")
WEB: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
    "spec": {"nodeName": "node"},
    "status": {"phase": "Running"},
}
DB: dict[str, Any] = {**WEB, "metadata": {"name": "db", "namespace": "default"}}


@pytest.mark.parametrize(
    ("labels", "fields", "expected"),
    [
        ("", "", [WEB, DB]),
        ("app", "", [WEB]),
        ("", "metadata.name=db", [DB]),
        ("", "metadata.name!=db", [WEB]),
        ("app=web", "metadata.name=db", []),
        ("", "metadata.name=web,metadata.name=db", []),
        ("", "metadata.name=web,status.phase=Running", [WEB]),
        ("", "metadata.name=web,status.phase!=Running", []),
        ("", "spec.nodeName=node", [WEB, DB]),
    ],
)
def test_what_is_left(labels: str, fields: str, expected: list[dict[str, Any]]) -> None:
    chosen = Selection(PODS, labels, fields)
    assert [each for each in (WEB, DB) if chosen.has(each)] == expected
    assert chosen.everything is (not labels and not fields)


@pytest.mark.parametrize("fields", ["metadata.name", "spec.color=red"])
def test_what_cannot_be_selected_by(fields: str) -> None:
    with pytest.raises(ApiError) as refused:
        Selection(PODS, "", fields)
    assert refused.value.code == 400


def test_a_change_concerns_who_sees_the_object_now_or_saw_it_before() -> None:
    chosen = Selection(PODS, "app=web", "")
    other = {**WEB, "metadata": {**WEB["metadata"], "labels": {"app": "other"}}}
    key = Key("pods", "default", "web")
    seen = [(WEB, None), (other, None), (other, WEB), (WEB, other), (other, other)]
    assert [chosen.concerned(Change("MODIFIED", key, now, before, 5)) for now, before in seen] == [
        True,
        False,
        True,
        True,
        False,
    ]
