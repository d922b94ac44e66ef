from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from nsrunner.cli.output import Palette
from nsrunner.cli.view import Logs, Talk
from nsrunner.library.items import LogLine, SkippedBytes
from nsrunner.model.types import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ObjectMeta,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
)
from nsrunner.supervisor.events import KubeEvent

PLAIN = Palette(False)
NOON = 1767268800.0  # 2026-01-01T12:00:00Z


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
    assert os.environ.get("TZ") != "nowhere"


def line(container: str, data: bytes, *, partial: bool = False, stream: str = "stdout", pod: str = "p") -> LogLine:
    return LogLine(
        pod=pod,
        container=container,
        attempt=0,
        stream=stream,  # type: ignore[arg-type]  # a str in tests
        time="2026-01-01T12:00:00.5Z",
        data=data,
        partial=partial,
    )


def test_lines_carry_the_containers_name() -> None:
    logs = Logs([("p", "web"), ("p", "database")], palette=PLAIN)
    assert logs.line(line("web", b"hello")) == b"web      | hello\n"
    assert logs.line(line("database", b"\xff raw \x1b")) == b"database | \xff raw \x1b\n"
    assert logs.line(line("debugger", b"ephemeral")) == b"debugger | ephemeral\n"
    assert logs.end() == b""


def test_the_pods_name_too_when_there_are_several() -> None:
    logs = Logs([("a", "c"), ("b", "c")], palette=PLAIN)
    assert logs.line(line("c", b"x", pod="b")) == b"b/c | x\n"


def test_colour_and_timestamps() -> None:
    logs = Logs([("p", "a"), ("p", "b")], palette=Palette(True), timestamps=True)
    assert logs.line(line("a", b"x")) == b"\x1b[36ma |\x1b[0m 2026-01-01T12:00:00.5Z x\n"
    assert logs.line(line("b", b"x")) == b"\x1b[33mb |\x1b[0m 2026-01-01T12:00:00.5Z x\n"


def test_a_long_line_comes_in_pieces() -> None:
    logs = Logs([("p", "a"), ("p", "b")], palette=PLAIN)
    pieces = [
        line("a", b"one ", partial=True),
        line("a", b"two ", partial=True),
        line("b", b"other"),
        line("a", b"three"),
        line("a", b"last", partial=True),
    ]
    assert b"".join(map(logs.line, pieces)) + logs.end() == b"a | one two \nb | other\na | three\na | last\n"


def test_without_prefixes_the_bytes_are_the_containers() -> None:
    logs = Logs([("p", "a")], palette=PLAIN, prefix=False)
    assert logs.line(line("a", b"one")) + logs.line(line("a", b"two", partial=True)) + logs.end() == b"one\ntwo"


def event(kind: str, reason: str, message: str, count: int = 1) -> KubeEvent:
    return KubeEvent(
        name="x",
        type=kind,  # type: ignore[arg-type]  # a str in tests
        reason=reason,
        message=message,
        namespace="n",
        pod="p",
        uid="u",
        count=count,
        first=0,
        last=0,
    )


def talk(*, quiet: bool = False, colour: bool = False) -> Talk:
    return Talk(palette=Palette(colour), quiet=quiet, clock=lambda: NOON)


def test_events() -> None:
    assert talk().event(event("Normal", "Started", "Started container a")) == (
        b"12:00:00  pod p: Started: Started container a\n"
    )
    assert talk(quiet=True).event(event("Normal", "Started", "Started container a")) == b""
    warning = event("Warning", "BackOff", "Back-off\x1b]0;x", count=3)
    assert talk(quiet=True).event(warning) == (b"12:00:00  pod p: Warning BackOff: Back-off\\x1b]0;x (x3)\n")
    silent = event("Warning", "Unhealthy", "Readiness probe failed: ", count=2)
    assert talk().event(silent) == b"12:00:00  pod p: Warning Unhealthy: Readiness probe failed (x2)\n"
    assert talk(colour=True).note("x", "red") == b"\x1b[2m12:00:00\x1b[0m  \x1b[31mx\x1b[0m\n"


def test_several_pods() -> None:
    words = Talk(palette=PLAIN, several=True, clock=lambda: NOON)
    about = replace(event("Normal", "Started", "Container started"), field_path="spec.containers{a}")
    assert words.event(about) == b"12:00:00  container p/a: Started: Container started\n"
    assert talk().event(about) == b"12:00:00  container a: Started: Container started\n"
    assert words.changed(pod("", container(ended(3)))) == b"12:00:00  container p/a ended with exit code 3\n"


def test_skipped() -> None:
    skipped = SkippedBytes(pod="p", container="a", attempt=0, bytes=10)
    assert (
        talk().skipped(skipped)
        == b"12:00:00  container a: 10 bytes of log were rotated away before they could be written\n"
    )


def container(
    state: ContainerState | None, *, last: ContainerState | None = None, restarts: int = 0
) -> ContainerStatus:
    return ContainerStatus(
        name="a", ready=False, restart_count=restarts, image="host", image_id="", state=state, last_state=last
    )


def pod(phase: str, *containers: ContainerStatus, ready: bool = False, **more: object) -> Pod:
    conditions = (PodCondition(type="Ready", status="True"),) if ready else ()
    return Pod(
        metadata=ObjectMeta(name="p", uid="u"),
        spec=PodSpec(containers=()),
        status=PodStatus(phase=phase, conditions=conditions, container_statuses=containers, **more),  # type: ignore[arg-type]  # reasons and messages
    )


RUNNING = ContainerState(running=ContainerStateRunning(started_at="2026-01-01T12:00:00Z"))


def ended(code: int, reason: str = "Error", message: str | None = None) -> ContainerState:
    return ContainerState(
        terminated=ContainerStateTerminated(
            exit_code=code, reason=reason, message=message, finished_at="2026-01-01T12:00:00Z"
        )
    )


def waiting(reason: str, message: str | None = None) -> ContainerState:
    return ContainerState(waiting=ContainerStateWaiting(reason=reason, message=message))


def test_the_life_of_a_pod() -> None:
    words = talk()
    assert words.changed(pod("Pending")) == b"12:00:00  pod p is Pending\n"
    assert words.changed(pod("Pending", container(waiting("ContainerCreating")))) == b""
    assert words.changed(pod("Running", container(RUNNING))) == b"12:00:00  pod p is Running\n"
    assert words.changed(pod("Running", container(RUNNING), ready=True)) == b"12:00:00  pod p is Ready\n"
    assert words.changed(pod("Running", container(RUNNING), ready=True)) == b""
    assert words.changed(pod("Running", container(RUNNING))) == b"12:00:00  pod p is not Ready any more\n"
    assert words.changed(pod("Running", container(RUNNING), ready=True)) == b"12:00:00  pod p is Ready\n"
    assert words.changed(pod("Failed", container(ended(3, message="no luck\n")))) == (
        b"12:00:00  container a ended with exit code 3: no luck\n12:00:00  pod p is Failed\n"
    )


def test_reasons() -> None:
    failed = pod("Failed", container(ended(137, "OOMKilled")), reason="DeadlineExceeded", message="too long")
    assert talk().changed(failed) == (
        b"12:00:00  container a ended with exit code 137 (OOMKilled)\n"
        b"12:00:00  pod p is Failed: DeadlineExceeded: too long\n"
    )
    assert talk(quiet=True).changed(failed) == b"12:00:00  container a ended with exit code 137 (OOMKilled)\n"


def test_a_crash_loop_says_when_it_goes_on() -> None:
    words = talk()
    end = ended(3, message="no luck")
    assert words.changed(pod("", container(end))) == b"12:00:00  container a ended with exit code 3: no luck\n"
    state = waiting("CrashLoopBackOff", "back-off 1m20s restarting failed container=a pod=p_n(u)")
    assert words.changed(pod("", container(state, last=end, restarts=2)), {"a": NOON + 79.9}) == (
        b"12:00:00  container a waits: CrashLoopBackOff, next start at 12:01:19 (back-off 1m20s)\n"
    )
    again = words.changed(pod("", container(state, last=end, restarts=2)), {"a": NOON + 80.1})
    assert again == b"", "a clock that is set anew is no news"
    assert words.changed(pod("", container(RUNNING, last=end, restarts=3))) == b""
    assert words.changed(pod("", container(end, restarts=2))) == b"", "the end was told"


def test_other_waits_say_when_it_is_tried_again_too() -> None:
    words = talk()
    message = 'Back-off pulling image "x": ErrImagePull: no such image'
    assert words.changed(pod("", container(waiting("ImagePullBackOff", message))), {"a": NOON + 60, "b": NOON}) == (
        b"12:00:00  container a waits: ImagePullBackOff, next start at 12:01:00: " + message.encode() + b"\n"
    )
    assert words.changed(pod("", container(waiting("CreateContainerConfigError", "no secret"))), {"a": NOON + 10}) == (
        b"12:00:00  container a waits: CreateContainerConfigError, next start at 12:00:10: no secret\n"
    )
    assert words.changed(pod("", container(waiting("PostStartHookError", "no")))) == (
        b"12:00:00  container a waits: PostStartHookError: no\n"
    )


def test_ephemeral_containers_are_told_of() -> None:
    bare = pod("")
    shown = replace(bare, status=replace(bare.status, ephemeral_container_statuses=(container(ended(2)),)))
    assert talk().changed(shown) == b"12:00:00  container a ended with exit code 2\n"


def failure(at: float, count: int = 1, *, probe: str = "Readiness") -> KubeEvent:
    bare = event("Warning", "Unhealthy", f"{probe} probe failed: no", count)
    return replace(bare, field_path="spec.containers{a}", last=at)


def test_a_probe_that_fails_again_and_again_is_told_at_growing_distances() -> None:
    words = talk(quiet=True)
    lines = [words.event(failure(float(second), second + 1)) for second in range(20)]
    assert [line for line in lines if line] == [
        b"12:00:00  container a: Warning Unhealthy: Readiness probe failed: no\n",
        b"12:00:00  container a: Warning Unhealthy: Readiness probe failed: no (x6)\n",
        b"12:00:00  container a: Warning Unhealthy: Readiness probe failed: no (x16)\n",
    ]
    assert words.event(failure(20, probe="Liveness")), "another probe is another matter"
    assert words.event(replace(failure(20), uid="u2")), "and so is another pod"


@pytest.mark.parametrize("field", ["ready", "started", "restart_count"])
def test_after_a_success_or_a_restart_a_failure_is_news(field: str) -> None:
    words = talk(quiet=True)
    worse: dict[str, object] = {"ready": False, "started": False}
    better: dict[str, object] = {**worse, field: 1 if field == "restart_count" else True}
    words.changed(pod("", replace(container(RUNNING), **worse)))
    assert words.event(failure(0))
    words.changed(pod("", replace(container(RUNNING), **worse)))
    assert not words.event(failure(1)), "nothing has changed"
    words.changed(pod("", replace(container(RUNNING), **better)))
    assert words.event(failure(2))
    words.changed(pod("", replace(container(RUNNING), **{**better, "ready": False})))
    assert not words.event(failure(3)), "to fail is no success"


def conditioned(reason: str, message: str) -> Pod:
    bare = pod("Running", container(RUNNING))
    condition = PodCondition(type="Ready", status="False", reason=reason, message=message)
    return replace(bare, status=replace(bare.status, conditions=(condition,)))


def test_why_it_is_not_ready_any_more() -> None:
    words = talk()
    words.changed(pod("Running", container(RUNNING), ready=True))
    unready = conditioned("ContainersNotReady", "containers with unready status: [a]")
    assert words.changed(unready) == (b"12:00:00  pod p is not Ready any more: containers with unready status: [a]\n")
    assert words.changed(unready) == b""


def test_a_readiness_gate_that_is_all_that_is_missing() -> None:
    words = talk()
    missing = 'corresponding condition of pod readiness gate "x/y" does not exist.'
    assert words.changed(conditioned("ReadinessGatesNotReady", missing)) == (
        b"12:00:00  pod p is Running\n12:00:00  pod p waits to be Ready: " + missing.encode() + b"\n"
    )
    assert words.changed(conditioned("ReadinessGatesNotReady", missing)) == b""
    assert words.changed(pod("Running", container(RUNNING), ready=True)) == b"12:00:00  pod p is Ready\n"
    assert words.changed(conditioned("ReadinessGatesNotReady", "no")) == (
        b"12:00:00  pod p is not Ready any more: no\n"
    )
    assert talk(quiet=True).changed(conditioned("ReadinessGatesNotReady", missing)) == b""


def test_an_end_that_was_seen_only_after_the_restart() -> None:
    words = talk(quiet=True)
    assert words.changed(pod("", container(RUNNING))) == b""
    assert words.changed(pod("", container(RUNNING, last=ended(3), restarts=1))) == (
        b"12:00:00  container a ended with exit code 3\n"
    )


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (waiting("ErrImagePull", "no such image"), b"waits: ErrImagePull: no such image"),
        (
            waiting("CrashLoopBackOff", "back-off 10s restarting failed container"),
            b"waits: CrashLoopBackOff (back-off 10s)",
        ),
        (waiting("CrashLoopBackOff", "odd"), b"waits: CrashLoopBackOff: odd"),
        (waiting("CrashLoopBackOff"), b"waits: CrashLoopBackOff"),
        (waiting("Evil\x9b"), b"waits: Evil\\x9b"),
        (ended(0, "Completed"), b"ended with exit code 0"),
    ],
)
def test_states(state: ContainerState, text: bytes) -> None:
    assert talk().changed(pod("", container(state))) == b"12:00:00  container a " + text + b"\n"


@pytest.mark.parametrize("state", [None, ContainerState(), waiting("PodInitializing")])
def test_states_without_words(state: ContainerState | None) -> None:
    assert talk().changed(pod("", container(state))) == b""


def test_a_container_of_which_there_is_no_record_was_never_started() -> None:
    """Of one that waited for its image when the pod was deleted, the status says code 137 and that it is lost."""
    unknown = ContainerStateTerminated(exit_code=137, reason="ContainerStatusUnknown", message="could not be located")
    assert (
        talk().changed(pod("", container(ContainerState(terminated=unknown))))
        == b"12:00:00  container a was never started\n"
    )
    lost = ContainerState(terminated=replace(unknown, container_id="nsrunner://1"))
    text = talk().changed(pod("", container(lost)))
    assert text == b"12:00:00  container a ended with exit code 137 (ContainerStatusUnknown): could not be located\n"
