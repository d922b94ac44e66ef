"""Pods whose containers are probed: what it does to states, conditions and restarts (kubelet-semantics 13, 14, 30.4,
30.5, 30.7). How attempts and thresholds work is tested in test_probe.py."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from nsrunner.lifecycle import PodMachine
from nsrunner.lifecycle.commands import EnsureImage, ProbeName, RunProbe, SignalContainer
from nsrunner.lifecycle.draft import Draft
from nsrunner.lifecycle.events import ConditionSet, HookDone, ProbeDone, Tick
from nsrunner.lifecycle.outbox import Outbox
from nsrunner.lifecycle.pod_actions import advance
from nsrunner.lifecycle.policy import plan_of
from nsrunner.lifecycle.probe import Outcome
from nsrunner.lifecycle.status import Statuses, looks_alike, settle
from nsrunner.lifecycle.value import ContainerValue
from nsrunner.model.types import Container, ExecAction, Lifecycle, LifecycleHandler, PodReadinessGate, Probe
from unit.lifecycle.play import Play, make_pod

EXEC = ExecAction(command=("true",))
PROBE = Probe(exec=EXEC, period_seconds=10, failure_threshold=3)
UNREADY = "False ContainersNotReady containers with unready status: [c]"


def container(name: str = "c", *, policy: str | None = None, **probes: Probe) -> Container:
    """``probes``: startup, readiness, liveness."""
    fields = {f"{kind}_probe": probe for kind, probe in probes.items()}
    return Container(name=name, image="busybox", restart_policy=policy, **fields)


def answer(play: Play, probe: ProbeName, outcome: Outcome = "Success", message: str = "", name: str = "c") -> list[str]:
    """Wait for the attempt, if none is under way, and answer it."""

    def under_way() -> RunProbe | None:
        for command in play.machine.unanswered:
            if isinstance(command, RunProbe) and (command.container, command.probe) == (name, probe):
                return command
        return None

    for _ in range(20):
        if under_way() is None:
            play.until_deadline()
    command = under_way()
    assert command is not None
    return play.tell(
        ProbeDone(id=command.id, container=name, attempt=command.attempt, probe=probe, result=outcome, message=message)
    )


def test_30_7_readiness_over_a_containers_life() -> None:
    play = Play(make_pod(container(readiness=PROBE))).begin()
    play.run("c")
    assert (play.state_of("c"), play.status_of("c").started, play.status_of("c").ready) == ("running", True, False)
    assert (play.phase, play.says("Ready"), play.says("ContainersReady")) == ("Running", UNREADY, UNREADY)
    answer(play, "Readiness")
    assert (play.status_of("c").ready, play.says("Ready"), play.says("ContainersReady")) == (True, "True", "True")
    since = play.condition("Ready").last_transition_time
    for _ in range(2):
        answer(play, "Readiness", "Failure", "busy")
        assert play.says("Ready") == "True"
    answer(play, "Readiness", "Failure", "busy")
    assert (play.status_of("c").ready, play.says("Ready")) == (False, UNREADY)
    assert play.condition("Ready").last_transition_time != since
    answer(play, "Readiness")
    assert play.says("Ready") == "True"
    assert play.events[3:] == ["Unhealthy: Readiness probe failed: busy"] * 3
    assert play.recorded[-1].field_path == "spec.containers{c}"
    assert (play.status_of("c").restart_count, play.phase) == (0, "Running"), "14.5: readiness never kills"


def test_13_readiness_takes_effect_at_once() -> None:
    """Not at the next sync: the very event that brings the answer changes the conditions."""
    play = Play(make_pod(container(readiness=PROBE))).begin()
    play.run("c")
    answer(play, "Readiness")
    assert play.condition("Ready").last_transition_time == play.condition("ContainersReady").last_transition_time
    assert play.says("Ready") == "True"


def test_14_2_3_a_restarted_container_is_unready_again_and_counts_anew() -> None:
    liveness = Probe(exec=EXEC, period_seconds=10, failure_threshold=2)
    play = Play(make_pod(container(readiness=PROBE, liveness=liveness))).begin()
    play.run("c")
    answer(play, "Readiness")
    answer(play, "Liveness", "Failure")
    assert play.exit("c", 1)[-1] == "image c"
    assert (play.status_of("c").ready, play.says("Ready"), play.phase) == (False, UNREADY, "Running")
    play.run("c")
    assert (play.state_of("c"), play.status_of("c").ready) == ("running", False)
    assert "TERM c/1" not in answer(play, "Liveness", "Failure"), "33.22: one failure, not the second"
    answer(play, "Readiness")
    assert play.says("Ready") == "True"


def test_14_2_5_no_attempt_outlives_its_instance() -> None:
    play = Play(make_pod(container(readiness=PROBE))).begin()
    play.run("c")
    play.until_deadline()
    late = play.pending(RunProbe)
    play.exit("c", 1)
    assert not [command for command in play.machine.unanswered if isinstance(command, RunProbe)]
    play.run("c")
    assert (
        play.tell(ProbeDone(id=late.id, container="c", attempt=0, probe="Readiness", result="Success", message=""))
        == []
    )
    assert not play.status_of("c").ready


def test_14_4_started_follows_the_startup_probe() -> None:
    play = Play(make_pod(container(startup=PROBE, readiness=PROBE, liveness=PROBE))).begin()
    play.run("c")
    assert (play.status_of("c").started, play.status_of("c").ready, play.phase) == (False, False, "Running")
    answer(play, "Startup", "Failure", "not yet")
    assert play.status_of("c").started is False
    assert answer(play, "Startup") == ["Readiness c/0"]
    assert (play.status_of("c").started, play.status_of("c").ready) == (True, False)
    answer(play, "Readiness")
    assert play.status_of("c").ready


def test_14_5_without_a_readiness_probe_started_is_ready() -> None:
    play = Play(make_pod(container(startup=PROBE))).begin()
    play.run("c")
    assert play.says("Ready") == UNREADY
    answer(play, "Startup")
    assert (play.status_of("c").ready, play.says("Ready")) == (True, "True")


@pytest.mark.parametrize("probe", ["Liveness", "Startup"])
def test_30_5_a_probe_that_always_fails_kills_and_the_container_starts_again(probe: ProbeName) -> None:
    play = Play(make_pod(container(**{probe.lower(): PROBE}))).begin()
    play.run("c")
    times = []
    for _ in range(2):
        answer(play, probe, "Failure", "no")
        times.append(play.time)
    assert answer(play, probe, "Failure", "no") == ["TERM c/0"]
    times.append(play.time)
    assert [round(later - sooner, 6) for sooner, later in pairwise(times)] == [10, 10]
    assert play.events[3:] == [
        *[f"Unhealthy: {probe} probe failed: no"] * 3,
        f"Killing: Container c failed {probe.lower()} probe, will be restarted",
    ]
    assert play.machine.next_deadline() == play.time + 30, "the grace period; nothing is probed meanwhile"
    assert play.exit("c", 143) == ["image c"], "33.4: the first kill does not wait for a back-off"
    play.run("c")
    assert (play.status_of("c").restart_count, play.last_state_of("c")) == (1, "143 Error")


def test_10_1_the_probes_own_grace_period() -> None:
    """33.11: the grace period of a deletion goes before it."""
    quick = structs.replace(PROBE, failure_threshold=1, termination_grace_period_seconds=3)
    play = Play(make_pod(container(liveness=quick))).begin()
    play.run("c")
    assert answer(play, "Liveness", "Failure") == ["TERM c/0"]
    assert play.machine.next_deadline() == play.time + 3
    play.delete(60)
    assert play.machine.next_deadline() == pytest.approx(play.time + 3), "a deletion can only make it shorter"


@pytest.mark.parametrize("probe", ["Liveness", "Startup"])
@pytest.mark.parametrize(
    ("policy", "code", "restarted", "phase"),
    [
        ("Always", 0, True, "Running"),
        ("Always", 143, True, "Running"),
        ("OnFailure", 0, True, "Running"),
        ("OnFailure", 143, True, "Running"),
        ("Never", 0, False, "Succeeded"),
        ("Never", 143, False, "Failed"),
    ],
)
def test_30_1_6_3_33_13_killed_by_a_probe(
    probe: ProbeName, policy: str, code: int, restarted: bool, phase: str
) -> None:
    quick = structs.replace(PROBE, failure_threshold=1)
    play = Play(make_pod(container(**{probe.lower(): quick}), policy=policy)).begin()
    play.run("c")
    assert answer(play, probe, "Failure") == ["TERM c/0"]
    message = f"Killing: Container c failed {probe.lower()} probe{', will be restarted' if restarted else ''}"
    assert play.events[-1] == message
    assert play.exit("c", code) == (["image c"] if restarted else ["stop sandbox 0"])
    if restarted:
        play.run("c")
    else:
        play.sandbox_stopped()
    assert (play.phase, play.status_of("c").restart_count) == (phase, int(restarted))


def test_14_2_2_nothing_is_probed_once_the_pod_has_ended() -> None:
    play = Play(make_pod(container(readiness=PROBE, liveness=PROBE), policy="Never")).begin()
    play.run("c")
    play.exit("c", 0)
    play.sandbox_stopped()
    assert (play.phase, play.machine.unanswered, play.machine.next_deadline()) == ("Succeeded", [], None)


def test_6_3_with_policy_never_a_probe_kill_is_the_end() -> None:
    quick = structs.replace(PROBE, failure_threshold=1)
    play = Play(make_pod(container(liveness=quick), policy="Never")).begin()
    play.run("c")
    answer(play, "Liveness", "Failure")
    assert play.events[-1] == "Killing: Container c failed liveness probe"
    assert play.exit("c", 0) == ["stop sandbox 0"]
    play.sandbox_stopped()
    assert play.phase == "Succeeded", "30.1: the phase is by its exit code"


def test_33_13_with_policy_on_failure_a_probe_kill_restarts_whatever_the_exit_code() -> None:
    quick = structs.replace(PROBE, failure_threshold=1)
    play = Play(make_pod(container(liveness=quick), policy="OnFailure")).begin()
    play.run("c")
    answer(play, "Liveness", "Failure")
    assert play.exit("c", 0) == ["image c"]


def test_14_readiness_goes_on_while_a_liveness_kill_is_under_way() -> None:
    quick = structs.replace(PROBE, failure_threshold=1, period_seconds=1)
    play = Play(make_pod(container(readiness=quick, liveness=quick))).begin()
    play.run("c")
    answer(play, "Readiness")
    answer(play, "Liveness", "Failure")
    assert play.status_of("c").ready
    answer(play, "Readiness", "Failure")
    assert (play.state_of("c"), play.status_of("c").ready) == ("running", False)


def test_10_3_probes_of_a_pod_that_ends() -> None:
    """Liveness stops and what is under way is cancelled; readiness goes on until the container is gone."""
    quick = structs.replace(PROBE, failure_threshold=1, period_seconds=1)
    play = Play(make_pod(container(readiness=quick, liveness=quick))).begin()
    play.run("c")
    answer(play, "Readiness")
    while not any(isinstance(c, RunProbe) and c.probe == "Liveness" for c in play.machine.unanswered):
        play.until_deadline()
    under_way = next(c for c in play.machine.unanswered if isinstance(c, RunProbe) and c.probe == "Liveness")
    assert f"cancel probe {under_way.id}" in play.delete()
    play.tell(ProbeDone(id=under_way.id, container="c", attempt=0, probe="Liveness", result="Failure", message="x"))
    assert "Unhealthy: Liveness probe failed: x" not in play.events
    answer(play, "Readiness", "Failure")
    assert play.says("Ready") == UNREADY
    play.exit("c", 143)
    assert play.machine.value.containers["c"].probes == {}
    assert not any(isinstance(c, RunProbe) for c in play.machine.unanswered)


def test_14_4_a_container_that_ends_while_it_starts_up_never_was_started() -> None:
    """The kubelet takes startup for successful then, and the container for started."""
    play = Play(make_pod(container(startup=PROBE))).begin()
    play.run("c")
    play.delete()
    assert (play.state_of("c"), play.status_of("c").started, play.status_of("c").ready) == ("running", False, False)


def test_15_probes_begin_after_the_post_start_hook() -> None:
    hooked = structs.replace(
        container(readiness=structs.replace(PROBE, initial_delay_seconds=5)),
        lifecycle=Lifecycle(post_start=LifecycleHandler(exec=EXEC)),
    )
    play = Play(make_pod(hooked)).begin()
    play.image("c")
    assert play.runs("c") == ["PostStart c/0"]
    assert play.machine.next_deadline() is None
    assert (play.state_of("c"), play.status_of("c").ready) == ("waiting ContainerCreating", False)
    play.time = 8
    hook = play.machine.unanswered[-1]
    assert play.tell(HookDone(id=hook.id, container="c", attempt=0, hook="PostStart")) == ["Readiness c/0"]
    assert (play.state_of("c"), play.status_of("c").ready) == ("running", False)


def test_15_one_that_is_stopped_before_its_hook_is_done_is_not_ready() -> None:
    hooked = structs.replace(container(readiness=PROBE), lifecycle=Lifecycle(post_start=LifecycleHandler(exec=EXEC)))
    play = Play(make_pod(hooked)).begin()
    play.image("c")
    play.runs("c")
    play.delete()
    assert (play.status_of("c").ready, play.status_of("c").started) == (False, False)


def test_static_pods_are_probed() -> None:
    play = Play(make_pod(container(liveness=PROBE), annotations={"kubernetes.io/config.source": "file"})).begin()
    play.run("c")
    for _ in range(2):
        answer(play, "Liveness", "Failure")
    assert answer(play, "Liveness", "Failure") == ["TERM c/0"]


@pytest.mark.parametrize("probe", ["Startup", "Readiness", "Liveness"])
def test_14_2_7_an_initial_delay_is_for_all_three(probe: ProbeName) -> None:
    late = structs.replace(PROBE, initial_delay_seconds=30, period_seconds=1)
    play = Play(make_pod(container(**{probe.lower(): late}))).begin()
    play.time = 4
    play.run("c")
    deadline = play.machine.next_deadline()
    assert deadline is not None and 34 <= deadline < 35


# Sidecars.


def sidecar_pod() -> Play:
    sidecar = container("s", policy="Always", startup=PROBE, readiness=PROBE)
    play = Play(make_pod("c", init=[sidecar, "i"])).begin()
    play.run("s")
    return play


def test_30_4_a_sidecar_with_a_startup_probe() -> None:
    play = sidecar_pod()
    assert (play.phase, play.state_of("i")) == ("Pending", "waiting PodInitializing")
    assert play.says("Initialized") == "False ContainersNotInitialized containers with incomplete status: [s i]"
    assert sorted(answer(play, "Startup", name="s")) == ["Readiness s/0", "image i"]
    assert play.says("Initialized") == "False ContainersNotInitialized containers with incomplete status: [i]"
    play.run("i")
    assert play.exit("i", 0) == ["image c"]
    play.run("c")
    assert (play.phase, play.says("Initialized")) == ("Running", "True")
    assert play.says("Ready") == "False ContainersNotReady containers with unready status: [s]"
    answer(play, "Readiness", name="s")
    assert play.says("Ready") == "True"
    play.exit("s", 0)
    assert (play.phase, play.says("Ready")) == (
        "Running",
        "False ContainersNotReady containers with unready status: [s]",
    )


def test_30_4_a_sidecar_that_does_not_start_up() -> None:
    play = sidecar_pod()
    for _ in range(2):
        answer(play, "Startup", "Failure", "no", name="s")
    assert answer(play, "Startup", "Failure", "no", name="s") == ["TERM s/0"]
    assert play.events[-1] == "Killing: Init container s failed startup probe"
    assert play.exit("s", 143) == ["image s"]
    assert play.state_of("i") == "waiting PodInitializing"
    assert play.recorded[-1].field_path == "spec.initContainers{s}"


def test_12_one_regular_container_that_has_begun_in_this_sandbox_is_enough() -> None:
    """A sidecar that starts up again makes the pod Pending only while no regular container has begun."""
    sidecar = container("s", policy="Always", startup=PROBE)
    play = Play(make_pod("c", "d", init=[sidecar])).begin()
    for sandbox in range(2):
        play.run("s")
        assert play.phase == "Pending", "what ran in the sandbox before does not count"
        answer(play, "Startup", name="s")
        play.run("c")
        if sandbox == 0:
            play.run("d")
            play.sandbox_died()
            play.sandbox_stopped()
            play.sandbox()
    play.exit("s", 1)
    while play.state_of("s") != "running":
        if any(isinstance(command, EnsureImage) and command.container == "s" for command in play.machine.unanswered):
            play.run("s")
        elif any(isinstance(command, EnsureImage) for command in play.machine.unanswered):
            play.image_failed("d", "ErrImageNeverPull", "gone")
        else:
            play.until_deadline()
    assert (play.status_of("s").started, play.state_of("c"), play.phase) == (False, "running", "Running")


# Readiness gates.


def test_13_a_readiness_gate_that_others_open() -> None:
    pod = make_pod(container(readiness=PROBE))
    gated = structs.replace(
        pod, spec=structs.replace(pod.spec, readiness_gates=(PodReadinessGate(condition_type="shop/lb"),))
    )
    play = Play(gated).begin()
    play.run("c")
    answer(play, "Readiness")
    missing = 'corresponding condition of pod readiness gate "shop/lb" does not exist.'
    assert (play.says("ContainersReady"), play.says("Ready")) == ("True", f"False ReadinessGatesNotReady {missing}")
    assert play.tell(ConditionSet(type="shop/lb", status="True", reason="Registered")) == []
    assert play.says("Ready") == "True"
    assert play.says("shop/lb") == "True Registered"
    assert play.machine.status().conditions[0].type == "shop/lb"
    play.tell(ConditionSet(type="shop/lb", status="False"))
    assert play.says("Ready") == (
        'False ReadinessGatesNotReady the status of pod readiness gate "shop/lb" is not "True", but False'
    )
    play.tell(ConditionSet(type="Ready", status="True"))
    assert play.condition("Ready").status == "False", "ours are decided by us"


# A supervisor that dies.


def test_probes_go_on_where_they_were_after_a_restart_of_the_supervisor() -> None:
    play = Play(make_pod(container(liveness=PROBE, readiness=PROBE))).begin()
    play.run("c")
    answer(play, "Readiness")
    answer(play, "Liveness", "Failure")
    answer(play, "Liveness", "Failure")
    saved = json.loads(json.dumps(play.machine.save()))
    play.machine = PodMachine.restore(play.machine.pod, saved)
    assert play.status_of("c").ready
    assert answer(play, "Liveness", "Failure") == ["TERM c/0"], "counters are kept (the kubelet forgets them)"


def test_what_became_due_while_nobody_was_there_does_not_come_all_at_once() -> None:
    play = Play(make_pod(container(liveness=PROBE))).begin()
    play.run("c")
    answer(play, "Liveness")
    play.time += 3600
    assert play.tell(Tick()) == []
    deadline = play.machine.next_deadline()
    assert deadline is not None and play.time < deadline <= play.time + 10


# Most answers change nothing that anybody sees, and cost next to nothing.


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["Success", "Failure", "Unknown"]), st.sampled_from(["", "m"])), max_size=25))
def test_what_is_left_out_after_a_quiet_answer_would_have_changed_nothing(script: list[tuple[Outcome, str]]) -> None:
    quick = structs.replace(PROBE, failure_threshold=2, success_threshold=2, period_seconds=3)
    sidecar = container("s", policy="Always", startup=PROBE, readiness=quick)
    play = Play(make_pod(container(liveness=PROBE, readiness=quick), init=[sidecar, "i"])).begin()
    for outcome, message in script:
        match play.machine.unanswered:
            case [EnsureImage(container=name), *_] | [*_, EnsureImage(container=name)]:
                play.run(name)
            case [*_, RunProbe() as command]:
                answer(play, command.probe, outcome, message, command.container)
            case [*_, SignalContainer(container=name)]:
                play.exit(name, 143)
            case _ if play.state_of("i") == "running":
                play.exit("i", 0)
            case _ if play.machine.next_deadline() is not None:
                play.until_deadline()
        machine, out = play.machine, Outbox(1, {})
        plan = plan_of(machine.pod)
        draft = Draft(machine.value, plan, out, play.now)
        advance(draft)
        assert (draft.value, out.commands) == (machine.value, [])
        assert settle(Statuses(machine.pod, plan), machine.value, play.now.wall + 99) == machine.value


def test_looks_alike_sees_what_others_see() -> None:
    play = Play(make_pod(container(readiness=structs.replace(PROBE, success_threshold=2)))).begin()
    play.run("c")
    values, revision = [play.machine.value], play.machine.revision
    for outcome in ("Success", "Failure", "Success", "Success"):
        answer(play, "Readiness", outcome)
        values.append(play.machine.value)
    unnumbered = [structs.replace(value, next_id=1, conditions=()) for value in values]
    assert [looks_alike(*pair) for pair in pairwise(unnumbered)] == [True, True, True, False]
    assert play.machine.revision == revision + 1
    assert not looks_alike(values[0], structs.replace(values[0], phase="Failed"))
    assert not looks_alike(values[0], structs.replace(values[0], containers={"c": ContainerValue()}))
