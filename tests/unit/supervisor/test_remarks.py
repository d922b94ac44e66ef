"""Warnings of plans, each once."""

from __future__ import annotations

from nsrunner.lifecycle.commands import RecordEvent
from nsrunner.model.types import Container, ObjectMeta, Pod, PodSpec
from nsrunner.supervisor.plan import PlanWarning
from nsrunner.supervisor.remarks import Remarks


def test_each_is_said_once_and_where_it_belongs() -> None:
    said: list[RecordEvent] = []
    remarks = Remarks(said.append)
    pod = Pod(metadata=ObjectMeta(name="web"), spec=PodSpec(containers=(Container(name="c", image="host"),)))
    cpu = PlanWarning(reason="LimitNotEnforced", message="cpu", container="c")
    of_pod, of_container = PlanWarning(reason="MissingClusterDNS", message="no DNS"), cpu
    remarks.say(pod, (of_pod, of_container))
    remarks.say(pod, (of_container, of_pod))
    assert [(each.type, each.reason, each.message, each.field_path) for each in said] == [
        ("Warning", "MissingClusterDNS", "no DNS", ""),
        ("Warning", "LimitNotEnforced", "cpu", "spec.containers{c}"),
    ]
