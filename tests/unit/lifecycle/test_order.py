"""Who starts when (kubelet-semantics 6-8, 30.3): init containers in turn, regular ones serially in spec order."""

from __future__ import annotations

import pytest

from unit.lifecycle.play import Play, make_pod


def test_8_starts_are_strictly_serial_in_spec_order() -> None:
    play = Play(make_pod("b", "a", "c"))
    play.add()
    assert play.sandbox() == ["image b"]
    assert play.image("b") == ["start b/0"]
    assert play.runs("b") == ["image a"]
    assert play.image("a") == ["start a/0"]
    assert play.start_failed("a", "CreateContainerError") == ["image c"]
    assert play.image("c") == ["start c/0"]
    assert play.runs("c") == []


def test_8_a_restart_waits_for_the_start_under_way_and_queues_behind_the_others() -> None:
    play = Play(make_pod("a", "b", "c")).begin()
    play.run("a")
    assert play.exit("a", 1) == []
    assert play.state_of("a") == "terminated 1 Error"
    assert play.image("b") == ["start b/0"]
    assert play.runs("b") == ["image c"]
    assert play.image("c") == ["start c/0"]
    assert play.runs("c") == ["image a"]


def test_8_a_failing_container_does_not_stop_the_next() -> None:
    play = Play(make_pod("a", "b")).begin()
    assert play.image_failed("a", "ErrImageNeverPull", "no") == ["image b"]
    play.run("b")
    assert (play.phase, play.state_of("b")) == ("Pending", "running")


def test_restarts_that_become_due_together_go_in_spec_order() -> None:
    play = Play(make_pod("b", "a")).begin()
    play.run("b")
    play.run("a")
    for name in ("a", "b"):
        play.exit(name, 1)
        play.run(name)
    assert play.exit("a", 1) == []
    assert play.exit("b", 1) == []
    assert play.until_deadline() == ["image b"]
    play.image("b")
    assert play.runs("b")[-1] == "image a"


# Section 7 and 30.3: init containers.


def test_7_30_3_init_containers_run_one_after_the_other() -> None:
    play = Play(make_pod("c", init=["a", "b"]))
    play.add()
    incomplete = "False ContainersNotInitialized containers with incomplete status: [a b]"
    assert (play.phase, play.says("Initialized")) == ("Pending", incomplete)
    assert play.sandbox() == ["image a"]
    play.run("a")
    assert (play.phase, play.says("Initialized")) == ("Pending", incomplete)
    assert play.exit("a", 0) == ["image b"]
    assert play.run("b") == []
    assert (play.phase, play.says("Initialized")) == (
        "Pending",
        "False ContainersNotInitialized containers with incomplete status: [b]",
    )
    assert play.status_of("a").ready
    assert not play.status_of("b").ready
    assert play.exit("b", 0) == ["image c"]
    assert (play.phase, play.says("Initialized"), play.state_of("c")) == ("Pending", "True", "waiting PodInitializing")
    play.run("c")
    assert (play.phase, play.says("Ready"), play.says("Initialized")) == ("Running", "True", "True")


@pytest.mark.parametrize("policy", ["Always", "OnFailure"])
def test_7_30_3_a_failed_init_container_is_restarted_with_back_off(policy: str) -> None:
    play = Play(make_pod("c", init=["a"], policy=policy)).begin()
    play.run("a")
    assert play.exit("a", 1) == ["image a"]
    assert (play.phase, play.state_of("a")) == ("Pending", "terminated 1 Error")
    play.run("a")
    assert play.exit("a", 1) == []
    assert (play.phase, play.state_of("a")) == ("Pending", "waiting CrashLoopBackOff")
    assert play.says("Initialized").startswith("False")
    assert play.until_deadline() == ["image a"]
    assert play.time == 10
    play.run("a")
    assert play.exit("a", 0) == ["image c"]
    play.run("c")
    assert (play.phase, play.status_of("a").restart_count) == ("Running", 2)


def test_7_30_3_a_failed_init_container_ends_a_pod_with_policy_never() -> None:
    play = Play(make_pod("c", init=["a", "b"], policy="Never")).begin()
    play.run("a")
    assert play.exit("a", 1) == ["stop sandbox 0"]
    play.sandbox_stopped()
    assert (play.phase, play.state_of("a"), play.says("Ready")) == ("Failed", "terminated 1 Error", "False PodFailed")
    assert (play.state_of("b"), play.state_of("c")) == ("waiting PodInitializing", "waiting PodInitializing")


def test_7_an_oom_killed_init_container_failed_even_with_exit_code_0() -> None:
    always = Play(make_pod("c", init=["a"])).begin()
    always.run("a")
    assert always.exit("a", 0, oom=True) == ["image a"]
    onfailure = Play(make_pod("c", init=["a"], policy="OnFailure")).begin()
    onfailure.run("a")
    assert onfailure.exit("a", 0, oom=True) == ["stop sandbox 0"]
    onfailure.sandbox_stopped()
    assert (onfailure.phase, onfailure.state_of("a")) == ("Failed", "terminated 0 OOMKilled")


def test_7_a_successful_init_container_is_not_run_again_with_policy_always() -> None:
    play = Play(make_pod("c", init=["a"])).begin()
    play.run("a")
    play.exit("a", 0)
    play.run("c")
    assert play.exit("c", 1) == ["image c"]
    assert play.state_of("a") == "terminated 0 Completed"


def test_7_8_an_init_container_that_cannot_be_created_holds_up_those_after_it() -> None:
    play = Play(make_pod("c", init=["a"], policy="Never")).begin()
    play.image("a")
    assert play.start_failed("a", "CreateContainerConfigError", 'secret "x" not found') == []
    assert (play.phase, play.state_of("a"), play.state_of("c")) == (
        "Pending",
        "waiting CreateContainerConfigError",
        "waiting PodInitializing",
    )
    assert play.until_deadline() == ["image a"], "whatever the policy, for it has not failed yet"
    play.run("a")
    assert play.exit("a", 0) == ["image c"]


def test_30_3_an_init_container_without_its_image() -> None:
    play = Play(make_pod("c", init=["a"])).begin()
    play.image_failed("a")
    assert (play.phase, play.state_of("a"), play.state_of("c")) == (
        "Pending",
        "waiting ErrImagePull",
        "waiting PodInitializing",
    )


# Sections 6.4, 12 and 30.1: policy and outcome.


@pytest.mark.parametrize(
    ("policy", "code", "restarted", "phase"),
    [
        ("Always", 0, True, "Running"),
        ("Always", 1, True, "Running"),
        ("OnFailure", 0, False, "Succeeded"),
        ("OnFailure", 1, True, "Running"),
        ("Never", 0, False, "Succeeded"),
        ("Never", 1, False, "Failed"),
    ],
)
def test_30_1_one_container(policy: str, code: int, restarted: bool, phase: str) -> None:
    play = Play(make_pod("c", policy=policy)).begin()
    play.run("c")
    lines = play.exit("c", code)
    assert lines == (["image c"] if restarted else ["stop sandbox 0"])
    if not restarted:
        assert play.phase == "Running"
        play.sandbox_stopped()
    assert play.phase == phase


def test_30_1_two_containers_policy_never() -> None:
    play = Play(make_pod("a", "b", policy="Never")).begin()
    play.run("a")
    play.run("b")
    assert play.exit("a", 1) == []
    assert play.phase == "Running"
    assert play.exit("b", 0) == ["stop sandbox 0"]
    play.sandbox_stopped()
    assert play.phase == "Failed"


def test_30_1_two_containers_policy_onfailure() -> None:
    play = Play(make_pod("a", "b", policy="OnFailure")).begin()
    play.run("a")
    play.run("b")
    assert play.exit("a", 0) == []
    assert (play.phase, play.says("Ready")) == (
        "Running",
        "False ContainersNotReady containers with unready status: [a]",
    )
