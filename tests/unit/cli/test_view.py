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
        stream=stream,
        time="2026-01-01T12:00:00.5Z",
        data=data,
        partial=partial,  # type: ignore[arg-type]  # a str in tests
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
        type=kind,
        reason=reason,
        message=message,
        namespace="n",
        pod="p",
        uid="u",
        count=count,
        first=0,
        last=0,  # type: ignore[arg-type]  # a str in tests
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
    assert words.changed(pod("", container(state, last=end, restarts=2))) == (
        b"12:00:00  container a waits: CrashLoopBackOff, next start at 12:01:20 (back-off 1m20s)\n"
    )
    assert words.changed(pod("", container(state, last=end, restarts=2))) == b""
    assert words.changed(pod("", container(RUNNING, last=end, restarts=3))) == b""
    assert words.changed(pod("", container(end, restarts=2))) == b"", "the end was told"


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
            b"waits: CrashLoopBackOff, back-off 10s",
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
