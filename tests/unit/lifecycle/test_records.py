"""Records of runs: how they come to be, and which are kept (kubelet-semantics 8, 11, 27)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from nsrunner.lifecycle import records
from nsrunner.lifecycle.events import ContainerExited, ContainerFailed
from nsrunner.lifecycle.outbox import Outbox
from nsrunner.lifecycle.value import ContainerValue, Instance
from unit.lifecycle.play import instant


def exited(attempt: int, code: int = 0, *, oom: bool = False) -> ContainerExited:
    return ContainerExited(
        container="c",
        attempt=attempt,
        exit_code=code,
        oom_killed=oom,
        message="m",
        started=instant(1),
        finished=instant(2),
    )


def run(attempt: int, *, removed: bool = False) -> Instance:
    return Instance(attempt=attempt, container_id=f"id{attempt}", started=instant(0), removed=removed)


@pytest.mark.parametrize(
    ("code", "oom", "reason"), [(0, False, "Completed"), (1, False, "Error"), (137, True, "OOMKilled")]
)
def test_11_reasons(code: int, oom: bool, reason: str) -> None:
    record = records.ended(exited(4, code, oom=oom), container_id="x", image_id="y")
    assert (record.attempt, record.exit_code, record.reason, record.message) == (4, code, reason, "m")
    assert (record.started, record.finished) == (instant(1), instant(2))
    assert (record.container_id, record.image_id, record.unseen) == ("x", "y", False)


def test_8_a_start_error() -> None:
    event = ContainerFailed(
        id=1, container="c", attempt=2, reason="RunContainerError", message="no such file", container_id="x"
    )
    record = records.start_error(event, image_id="y", now=instant(5))
    assert (record.exit_code, record.reason, record.message, record.attempt) == (128, "StartError", "no such file", 2)
    assert (record.started, record.finished, record.container_id) == (instant(5), instant(5), "x")
    assert record.image_id == "y"


def test_27_two_records_are_kept() -> None:
    out = Outbox(1, {})
    value = ContainerValue()
    for attempt in range(4):
        value = records.add(value, run(attempt), "c", out)
        assert value.next_attempt == attempt + 1
    assert value.current == run(3)
    assert value.previous == run(2)
    assert [(command.container, command.attempt) for command in out.commands] == [("c", 0), ("c", 1)]  # type: ignore[union-attr]  # only RemoveContainer comes here


def test_7_a_purge_removes_all_but_shows_the_newest_until_the_next() -> None:
    out = Outbox(1, {})
    value = records.purge(ContainerValue(current=run(1), previous=run(0), next_attempt=2), "c", out)
    assert (value.current, value.previous, value.next_attempt) == (run(1, removed=True), None, 2)
    assert len(out.commands) == 2
    assert records.purge(value, "c", out) == value
    assert len(out.commands) == 2
    value = records.add(value, run(2), "c", out)
    assert (value.current, value.previous) == (run(2), None)
    assert len(out.commands) == 2


def test_a_purge_of_nothing() -> None:
    out = Outbox(1, {})
    assert records.purge(ContainerValue(), "c", out) == ContainerValue()
    assert out.commands == []


def test_6_5_a_reset_keeps_the_newest_record_and_its_log_for_show() -> None:
    out = Outbox(1, {})
    dead = replace(run(1), finished=instant(3), exit_code=88, reason="Error", message="m", unseen=True)
    value = records.reset(ContainerValue(current=dead, previous=run(0), next_attempt=2), "c", out)
    shown = replace(dead, exit_code=137, reason="RestartingAllContainers", message="", unseen=False, reset=True)
    assert (value.current, value.previous, value.next_attempt) == (shown, None, 2)
    assert [(command.container, command.attempt) for command in out.commands] == [("c", 0)]  # type: ignore[union-attr]  # only RemoveContainer comes here
    assert records.reset(ContainerValue(), "c", out) == ContainerValue()
    value = records.add(value, run(2), "c", out)
    assert (value.current, value.previous) == (run(2), shown)


def test_only_an_unseen_end_is_amended() -> None:
    unseen = records.unseen(run(1), instant(9))
    assert (unseen.exit_code, unseen.reason, unseen.finished) == (137, "ContainerStatusUnknown", instant(9))
    assert unseen.message == "The container could not be located when the pod was terminated"
    value = ContainerValue(current=run(2), previous=unseen)
    amended = records.amend(value, exited(1, 3))
    assert amended.current == run(2)
    assert amended.previous is not None
    assert (amended.previous.exit_code, amended.previous.reason, amended.previous.container_id) == (3, "Error", "id1")
    assert records.amend(amended, exited(1, 4)) == amended
    assert records.amend(ContainerValue(), exited(1)) == ContainerValue()
    gone = ContainerValue(current=replace(unseen, removed=True))
    after = records.amend(gone, exited(1, 3)).current
    assert after is not None
    assert (after.removed, after.exit_code) == (True, 3)
