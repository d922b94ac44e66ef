"""A machine that begins where the last status was."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from nsrunner.lifecycle.events import Now, SandboxDied
from nsrunner.lifecycle.pod import PodMachine
from nsrunner.lifecycle.reboot import before_reboot
from nsrunner.model.defaults import apply_defaults
from nsrunner.model.types import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStatus,
    ObjectMeta,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
)

NOW = Now(mono=50.0, wall=1_767_225_600.0)
BEFORE = "2025-12-31T23:00:00Z"
"""An hour before."""


def status(name: str, restarts: int, *, last: int | None = None, **state: Any) -> ContainerStatus:
    ended = ContainerState(terminated=terminated(last)) if last is not None else None
    return ContainerStatus(
        name=name,
        state=ContainerState(**state),
        last_state=ended,
        ready=True,
        restart_count=restarts,
        image="host",
        image_id="host",
        container_id="nsrunner://" + "a" * 64,
    )


def terminated(code: int) -> ContainerStateTerminated:
    return ContainerStateTerminated(exit_code=code, reason="Error", started_at=BEFORE, finished_at=BEFORE)


def pod(*statuses: ContainerStatus, policy: str = "Always", **more: Any) -> Pod:
    names = [each.name for each in statuses]
    bare = Pod(
        metadata=ObjectMeta(name="web", namespace="default", uid="u"),
        spec=PodSpec(
            restart_policy=policy,
            containers=tuple(Container(name=name, image="host", command=("x",)) for name in names),
        ),
    )
    shown = PodStatus(phase="Running", start_time=BEFORE, pod_ip="192.0.2.1", container_statuses=statuses, **more)
    return replace(apply_defaults(bare), status=shown)


def rebooted(pod: Pod) -> PodMachine:
    saved = before_reboot(pod, NOW)
    assert saved is not None
    machine = PodMachine.restore(pod, saved)
    machine.handle(SandboxDied(attempt=0), NOW)
    return machine


RUNNING = {"running": ContainerStateRunning(started_at=BEFORE)}


def test_a_pod_that_never_began_has_no_past() -> None:
    assert before_reboot(replace(pod(status("a", 0)), status=PodStatus()), NOW) is None


def test_what_ran_is_written_off_and_restarts_go_on() -> None:
    machine = rebooted(pod(status("a", 3, last=9, **RUNNING)))
    (shown,) = machine.status().container_statuses
    assert shown.restart_count == 3
    assert machine.value.containers["a"].next_attempt == 4
    assert machine.status().start_time == BEFORE
    current = machine.value.containers["a"].current
    assert current is not None and (current.exit_code, current.reason) == (137, "ContainerStatusUnknown")
    assert current.started.mono == NOW.mono - 3600
    assert [type(command).__name__ for command in machine.unanswered] == ["StopSandbox"]


def test_what_had_ended_keeps_its_exit_code() -> None:
    machine = rebooted(pod(status("a", 2, terminated=terminated(0)), status("b", 0, **RUNNING), policy="OnFailure"))
    done, other = machine.status().container_statuses
    assert done.state is not None and done.state.terminated is not None and done.state.terminated.exit_code == 0
    assert machine.value.containers["b"].next_attempt == 1
    assert other.restart_count == 0


def test_one_that_waited_for_its_restart_counts_on() -> None:
    machine = rebooted(pod(status("a", 5, last=7)))
    assert machine.value.containers["a"].next_attempt == 6
    (shown,) = machine.status().container_statuses
    assert shown.last_state is not None or shown.state is not None


def test_a_pod_that_may_not_run_twice_ends() -> None:
    machine = rebooted(pod(status("a", 0, **RUNNING), policy="Never"))
    assert machine.value.state.value in ("Terminating", "Stopping")


def test_one_that_never_started_begins_with_its_first_attempt() -> None:
    machine = rebooted(pod(status("a", 0), policy="Never"))
    assert machine.value.containers["a"].next_attempt == 0
    assert machine.value.state.value == "Renewing"


def test_conditions_of_others_stay() -> None:
    conditions = (
        PodCondition(type="Ready", status="True", last_transition_time=BEFORE),
        PodCondition(type="example.com/gate", status="True", last_transition_time="nonsense"),
    )
    machine = rebooted(pod(status("a", 0, **RUNNING), conditions=conditions))
    shown = {each.type: each for each in machine.status().conditions}
    assert shown["example.com/gate"].status == "True"
    assert shown["Ready"].status == "False"
