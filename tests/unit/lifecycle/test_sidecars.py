"""Sidecars: init containers with restartPolicy Always (kubelet-semantics 7, 10.2, 12, 17 READY, 30.4, 30.6)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from nsrunner.lifecycle.value import ContainerState
from nsrunner.model.types import Container, EphemeralContainer, ExecAction, Lifecycle, LifecycleHandler, Probe
from unit.lifecycle.play import Play, make_pod

EXEC = ExecAction(command=("true",))
HANDLER = LifecycleHandler(exec=EXEC)
PROBE = Probe(exec=EXEC, period_seconds=10, failure_threshold=1)


def sidecar(name: str = "s", *, post: bool = False, pre: bool = False, **fields: Any) -> Container:
    lifecycle = Lifecycle(post_start=HANDLER if post else None, pre_stop=HANDLER if pre else None)
    return Container(name=name, image="busybox", restart_policy="Always", lifecycle=lifecycle, **fields)


def with_pre_stop(name: str) -> Container:
    return Container(name=name, image="busybox", lifecycle=Lifecycle(pre_stop=HANDLER))


def started(*containers: str | Container, init: list[str | Container], grace: int = 30, policy: str = "Always") -> Play:
    """All run; plain init containers have succeeded."""
    play = Play(make_pod(*containers, init=init, grace=grace, policy=policy)).begin()
    for each in (*init, *containers):
        name = each if isinstance(each, str) else each.name
        play.run(name)
        if isinstance(each, str) and each in init:
            play.exit(name, 0)
    play.events.clear()
    return play


# Starting.


def test_7_30_4_a_sidecar_lets_the_next_one_start_when_it_runs() -> None:
    play = Play(make_pod("c", init=[sidecar(), "i"]))
    play.add()
    assert play.says("Initialized").endswith("containers with incomplete status: [s i]")
    assert play.sandbox() == ["image s"]
    assert play.run("s") == ["image i"]
    assert (play.phase, play.state_of("s"), play.status_of("s").started) == ("Pending", "running", True)
    assert play.says("Initialized").endswith("containers with incomplete status: [i]")
    play.run("i")
    assert play.exit("i", 0) == ["image c"]
    assert play.says("Initialized") == "True"
    play.run("c")
    assert (play.phase, play.says("Ready")) == ("Running", "True")


def test_7_a_sidecar_gates_by_its_startup_probe_alone() -> None:
    """33.19: readiness and liveness do not gate."""
    play = Play(make_pod("c", init=[sidecar(startup_probe=PROBE, readiness_probe=PROBE)])).begin()
    assert play.run("s") == []
    assert (play.status_of("s").started, play.phase) == (False, "Pending")
    assert "image c" in play.probed("s", "Startup")
    assert (play.status_of("s").started, play.status_of("s").ready) == (True, False)
    play.run("c")
    assert (play.phase, play.says("Ready")) == (
        "Running",
        "False ContainersNotReady containers with unready status: [s]",
    )
    play.probed("s", "Readiness")
    assert play.says("Ready") == "True"


def test_7_a_sidecar_gates_by_its_post_start_hook() -> None:
    play = Play(make_pod("c", init=[sidecar(post=True)])).begin()
    assert play.run("s") == ["PostStart s/0"]
    assert (play.state_of("s"), play.phase) == ("waiting PodInitializing", "Pending")
    assert play.hook_done("s") == ["image c"]


def test_30_4_a_sidecar_whose_startup_probe_fails_is_restarted_and_nothing_after_it_starts() -> None:
    play = Play(make_pod("c", init=[sidecar(startup_probe=PROBE), "i"], policy="Never")).begin()
    play.run("s")
    assert play.probed("s", "Startup", "Failure") == ["TERM s/0"]
    assert play.events[-1] == "Killing: Init container s failed startup probe"
    assert play.exit("s", 143) == ["image s"]
    assert play.run("s") == []
    play.probed("s", "Startup", "Failure")
    assert play.exit("s", 143) == ["image s"], "33.4: the first end is what counts, and it is long ago"
    play.run("s")
    assert "image i" in play.probed("s", "Startup")


@pytest.mark.parametrize("policy", ["Always", "OnFailure", "Never"])
@pytest.mark.parametrize("code", [0, 1])
def test_7_a_sidecar_is_restarted_whatever_the_pods_policy(policy: str, code: int) -> None:
    play = started("c", init=[sidecar()], policy=policy)
    assert play.exit("s", code) == ["image s"]
    assert (play.phase, play.says("Ready").startswith("False"), play.says("Initialized")) == ("Running", True, "True")
    play.run("s")
    assert (play.says("Ready"), play.status_of("s").restart_count) == ("True", 1)
    assert play.exit("s", code) == []
    assert (play.state_of("s"), play.phase) == ("waiting CrashLoopBackOff", "Running")


def test_7_a_sidecar_that_died_is_started_again_beside_the_init_containers_that_go_on() -> None:
    play = Play(make_pod("c", init=[sidecar(), "i", "j"])).begin()
    play.run("s")
    play.run("i")
    assert play.exit("s", 1) == ["image s"]
    assert play.run("s") == []
    play.exit("s", 1)
    assert play.state_of("s") == "waiting CrashLoopBackOff"
    assert play.exit("i", 0) == ["image j"], "s has started once; i is the last that has a record"
    play.run("j")
    assert play.exit("j", 0) == ["image c"]
    assert play.run("c") == []
    assert play.until_deadline() == ["image s"]


def test_7_the_last_sidecar_must_be_up_while_no_regular_container_runs() -> None:
    play = Play(make_pod("c", init=[sidecar()])).begin()
    play.run("s")
    play.image_failed("c", "ErrImageNeverPull", "no")
    play.exit("s", 1)
    play.run("s")
    play.exit("s", 1)
    play.time = 9.9
    assert play.until_deadline() == ["image s"], "c, too, is due; but s has to be there first"
    assert play.run("s")[-1] == "image c"


def test_7_a_sidecar_that_dies_before_the_next_ones_turn_has_come_goes_first() -> None:
    play = Play(make_pod("c", init=[sidecar(), "i"])).begin()
    play.image("s")
    play.spec(ephemeral_containers=(EphemeralContainer(name="e", image="busybox"),))
    assert play.runs("s") == ["image e"]
    assert play.exit("s", 1) == []
    assert play.run("e") == ["image s"], "i was wanted, but s does not run any more"
    assert play.run("s") == ["image i"]


def test_7_while_regular_containers_run_nothing_waits_for_a_sidecar() -> None:
    play = started("a", "b", init=[sidecar()])
    play.exit("s", 1)
    play.run("s")
    play.exit("s", 1)
    assert play.state_of("s") == "waiting CrashLoopBackOff"
    assert play.exit("b", 1) == ["image b"]


def test_7_a_sidecar_that_cannot_start_does_not_hold_up_restarts_of_others() -> None:
    play = started("a", "b", init=[sidecar()])
    play.exit("s", 1)
    play.image_failed("s", "ErrImageNeverPull", "no")
    assert play.exit("b", 1) == ["image b"]


def test_7_a_liveness_failure_restarts_a_sidecar() -> None:
    play = started("c", init=[sidecar(pre=True, liveness_probe=PROBE)], policy="Never")
    assert play.probed("s", "Liveness", "Failure") == ["PreStop s/0"]
    assert play.events[-1] == "Killing: Init container s failed liveness probe"
    assert play.recorded[-1].field_path == "spec.initContainers{s}"
    assert play.hook_done("s") == ["TERM s/0"], "it is nobody's turn to wait for"
    assert play.exit("s", 0) == ["image s"]


def test_6_1_a_failed_init_container_after_a_sidecar_ends_the_pod() -> None:
    play = Play(make_pod("c", init=[sidecar(), "i"], policy="Never")).begin()
    play.run("s")
    play.run("i")
    assert play.exit("i", 1) == ["TERM s/0"]
    assert play.exit("s", 0) == ["stop sandbox 0"]
    play.sandbox_stopped()
    assert play.phase == "Failed"


def test_5_with_a_new_sandbox_sidecars_begin_anew() -> None:
    play = Play(make_pod("c", init=[sidecar(startup_probe=PROBE)])).begin()
    play.run("s")
    play.probed("s", "Startup")
    play.run("c")
    assert play.sandbox_died()[-1] == "stop sandbox 0"
    play.sandbox_stopped()
    assert play.sandbox() == ["image s"]
    play.run("s")
    assert (play.phase, play.state_of("c")) == ("Pending", "terminated 137 ContainerStatusUnknown"), "12 rule 2"
    assert "image c" in play.probed("s", "Startup")


# Ending.


def test_30_4_33_17_when_the_regular_containers_are_done_the_sidecars_are_stopped() -> None:
    play = started("c", init=[sidecar()], policy="Never", grace=20)
    assert play.exit("c", 0) == ["TERM s/0"]
    assert play.events == ["Killing: Stopping container s"]
    assert play.machine.next_deadline() == 20
    assert play.phase == "Running"
    assert play.exit("s", 143) == ["stop sandbox 0"]
    assert play.phase == "Running"
    play.sandbox_stopped()
    assert (play.phase, play.state_of("s")) == ("Succeeded", "terminated 143 Error"), "33.18"


def test_6_1_a_sidecar_that_waits_for_its_restart_is_not_started_for_a_pod_that_is_done() -> None:
    play = started("c", init=[sidecar()], policy="Never")
    play.exit("s", 1)
    play.run("s")
    play.exit("s", 1)
    assert play.exit("c", 0) == ["stop sandbox 0"]
    assert play.machine.next_deadline() is None


def test_30_6_33_10_sidecars_end_in_reverse_order_and_their_hooks_run_at_once() -> None:
    play = started(with_pre_stop("m"), init=[sidecar("s1", pre=True), sidecar("s2", pre=True)])
    assert play.delete() == ["PreStop s1/0", "PreStop s2/0", "PreStop m/0"]
    play.time = 2
    assert play.hook_done("s1") == []
    assert play.hook_done("s2") == []
    assert play.hook_done("m") == ["TERM m/0"]
    play.time = 7
    assert play.exit("m", 0) == ["TERM s2/0"]
    assert play.machine.next_deadline() == 30
    play.time = 8
    assert play.exit("s2", 0) == ["TERM s1/0"]
    assert play.exit("s1", 0) == ["stop sandbox 0"]
    assert play.events == [f"Killing: Stopping container {name}" for name in ("s1", "s2", "m")]


def test_30_6_when_the_grace_period_is_over_sidecars_do_not_wait_any_longer() -> None:
    play = started(with_pre_stop("m"), init=[sidecar("s1", pre=True), sidecar("s2", pre=True)])
    play.delete()
    play.time = 2
    for name in ("s1", "s2", "m"):
        play.hook_done(name)
    assert sorted(play.until_deadline()) == ["KILL m/0", "TERM s1/0", "TERM s2/0"]
    assert play.time == 30
    assert sorted(play.until_deadline()) == ["KILL s1/0", "KILL s2/0"]
    assert play.time == 32


def test_10_2_a_sidecar_whose_hook_overruns_gets_its_two_seconds() -> None:
    play = started("m", init=[sidecar(pre=True)], grace=10)
    assert play.delete() == ["PreStop s/0", "TERM m/0"]
    assert play.exit("m", 0) == []
    assert play.until_deadline() == ["TERM s/0"]
    assert play.time == 10
    assert play.until_deadline() == ["KILL s/0"]
    assert play.time == 12


def test_10_2_the_wait_of_a_sidecar_is_deducted_in_whole_seconds() -> None:
    play = started("m", init=[sidecar()])
    assert play.delete() == ["TERM m/0"]
    play.time = 3.75
    assert play.exit("m", 0) == ["TERM s/0"]
    assert play.machine.next_deadline() == 30.75


def test_10_2_hook_and_wait_are_deducted_each_for_itself() -> None:
    play = started("m", init=[sidecar(pre=True)])
    play.delete()
    play.time = 2.5
    play.hook_done("s")
    play.time = 5.5
    assert play.exit("m", 0) == ["TERM s/0"]
    assert play.machine.next_deadline() == 30.5, "2 and 3 seconds"


def test_10_2_plain_init_containers_neither_wait_nor_are_waited_for() -> None:
    play = Play(make_pod("c", init=[sidecar(), "i"])).begin()
    play.run("s")
    play.run("i")
    assert sorted(play.delete()) == ["TERM i/0", "TERM s/0"]


def test_10_2_a_sidecar_that_ends_while_it_waits() -> None:
    play = started("m", init=[sidecar("s1"), sidecar("s2")])
    assert play.delete() == ["TERM m/0"]
    assert play.exit("s2", 1) == []
    assert play.exit("m", 0) == ["TERM s1/0"]


def test_4_a_second_delete_shortens_the_wait() -> None:
    play = started("m", init=[sidecar()])
    play.delete()
    play.time = 4
    play.delete(2)
    assert play.until_deadline() == ["TERM s/0", "KILL m/0"]
    assert play.time == 6
    assert play.machine.next_deadline() == 8


def test_a_deletion_with_grace_period_0_waits_for_nobody() -> None:
    play = started("m", init=[sidecar()])
    assert play.delete() == ["TERM m/0"]
    assert play.delete(0) == ["KILL s/0", "KILL m/0"]


def test_the_sandbox_dies_while_sidecars_wait() -> None:
    play = started("m", init=[sidecar()])
    play.delete()
    assert play.sandbox_died() == ["stop sandbox 0"]


def test_a_sidecar_that_is_being_killed_for_itself_waits_when_the_pod_ends() -> None:
    play = started("m", init=[sidecar(pre=True, liveness_probe=PROBE)])
    assert play.probed("s", "Liveness", "Failure") == ["PreStop s/0"]
    assert play.delete() == ["TERM m/0"]
    assert play.hook_done("s") == []
    assert play.exit("m", 0) == ["TERM s/0"]
    assert play.exit("s", 0) == ["stop sandbox 0"]


def test_8_a_start_that_has_begun_goes_on_when_the_sidecar_before_it_dies() -> None:
    """A start is one piece, from the image on: what becomes of a predecessor meanwhile does not hold it up."""
    play = Play(make_pod("c", init=[sidecar(startup_probe=PROBE)])).begin()
    play.run("s")
    assert play.probed("s", "Startup")[-1] == "image c"
    assert play.exit("s", 1) == []
    assert play.image("c") == ["start c/0"]
    assert play.runs("c") == ["image s"]


def test_5_9_a_start_that_the_end_of_the_sandbox_breaks_off_has_used_up_nothing_of_the_back_off() -> None:
    """Be it that nothing is started after it: with policy Never, what ran once does not run again."""
    play = started("c", init=[sidecar()], policy="Never")
    play.exit("s", 1)
    play.run("s")
    play.exit("s", 1)
    before = play.machine.value.containers["s"].backoff
    assert before is not None
    play.until_deadline()
    value = play.machine.value.containers["s"]
    assert (value.state, value.backoff) == (ContainerState.PULLING, replace(before, delay=20, updated=play.time))
    assert play.sandbox_died() == ["stop sandbox 0"]
    value = play.machine.value.containers["s"]
    assert (value.state, value.backoff, value.spared) == (ContainerState.ENDED, before, False)
    assert play.machine.upcoming() == {}
