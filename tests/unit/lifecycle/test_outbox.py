"""Numbers of commands, and who still owes an answer."""

from __future__ import annotations

from nsrunner.lifecycle.commands import (
    CreateSandbox,
    EnsureImage,
    RecordEvent,
    RemoveContainer,
    RemovePod,
    SignalContainer,
    StartContainer,
    StopSandbox,
)
from nsrunner.lifecycle.outbox import Outbox


def full() -> Outbox:
    out = Outbox(7, {3: RemovePod(id=3)})
    out.create_sandbox(1)
    out.stop_sandbox(0)
    out.ensure_image("a")
    out.start("a", 2)
    out.signal("b", 0, "TERM")
    out.remove_container("a", 1)
    out.remove_pod()
    out.record("Normal", "Because", "text", "spec.containers{a}")
    return out


def test_commands_are_numbered_and_listed() -> None:
    out = full()
    assert out.commands == [
        CreateSandbox(id=7, attempt=1),
        StopSandbox(id=8, attempt=0),
        EnsureImage(id=9, container="a"),
        StartContainer(id=10, container="a", attempt=2),
        SignalContainer(id=11, container="b", attempt=0, signal="TERM"),
        RemoveContainer(id=12, container="a", attempt=1),
        RemovePod(id=13),
        RecordEvent(type="Normal", reason="Because", message="text", field_path="spec.containers{a}"),
    ]
    assert list(out.inflight) == [3, 7, 8, 9, 10, 11, 12, 13]
    assert out.next_id == 14


def test_an_answer_counts_once() -> None:
    out = full()
    assert out.answered(3) == RemovePod(id=3)
    assert out.answered(3) is None
    assert out.answered(99) is None


def test_what_is_abandoned() -> None:
    out = full()
    out.abandon("a")
    assert list(out.inflight) == [3, 7, 8, 11, 12, 13]
    out.abandon("b")
    out.abandon_sandbox()
    assert list(out.inflight) == [3, 8, 12, 13]
