"""Numbers of commands, and who still owes an answer."""

from __future__ import annotations

from nsrunner.lifecycle.commands import (
    CancelHook,
    CancelProbe,
    CreateSandbox,
    EnsureImage,
    RecordEvent,
    RemoveContainer,
    RemovePod,
    RunHook,
    RunProbe,
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


def with_effects() -> Outbox:
    out = Outbox(1, {})
    out.run_hook("a", 0, "PostStart")
    out.run_probe("a", 0, "Liveness")
    out.run_probe("a", 0, "Readiness")
    out.run_hook("b", 2, "PreStop")
    return out


def test_hooks_and_probes() -> None:
    out = with_effects()
    assert out.commands == [
        RunHook(id=1, container="a", attempt=0, hook="PostStart"),
        RunProbe(id=2, container="a", attempt=0, probe="Liveness"),
        RunProbe(id=3, container="a", attempt=0, probe="Readiness"),
        RunHook(id=4, container="b", attempt=2, hook="PreStop"),
    ]
    assert (out.hook_under_way("a"), out.hook_under_way("b"), out.hook_under_way("c")) == ("PostStart", "PreStop", None)


def test_what_is_cancelled_is_told_and_waited_for_no_longer() -> None:
    out = with_effects()
    out.commands.clear()
    out.cancel_probe("a", "Readiness")
    out.cancel_hook("a")
    assert out.commands == [CancelProbe(probe_id=3), CancelHook(hook_id=1)]
    assert list(out.inflight) == [2, 4]
    assert out.answered(3) is None
    out.cancel_hook("a")
    out.cancel_probe("a", "Readiness")
    out.cancel_probe("b", "Liveness")
    assert (len(out.commands), out.hook_under_way("a"), list(out.inflight)) == (2, None, [2, 4])


def test_hooks_and_probes_are_stopped_when_their_container_is_abandoned() -> None:
    out = with_effects()
    out.remove_container("a", 0)
    out.commands.clear()
    out.abandon("a")
    assert out.commands == [CancelHook(hook_id=1), CancelProbe(probe_id=2), CancelProbe(probe_id=3)]
    assert list(out.inflight) == [4, 5]
