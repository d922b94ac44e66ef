"""How a container ends: exits, probes that kill, a sandbox that dies (kubelet-semantics 5, 6.3, 10, 14)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from nsrunner.lifecycle.backoff import CrashBackOff
from nsrunner.lifecycle.commands import RecordEvent, RemoveContainer
from nsrunner.lifecycle.container import step
from nsrunner.lifecycle.events import ContainerExited
from nsrunner.lifecycle.orders import Reset, SandboxLost
from nsrunner.lifecycle.outbox import Outbox
from nsrunner.lifecycle.policy import plan_of
from nsrunner.lifecycle.step import Step
from nsrunner.lifecycle.value import ContainerState, ContainerValue, Instance
from nsrunner.model.types import Container, ExecAction, Probe
from unit.lifecycle.play import Play, instant, make_pod

# Ends that come before the start is known.


def test_an_exit_before_the_answer_to_the_start() -> None:
    play = Play(make_pod("c")).begin()
    play.image("c")
    assert play.exit("c", 7, attempt=0) == []
    assert play.state_of("c") == "waiting ContainerCreating"
    assert play.runs("c") == ["image c"]
    status = play.status_of("c")
    assert (play.state_of("c"), status.restart_count) == ("terminated 7 Error", 0)
    assert status.container_id == f"nsrunner://{3:064x}"


def test_an_exit_before_the_answer_while_the_pod_ends() -> None:
    play = Play(make_pod("c")).begin()
    play.image("c")
    assert play.delete() == []
    assert play.exit("c", 7, attempt=0) == []
    assert play.runs("c") == ["stop sandbox 0"]
    assert play.state_of("c") == "terminated 7 Error"


def test_a_start_that_fails_in_a_pod_that_ends() -> None:
    play = Play(make_pod("c")).begin()
    play.image("c")
    play.delete()
    assert play.start_failed("c", "CreateContainerError", "busy") == ["stop sandbox 0"]
    play.sandbox_stopped()
    assert play.state_of("c") == "terminated 137 ContainerStatusUnknown"


def test_an_oom_kill_gives_its_reason() -> None:
    play = Play(make_pod("c", policy="Never")).begin()
    play.run("c")
    play.exit("c", 137, oom=True)
    assert play.state_of("c") == "terminated 137 OOMKilled"


# Probes that kill.


@pytest.mark.parametrize(
    ("policy", "message", "after"),
    [
        ("Always", "Container c failed liveness probe, will be restarted", ["image c"]),
        ("OnFailure", "Container c failed liveness probe, will be restarted", ["image c"]),
        ("Never", "Container c failed liveness probe", ["stop sandbox 0"]),
    ],
)
def test_6_3_a_failed_liveness_probe_restarts_whatever_the_exit_code_unless_the_policy_is_never(
    policy: str, message: str, after: list[str]
) -> None:
    liveness = Probe(exec=ExecAction(command=("true",)), failure_threshold=1, termination_grace_period_seconds=4)
    play = Play(make_pod(Container(name="c", image="busybox", liveness_probe=liveness), policy=policy)).begin()
    play.run("c")
    assert play.probed("c", "Liveness", "Failure") == ["TERM c/0"]
    assert play.events[-1] == f"Killing: {message}"
    assert play.machine.next_deadline() == play.time + 4, "the probe's own grace period"
    assert play.exit("c", 0) == after


def test_14_a_readiness_probe_kills_nothing() -> None:
    readiness = Probe(exec=ExecAction(command=("true",)), failure_threshold=1)
    play = Play(make_pod(Container(name="c", image="busybox", readiness_probe=readiness))).begin()
    play.run("c")
    assert play.probed("c", "Readiness", "Failure") == []
    assert (play.state_of("c"), play.status_of("c").ready) == ("running", False)


# One step alone: the death of the sandbox.


def dead(code: int) -> Instance:
    ended = instant(3)
    return Instance(attempt=0, container_id="ab", started=instant(1), finished=ended, exit_code=code, reason="Error")


def lose(value: ContainerValue, *, policy: str, renew: bool, init: bool = False) -> ContainerValue:
    pod = make_pod("a", init=["c"], policy=policy) if init else make_pod("c", policy=policy)
    at = Step(plan_of(pod).containers["c"], instant(9), Outbox(1, {}))
    return step(value, SandboxLost(renew=renew), at)


def test_5_a_container_that_has_done_its_work_does_not_run_again_in_another_sandbox() -> None:
    ended = ContainerValue(state=ContainerState.ENDED, current=dead(0), next_attempt=1)
    assert lose(ended, policy="OnFailure", renew=True) is ended
    failed = replace(ended, current=dead(1))
    assert lose(failed, policy="OnFailure", renew=True).state is ContainerState.IDLE
    assert lose(ended, policy="Always", renew=True).state is ContainerState.IDLE
    assert lose(ended, policy="Always", renew=False).state is ContainerState.ENDED


def test_5_what_ran_in_the_dead_sandbox_ended_as_nobody_saw() -> None:
    alive = Instance(attempt=0, container_id="ab", started=instant(1))
    value = lose(
        ContainerValue(state=ContainerState.RUNNING, current=alive, next_attempt=1), policy="Always", renew=True
    )
    assert value.state is ContainerState.IDLE and value.current is not None
    assert (value.current.exit_code, value.current.reason, value.current.stale) == (
        137,
        "ContainerStatusUnknown",
        True,
    )
    assert value.current.finished == instant(9)


def test_5_a_start_that_the_sandbox_took_along_has_used_its_attempt_up() -> None:
    value = lose(ContainerValue(state=ContainerState.STARTING), policy="Always", renew=True)
    assert (value.state, value.next_attempt) == (ContainerState.IDLE, 1)


def test_15_an_end_during_a_hook_is_the_hooks_failure() -> None:
    out = Outbox(1, {})
    at = Step(plan_of(make_pod("c")).containers["c"], instant(9), out)
    out.run_hook("c", 0, "PreStop")
    alive = Instance(attempt=0, container_id="ab", started=instant(1))
    value = ContainerValue(state=ContainerState.PRE_STOP, current=alive, next_attempt=1, due=30, since=8)
    exited = ContainerExited(
        container="c", attempt=0, exit_code=0, oom_killed=False, message="", started=instant(1), finished=instant(9)
    )
    after = step(value, exited, at)
    assert (after.state, after.due, after.since) == (ContainerState.ENDED, None, None)
    (record,) = [each for each in out.commands if isinstance(each, RecordEvent)]
    assert (record.type, record.reason, record.message) == ("Warning", "FailedPreStopHook", "PreStopHook failed")
    assert out.inflight == {}


def test_5_a_start_that_the_sandbox_took_along_gives_back_what_it_had_used_up() -> None:
    before, after = (CrashBackOff(key="k", delay=delay, updated=updated) for delay, updated in ((10, 1), (20, 8)))
    old = Instance(attempt=4, container_id="ab", started=instant(0))
    older = replace(old, attempt=3)
    starting = ContainerValue(
        state=ContainerState.STARTING,
        next_attempt=5,
        current=replace(old, finished=instant(1)),
        previous=replace(older, finished=instant(0)),
        backoff=after,
        backoff_before=before,
    )
    out = Outbox(1, {})
    at = Step(plan_of(make_pod("c")).containers["c"], instant(9), out)
    value = step(starting, SandboxLost(renew=True), at)
    assert (value.backoff, value.backoff_before, value.spared) == (before, None, True)
    assert value.current is not None
    assert (value.current.attempt, value.current.container_id) == (5, "")
    assert [(c.container, c.attempt) for c in out.inflight.values() if isinstance(c, RemoveContainer)] == [("c", 3)]


def test_6_5_what_starts_anew_forgets_its_older_records() -> None:
    out = Outbox(1, {})
    at = Step(plan_of(make_pod("c")).containers["c"], instant(9), out)
    old = Instance(attempt=1, container_id="ab", started=instant(0), finished=instant(1))
    ended = ContainerValue(state=ContainerState.ENDED, next_attempt=2, current=old, previous=replace(old, attempt=0))
    assert step(ended, Reset(culprit=False), at).state is ContainerState.IDLE
    assert [(c.container, c.attempt) for c in out.inflight.values() if isinstance(c, RemoveContainer)] == [("c", 0)]
