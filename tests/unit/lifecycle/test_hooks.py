"""Lifecycle hooks (kubelet-semantics 8, 10.1, 10.2, 15, 30.6): what they hold up, what their failure does, what time
they may take."""

from __future__ import annotations

from typing import Any

import pytest

from nsrunner.lifecycle.commands import RunHook
from nsrunner.model.types import Container, ExecAction, Lifecycle, LifecycleHandler, Probe
from unit.lifecycle.play import Play, make_pod

HANDLER = LifecycleHandler(exec=ExecAction(command=("true",)))
LIVENESS = Probe(exec=ExecAction(command=("true",)), period_seconds=10, failure_threshold=1)
ERROR = 'Exec lifecycle hook ([false]) for Container "c" in Pod "web_shop(u1)" failed - error: ..., message: ""'


def hooked(name: str = "c", *, post: bool = False, pre: bool = False, **fields: Any) -> Container:
    return Container(
        name=name,
        image="busybox",
        lifecycle=Lifecycle(post_start=HANDLER if post else None, pre_stop=HANDLER if pre else None),
        **fields,
    )


def running(*containers: Container, grace: int = 30, policy: str = "Always") -> Play:
    play = Play(make_pod(*containers, grace=grace, policy=policy)).begin()
    for container in containers:
        play.run(container.name)
    play.events.clear()
    play.recorded.clear()
    return play


# postStart.


def test_15_post_start_holds_up_status_probes_and_those_that_come_after() -> None:
    play = Play(make_pod(hooked("b", post=True, liveness_probe=LIVENESS), "c")).begin()
    assert play.run("b") == ["PostStart b/0"]
    assert (play.phase, play.state_of("b"), play.machine.next_deadline()) == (
        "Pending",
        "waiting ContainerCreating",
        None,
    )
    assert (play.status_of("b").started, play.status_of("b").ready) == (False, False)
    play.time = 7
    assert play.hook_done("b") == ["Liveness b/0", "image c"]
    assert (play.state_of("b"), play.status_of("b").ready) == ("running", True)
    play.run("c")
    assert (play.phase, play.says("Ready")) == ("Running", "True")
    assert [event.split(":")[0] for event in play.events] == ["Pulled", "Created", "Started"] * 2


def test_15_a_hanging_post_start_freezes_nobody_but_those_after_it() -> None:
    """33.6: the kubelet freezes the whole pod."""
    play = Play(make_pod("a", hooked("b", post=True), "c")).begin()
    play.run("a")
    assert play.run("b") == ["PostStart b/0"]
    play.time = 1000
    assert play.exit("a", 1) == ["image a"]
    play.run("a")
    assert (play.state_of("a"), play.state_of("c")) == ("running", "waiting ContainerCreating")
    assert play.delete() == ["TERM a/1", "cancel hook 6", "TERM b/0"]


def test_15_a_restarted_container_waits_for_the_post_start_of_one_before_it() -> None:
    play = Play(make_pod(hooked("a", post=True), "b")).begin()
    play.run("a")
    play.hook_done("a")
    play.run("b")
    play.exit("a", 1)
    assert play.run("a") == ["PostStart a/1"]
    assert play.exit("b", 1) == []
    assert play.hook_done("a") == ["image b"]


def test_15_a_failed_post_start_kills_the_container() -> None:
    play = Play(make_pod(hooked(post=True, pre=True), grace=20)).begin()
    play.run("c")
    play.time = 3
    assert play.hook_done("c", ERROR) == ["PreStop c/0"]
    assert play.events[-2:] == ["FailedPostStartHook: PostStartHook failed", "Killing: FailedPostStartHook"]
    assert [event.type for event in play.recorded[-2:]] == ["Warning", "Normal"]
    state = play.status_of("c").state
    assert state is not None and state.waiting is not None
    assert (state.waiting.reason, state.waiting.message) == ("PostStartHookError", ERROR)
    assert play.machine.next_deadline() == 23
    assert play.hook_done("c") == ["TERM c/0"]
    assert play.exit("c", 143) == ["image c"]
    assert (play.state_of("c"), play.last_state_of("c")) == ("waiting PostStartHookError", "143 Error")
    play.run("c")
    assert (play.state_of("c"), play.status_of("c").restart_count) == ("waiting ContainerCreating", 1)
    play.hook_done("c", ERROR)
    play.hook_done("c")
    assert play.exit("c", 143) == []
    assert (play.state_of("c"), play.machine.next_deadline()) == ("waiting CrashLoopBackOff", 13)


@pytest.mark.parametrize(
    ("policy", "code", "restarted"), [("OnFailure", 0, False), ("OnFailure", 1, True), ("Never", 1, False)]
)
def test_15_after_a_failed_post_start_the_policy_decides_by_the_exit_code(
    policy: str, code: int, restarted: bool
) -> None:
    play = Play(make_pod(hooked(post=True), policy=policy)).begin()
    play.run("c")
    assert play.hook_done("c", "no") == ["TERM c/0"]
    assert play.exit("c", code) == (["image c"] if restarted else ["stop sandbox 0"])
    if not restarted:
        assert play.state_of("c").startswith(f"terminated {code}")


def test_15_a_failed_post_start_lets_the_next_container_start() -> None:
    play = Play(make_pod(hooked("a", post=True), "b")).begin()
    play.run("a")
    assert play.hook_done("a", "no") == ["TERM a/0", "image b"]


def test_15_a_container_that_ends_during_its_post_start() -> None:
    play = Play(make_pod(hooked(post=True, pre=True))).begin()
    play.run("c")
    assert play.exit("c", 3) == ["cancel hook 4", "image c"]
    assert play.events[-1] == "FailedPostStartHook: PostStartHook failed"
    assert play.state_of("c") == "terminated 3 Error"


def test_15_deletion_does_not_wait_for_a_post_start() -> None:
    play = Play(make_pod(hooked(post=True, pre=True))).begin()
    play.run("c")
    play.time = 5
    late = play.pending(RunHook)
    assert play.delete() == ["cancel hook 4", "PreStop c/0"]
    assert play.state_of("c") == "running"
    assert late not in play.machine.unanswered
    assert play.hook_done("c") == ["TERM c/0"]
    assert play.exit("c", 143) == ["stop sandbox 0"]


# preStop.


def test_10_2_pre_stop_comes_before_term_and_within_the_grace_period() -> None:
    """30.6: preStop sleep 20, ignores SIGTERM."""
    play = running(hooked(pre=True))
    assert play.delete() == ["PreStop c/0"]
    assert play.events == ["Killing: Stopping container c"], "before the hook"
    assert play.state_of("c") == "running"
    play.time = 20
    assert play.hook_done("c") == ["TERM c/0"]
    assert play.until_deadline() == ["KILL c/0"]
    assert play.time == 30


def test_30_6_a_pre_stop_that_never_ends() -> None:
    """33.8, 33.9: at least two seconds are left for TERM, and the hook is left to itself."""
    play = running(hooked(pre=True))
    play.delete()
    assert play.until_deadline() == ["TERM c/0"]
    assert play.time == 30
    assert play.until_deadline() == ["KILL c/0"]
    assert play.time == 32
    assert play.exit("c", 137) == ["cancel hook 4", "stop sandbox 0"]
    assert play.events == ["Killing: Stopping container c", "FailedPreStopHook: PreStopHook failed"]


def test_30_6_a_pre_stop_that_fails_at_once() -> None:
    play = running(hooked(pre=True))
    play.delete()
    play.time = 0.4
    assert play.hook_done("c", "no such file") == ["TERM c/0"]
    assert play.events[-1] == "FailedPreStopHook: PreStopHook failed"
    assert (play.recorded[-1].type, play.recorded[-1].field_path) == ("Warning", "spec.containers{c}")
    assert play.machine.next_deadline() == pytest.approx(30.4), "0 s deducted"


@pytest.mark.parametrize(("took", "kill"), [(1.0, 30.0), (1.9, 30.9), (28.5, 30.5), (29.5, 31.5), (29.0, 31.0)])
def test_10_2_whole_seconds_of_the_hook_are_deducted(took: float, kill: float) -> None:
    play = running(hooked(pre=True))
    play.delete()
    play.time = took
    assert play.hook_done("c") == ["TERM c/0"]
    assert play.machine.next_deadline() == pytest.approx(kill)


def test_10_2_the_hooks_time_counts_from_its_start() -> None:
    play = running(hooked(pre=True))
    play.time = 0.25
    play.delete()
    play.time = 2.25
    play.hook_done("c")
    assert play.machine.next_deadline() == 30.25, "two seconds, and no fraction"


def test_10_2_a_hook_that_ends_after_term() -> None:
    for killed in (False, True):
        play = running(hooked(pre=True), grace=5)
        play.delete()
        play.until_deadline()
        if killed:
            play.until_deadline()
        assert play.hook_done("c", "no") == []
        assert play.events[-1] == "FailedPreStopHook: PreStopHook failed"
        assert play.exit("c", 137) == ["stop sandbox 0"]
        assert play.events.count("FailedPreStopHook: PreStopHook failed") == 1


def test_33_12_no_pre_stop_when_the_process_ends_by_itself() -> None:
    play = running(hooked(pre=True))
    assert play.exit("c", 1) == ["image c"]


def test_10_2_a_container_that_ends_during_its_pre_stop() -> None:
    play = running(hooked(pre=True))
    play.delete()
    play.time = 2
    assert play.exit("c", 0) == ["cancel hook 4", "stop sandbox 0"]
    assert play.events[-1] == "FailedPreStopHook: PreStopHook failed"


def test_33_12_pre_stop_on_a_liveness_kill() -> None:
    play = running(hooked(pre=True, liveness_probe=LIVENESS))
    lines = play.probed("c", "Liveness", "Failure")
    assert lines == ["PreStop c/0"]
    assert play.events[-1] == "Killing: Container c failed liveness probe, will be restarted"
    assert play.state_of("c") == "running"
    assert play.machine.next_deadline() == play.time + 30
    assert play.hook_done("c") == ["TERM c/0"]
    assert play.exit("c", 0) == ["image c"]


def test_10_2_no_pre_stop_without_a_grace_period() -> None:
    play = running(hooked(pre=True, liveness_probe=LIVENESS), grace=0)
    assert play.probed("c", "Liveness", "Failure") == ["TERM c/0"]
    assert play.machine.next_deadline() == play.time + 2


def test_4_the_end_of_a_pod_has_a_grace_period_of_one_second_at_least() -> None:
    play = running(hooked(pre=True), grace=0)
    assert play.delete() == ["PreStop c/0"]
    assert play.until_deadline() == ["TERM c/0"]
    assert play.time == 1
    assert play.machine.next_deadline() == 3


def test_4_a_second_delete_shortens_a_hook() -> None:
    play = running(hooked(pre=True))
    play.delete()
    play.time = 5
    assert play.delete(10) == []
    assert play.machine.next_deadline() == 15
    assert play.delete(60) == []
    assert play.machine.next_deadline() == 15
    assert play.until_deadline() == ["TERM c/0"]
    assert play.events == ["Killing: Stopping container c"]


@pytest.mark.parametrize("stage", ["running", "hook", "TERM"])
def test_a_deletion_with_grace_period_0_waits_for_no_hook(stage: str) -> None:
    play = running(hooked(pre=True))
    if stage != "running":
        play.delete()
    if stage == "TERM":
        play.hook_done("c")
    assert play.delete(0) == ["KILL c/0"]
    assert play.machine.next_deadline() is None
    assert play.exit("c", 137)[-1] == "stop sandbox 0"


def test_a_deletion_with_grace_period_0_gives_up_a_post_start_hook() -> None:
    play = Play(make_pod(hooked(post=True))).begin()
    play.run("c")
    assert play.delete(0) == ["cancel hook 4", "KILL c/0"]


@pytest.mark.parametrize("first", [None, 0])
def test_a_deletion_with_grace_period_0_while_a_container_is_started(first: int | None) -> None:
    play = Play(make_pod(hooked(pre=True))).begin()
    play.image("c")
    play.delete(first)
    play.delete(0)
    play.delete()
    assert play.runs("c") == ["KILL c/0"]


def test_33_11_the_deletions_grace_period_overrides_the_probes() -> None:
    slow = Probe(exec=ExecAction(command=("true",)), failure_threshold=1, termination_grace_period_seconds=600)
    play = running(hooked(pre=True, liveness_probe=slow), grace=10)
    assert play.probed("c", "Liveness", "Failure") == ["PreStop c/0"]
    assert play.machine.next_deadline() == play.time + 600
    began = play.time
    play.time += 1
    assert play.delete() == []
    assert play.machine.next_deadline() == began + 11
    assert play.exit("c", 1)[-1] == "stop sandbox 0", "the pod ends: no restart"


@pytest.mark.parametrize("stage", ["hook", "TERM", "KILL"])
def test_a_kill_under_way_becomes_the_end_when_the_pod_is_deleted(stage: str) -> None:
    play = running(hooked(pre=True, liveness_probe=LIVENESS))
    play.probed("c", "Liveness", "Failure")
    if stage != "hook":
        play.until_deadline()
    if stage == "KILL":
        play.until_deadline()
    play.delete(1)
    assert play.exit("c", 137)[-1] == "stop sandbox 0"


def test_10_containers_run_their_pre_stop_hooks_at_once() -> None:
    play = running(hooked("a", pre=True), hooked("b", pre=True))
    assert play.delete() == ["PreStop a/0", "PreStop b/0"]
    assert play.hook_done("b") == ["TERM b/0"]
    assert play.hook_done("a") == ["TERM a/0"]


def test_a_container_that_is_started_when_the_pod_ends_runs_its_pre_stop_but_no_post_start() -> None:
    play = Play(make_pod(hooked(post=True, pre=True))).begin()
    play.image("c")
    assert play.delete() == []
    play.time = 4
    assert play.runs("c") == ["PreStop c/0"]
    assert play.machine.next_deadline() == 30


def test_the_sandbox_dies_during_a_hook() -> None:
    play = Play(make_pod(hooked(post=True))).begin()
    play.run("c")
    assert play.sandbox_died() == ["cancel hook 4", "stop sandbox 0"]
    assert play.machine.value.containers["c"].probes == {}
    play.sandbox_stopped()
    play.sandbox()
    play.run("c")
    play.hook_done("c")
    assert play.state_of("c") == "running"


def test_hooks_under_way_are_asked_for_again_after_a_crash() -> None:
    play = running(hooked(pre=True))
    play.delete()
    again = type(play.machine).restore(play.machine.pod, play.machine.save())
    assert [command for command in again.unanswered if isinstance(command, RunHook)] == [play.pending(RunHook)]
    assert again.next_deadline() == 30
