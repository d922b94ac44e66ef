"""Restart policies and rules of single containers, and RestartAllContainers (kubelet-semantics 6.4, 6.5)."""

from __future__ import annotations

from typing import Any

import pytest

from nsrunner.lifecycle.commands import EnsureImage
from nsrunner.lifecycle.events import ImageReady
from nsrunner.lifecycle.policy import plan_of, restarts, restarts_all
from nsrunner.model.types import (
    Container,
    ContainerRestartRule,
    ContainerRestartRuleOnExitCodes,
    EphemeralContainer,
    ExecAction,
    Lifecycle,
    LifecycleHandler,
    Probe,
)
from unit.lifecycle.play import Play, make_pod

EXEC = ExecAction(command=("true",))


def rule(action: str, *codes: int, operator: str = "In") -> ContainerRestartRule:
    return ContainerRestartRule(
        action=action, exit_codes=ContainerRestartRuleOnExitCodes(operator=operator, values=codes)
    )


def ruled(name: str, policy: str | None, *rules: ContainerRestartRule, **fields: Any) -> Container:
    return Container(name=name, image="busybox", restart_policy=policy, restart_policy_rules=rules, **fields)


# Section 6.4.


@pytest.mark.parametrize(
    ("policy", "code", "restarted"),
    [
        ("Never", 42, True),
        ("Never", 43, True),
        ("Never", 7, False),
        ("Never", 0, False),
        ("OnFailure", 7, True),
        ("OnFailure", 0, False),
        ("OnFailure", 42, True),
        ("Always", 0, True),
        (None, 42, False),
    ],
)
def test_6_4_the_first_rule_that_matches_then_the_containers_policy(
    policy: str | None, code: int, restarted: bool
) -> None:
    pod = make_pod(ruled("c", policy, rule("Restart", 42), rule("RestartAllContainers", 42, 43)), policy="Never")
    plan = plan_of(pod).containers["c"]
    assert restarts(plan, code, "Error") is restarted
    assert restarts_all(plan, code) is (policy is not None and code == 43)


@pytest.mark.parametrize(("code", "restarted"), [(1, False), (2, False), (0, True), (3, True)])
def test_6_4_not_in(code: int, restarted: bool) -> None:
    plan = plan_of(make_pod(ruled("c", "Never", rule("Restart", 1, 2, operator="NotIn")))).containers["c"]
    assert restarts(plan, code, "Error") is restarted


def test_6_4_a_containers_policy_goes_before_the_pods() -> None:
    play = Play(make_pod(ruled("a", "Never"), ruled("b", "OnFailure"), "c", policy="Always")).begin()
    for name in "abc":
        play.run(name)
    assert play.exit("a", 1) == []
    assert play.exit("b", 0) == []
    assert play.exit("c", 0) == ["image c"]
    assert (play.state_of("a"), play.state_of("b"), play.phase) == (
        "terminated 1 Error",
        "terminated 0 Completed",
        "Running",
    )


def test_6_4_rules_back_off_as_any_restart() -> None:
    play = Play(make_pod(ruled("c", "Never", rule("Restart", 42)))).begin()
    play.run("c")
    assert play.exit("c", 42) == ["image c"]
    play.run("c")
    assert play.exit("c", 42) == []
    assert (play.state_of("c"), play.phase) == ("waiting CrashLoopBackOff", "Running")
    play.until_deadline()
    play.run("c")
    assert play.exit("c", 1) == ["stop sandbox 0"]


@pytest.mark.parametrize(("policy", "again"), [("OnFailure", True), ("Never", False)])
def test_7_an_init_container_with_a_policy_of_its_own(policy: str, again: bool) -> None:
    play = Play(make_pod("c", init=[ruled("i", policy)])).begin()
    play.run("i")
    assert play.exit("i", 1) == (["image i"] if again else ["stop sandbox 0"])
    assert play.phase == "Pending"


def test_7_a_rule_restarts_an_init_container() -> None:
    play = Play(make_pod("c", init=[ruled("i", "Never", rule("Restart", 42))])).begin()
    play.run("i")
    assert play.exit("i", 42) == ["image i"]
    play.run("i")
    assert play.exit("i", 0) == ["image c"]


def test_6_3_33_13_rules_have_no_say_in_a_probe_kill_but_in_what_follows_with_policy_never() -> None:
    liveness = Probe(exec=EXEC, period_seconds=10, failure_threshold=1)
    play = Play(make_pod(ruled("c", "Never", rule("Restart", 143), liveness_probe=liveness))).begin()
    play.run("c")
    play.probed("c", "Liveness", "Failure")
    assert play.events[-1] == "Killing: Container c failed liveness probe"
    assert play.exit("c", 143) == ["image c"]


def test_5_with_a_new_sandbox_a_container_with_policy_never_runs_again() -> None:
    play = Play(make_pod(ruled("a", "Never"), ruled("b", "OnFailure"), "c")).begin()
    for name in "abc":
        play.run(name)
    play.exit("a", 0)
    play.exit("b", 0)
    play.sandbox_died()
    play.sandbox_stopped()
    assert play.sandbox() == ["image a"]
    assert play.run("a")[-1] == "image c"


# Section 6.5.


def all_of_them(*, policy: str = "Always", pre: bool = False) -> Play:
    """Init container i, sidecar s, regular c (whose exit code 88 restarts all) and d, all running or done."""
    lifecycle = Lifecycle(pre_stop=LifecycleHandler(exec=EXEC)) if pre else None
    sidecar = Container(name="s", image="busybox", restart_policy="Always", lifecycle=lifecycle)
    culprit = ruled("c", "Never", rule("RestartAllContainers", 88))
    play = Play(make_pod(culprit, "d", init=["i", sidecar], policy=policy)).begin()
    play.run("i")
    play.exit("i", 0)
    for name in ("s", "c", "d"):
        play.run(name)
    play.events.clear()
    return play


def test_6_5_all_containers_are_killed_without_grace_and_start_anew() -> None:
    play = all_of_them(pre=True)
    assert play.says("AllContainersRestarting") == "False"
    play.time = 50
    assert play.exit("c", 88) == ["TERM s/0", "TERM d/0"], "no preStop hook"
    assert play.machine.next_deadline() == 52
    started = "True RestartAllContainersStarted container exited with restart policy rule"
    assert play.says("AllContainersRestarting") == started
    assert (play.state_of("c"), play.last_state_of("c")) == (
        "waiting RestartingAllContainers",
        "137 RestartingAllContainers",
    )
    assert play.state_of("i") == "waiting RestartingAllContainers"
    assert (play.says("Initialized"), play.phase) == ("True", "Running")
    assert play.until_deadline() == ["KILL s/0", "KILL d/0"]
    assert play.exit("d", 137) == []
    assert play.exit("s", 137) == ["image i"]
    assert play.says("AllContainersRestarting") == "False"
    assert {play.status_of(name).restart_count for name in "iscd"} == {1}
    assert {play.last_state_of(name) for name in "iscd"} == {"137 RestartingAllContainers"}
    assert (play.says("Initialized"), play.phase) == ("True", "Running")
    assert play.run("i") == []
    assert play.exit("i", 0) == ["image s"]
    assert play.run("s") == ["image c"]
    assert play.run("c") == ["image d"]
    play.run("d")
    assert {play.status_of(name).restart_count for name in "iscd"} == {1}
    assert (play.phase, play.says("Ready")) == ("Running", "True")


def test_6_5_the_sandbox_and_ephemeral_containers_stay() -> None:
    play = all_of_them()
    play.spec(ephemeral_containers=(EphemeralContainer(name="e", image="busybox"),))
    play.run("e")
    assert play.exit("c", 88) == ["TERM s/0", "TERM d/0"]
    play.exit("s", 143)
    assert play.exit("d", 143) == ["image i"]
    assert (play.state_of("e"), play.status_of("e").restart_count) == ("running", 0)
    assert play.machine.status().pod_ip == "192.0.2.1"


@pytest.mark.parametrize("policy", ["OnFailure", "Never"])
def test_6_5_containers_that_had_ended_for_good_start_too(policy: str) -> None:
    play = all_of_them(policy=policy)
    play.exit("d", 0)
    play.exit("c", 88)
    assert (play.phase, play.state_of("d")) == ("Running", "waiting RestartingAllContainers")
    assert play.exit("s", 0) == ["image i"]
    play.run("i")
    play.exit("i", 0)
    for name in ("s", "c", "d"):
        play.run(name)
    assert (play.phase, play.status_of("d").restart_count) == ("Running", 1)


def test_6_5_one_that_goes_round_and_round_backs_off() -> None:
    """The kubelet forgets the end that set it off, and goes round as fast as it can."""
    play = Play(make_pod(ruled("c", "Never", rule("RestartAllContainers", 88)), "d", init=["i"])).begin()
    for round in range(3):
        play.run("i")
        play.exit("i", 0)
        if round:
            assert play.state_of("c") == "waiting CrashLoopBackOff" if round > 1 else "waiting RestartingAllContainers"
        if round > 1:
            play.run("d")
            assert play.machine.next_deadline() == 10
            assert play.until_deadline() == ["image c"]
            play.run("c")
        else:
            play.run("c")
            play.run("d")
        assert play.exit("c", 88)[-1] == f"TERM d/{round}"
        assert play.exit("d", 143)[-1] == "image i"


def test_6_5_a_container_whose_start_is_under_way_is_stopped_when_it_runs() -> None:
    play = Play(make_pod(ruled("c", "Never", rule("RestartAllContainers", 88)), "d")).begin()
    play.run("c")
    play.image("d")
    assert play.exit("c", 88) == []
    play.time = 5
    assert play.runs("d") == ["TERM d/0"]
    assert play.machine.next_deadline() == 7
    assert play.exit("d", 0) == ["image c"]
    assert play.run("c") == ["image d"]
    assert play.image("d") == ["start d/1"]


def test_6_5_a_container_whose_image_is_pulled_waits_for_it_no_longer() -> None:
    play = Play(make_pod(ruled("c", "Never", rule("RestartAllContainers", 88)), "d")).begin()
    play.run("c")
    late = play.pending(EnsureImage, "d")
    assert play.exit("c", 88) == ["image c"]
    assert play.tell(ImageReady(id=late.id, container="d")) == []
    assert play.run("c") == ["image d"]
    assert play.image("d") == ["start d/0"]


@pytest.mark.parametrize("reason", ["CreateContainerError", "RunContainerError"])
def test_6_5_a_container_whose_start_under_way_fails(reason: str) -> None:
    play = Play(make_pod(ruled("c", "Never", rule("RestartAllContainers", 88)), "d")).begin()
    play.run("c")
    play.image("d")
    play.exit("c", 88)
    assert play.start_failed("d", reason) == ["image c"]
    play.run("c")
    assert play.image("d") == ["start d/1" if reason == "RunContainerError" else "start d/0"]


def test_6_5_kills_under_way_are_hurried() -> None:
    liveness = Probe(exec=EXEC, period_seconds=10, failure_threshold=1)
    slow = Lifecycle(pre_stop=LifecycleHandler(exec=EXEC))
    play = Play(
        make_pod(
            ruled("c", "Never", rule("RestartAllContainers", 88)),
            Container(name="d", image="busybox", liveness_probe=liveness, lifecycle=slow),
            Container(name="e", image="busybox", liveness_probe=liveness),
            Container(name="f", image="busybox", liveness_probe=liveness),
        )
    ).begin()
    for name in "cdef":
        play.run(name)
    play.probed("f", "Liveness", "Failure")
    play.time = play.started["f"] + 40
    play.tick(play.time) if (play.machine.next_deadline() or 0) >= play.time else None
    for name in "de":
        play.probed(name, "Liveness", "Failure")
    now = play.time
    lines = play.exit("c", 88)
    assert "TERM d/0" in lines and "TERM e/0" not in lines
    assert play.machine.value.containers["d"].due == play.machine.value.containers["e"].due == now + 2
    for name in "def":
        play.exit(name, 137)
    assert play.machine.value.restarting is False


def test_6_5_a_container_that_is_being_killed_already() -> None:
    liveness = Probe(exec=EXEC, period_seconds=10, failure_threshold=1)
    d = Container(name="d", image="busybox", liveness_probe=liveness)
    play = Play(make_pod(ruled("c", "Never", rule("RestartAllContainers", 88)), d, grace=1)).begin()
    play.run("c")
    play.run("d")
    play.probed("d", "Liveness", "Failure")
    assert play.until_deadline() == ["KILL d/0"]
    assert play.exit("c", 88) == []
    assert play.exit("d", 137) == ["image c"]
    assert play.last_state_of("d") == "137 RestartingAllContainers"


def test_6_5_the_exit_of_an_init_container_can_set_it_off() -> None:
    play = Play(make_pod("c", init=["i", ruled("j", "Never", rule("RestartAllContainers", 88))])).begin()
    play.run("i")
    play.exit("i", 0)
    play.run("j")
    assert play.exit("j", 88) == ["image i"]
    play.run("i")
    assert play.exit("i", 0) == ["image j"]
    assert play.phase == "Pending"


def test_6_5_deletion_ends_it() -> None:
    play = all_of_them()
    play.exit("c", 88)
    play.exit("d", 143)
    assert play.delete() == []
    assert play.exit("s", 143) == ["stop sandbox 0"]
    assert play.says("AllContainersRestarting") == "False"
    play.sandbox_stopped()
    assert play.phase == "Failed"


def test_6_5_what_it_has_ended_itself_does_not_set_it_off_again() -> None:
    """Those are recorded with exit code 137."""
    play = Play(make_pod(ruled("c", "Never", rule("RestartAllContainers", 88, 137)), "d")).begin()
    play.run("c")
    play.run("d")
    play.exit("c", 88)
    assert play.exit("d", 137) == ["image c"]
    assert not play.machine.value.restarting
    assert play.run("c") == ["image d"]
    play.run("d")
    assert {play.status_of(name).restart_count for name in "cd"} == {1}


def test_6_5_the_death_of_the_sandbox_does_not_set_it_off() -> None:
    restart = rule("RestartAllContainers", 137)
    play = Play(make_pod(ruled("c", "Never", restart), init=[ruled("i", "Never", restart)])).begin()
    play.run("i")
    assert play.sandbox_died()[-1] == "stop sandbox 0"
    play.sandbox_stopped()
    assert play.sandbox() == ["image i"]
    assert not play.machine.value.restarting
    play.run("i")
    play.exit("i", 0)
    play.run("c")
    play.time = 60
    play.sandbox_died(1)
    play.sandbox_stopped()
    assert play.sandbox() == ["image i"]
    assert not play.machine.value.restarting
    assert play.status_of("c").restart_count == 0


def test_6_5_a_probe_kill_that_restarts_does_not_set_it_off() -> None:
    liveness = Probe(exec=EXEC, period_seconds=10, failure_threshold=1)
    c = ruled("c", "OnFailure", rule("RestartAllContainers", 137), liveness_probe=liveness)
    play = Play(make_pod(c, "d")).begin()
    play.run("c")
    play.run("d")
    play.probed("c", "Liveness", "Failure")
    assert play.exit("c", 137) == ["image c"]
    assert not play.machine.value.restarting


def test_6_5_in_a_pod_that_ends_nothing_restarts() -> None:
    play = all_of_them()
    play.delete()
    assert play.exit("c", 88) == []
    assert play.machine.value.restarting is False


def test_6_5_the_sandbox_dies_meanwhile() -> None:
    play = all_of_them()
    play.exit("c", 88)
    play.sandbox_died()
    assert play.machine.value.restarting is False
    play.sandbox_stopped()
    assert play.sandbox() == ["image i"]


def test_6_5_9_the_death_of_the_sandbox_does_not_spare_the_one_that_set_it_off() -> None:
    play = Play(make_pod(ruled("c", "Never", rule("RestartAllContainers", 88)))).begin()
    play.run("c")
    play.exit("c", 88)
    play.run("c")
    play.exit("c", 88)
    assert play.state_of("c") == "waiting CrashLoopBackOff"
    play.sandbox_died()
    play.sandbox_stopped()
    assert play.sandbox() == []
    assert play.machine.next_deadline() == 10
