"""The five conditions over a pod's life (kubelet-semantics 13, 30.8)."""

from __future__ import annotations

import pytest
from msgspec import structs

from nsrunner.lifecycle.conditions import conditions_of
from nsrunner.model.types import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    Pod,
    PodCondition,
    PodReadinessGate,
    PodStatus,
)
from unit.lifecycle.play import Play, make_pod

TYPES = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
UNREADY = "False ContainersNotReady containers with unready status: [c]"


def row(play: Play) -> list[str]:
    return [play.says(kind) for kind in TYPES]


def test_30_8_a_pod_that_succeeds() -> None:
    play = Play(make_pod("c", policy="Never"))
    assert play.machine.status().conditions == ()
    play.add()
    assert [condition.type for condition in play.machine.status().conditions] == TYPES
    assert row(play) == ["False", "True", UNREADY, UNREADY, "True"]
    play.sandbox()
    assert row(play) == ["True", "True", UNREADY, UNREADY, "True"]
    play.run("c")
    assert row(play) == ["True", "True", "True", "True", "True"]
    play.exit("c", 0)
    play.sandbox_stopped()
    assert row(play) == ["False", "True PodCompleted", "False PodCompleted", "False PodCompleted", "True"]


def test_30_8_a_pod_that_fails() -> None:
    play = Play(make_pod("c", policy="Never")).begin()
    play.run("c")
    play.exit("c", 1)
    play.sandbox_stopped()
    assert row(play) == ["False", "True", "False PodFailed", "False PodFailed", "True"]


def test_13_unready_containers_are_named_in_spec_order() -> None:
    play = Play(make_pod("b", "a", "c")).begin()
    play.run("b")
    assert play.says("Ready") == "False ContainersNotReady containers with unready status: [a c]"
    assert play.says("ContainersReady") == play.says("Ready")


def test_13_the_time_moves_only_with_the_status() -> None:
    play = Play(make_pod("c", "d")).begin()
    play.time = 5
    play.run("c")
    ready = play.condition("Ready")
    assert ready.last_transition_time == "2023-11-14T22:13:20Z"
    assert (ready.message, ready.last_probe_time) == ("containers with unready status: [d]", None)
    play.time = 7
    play.run("d")
    assert play.condition("Ready").last_transition_time == "2023-11-14T22:13:27Z"
    play.time = 9
    play.exit("d", 1)
    assert play.condition("Ready").last_transition_time == "2023-11-14T22:13:29Z"
    assert play.condition("Initialized").last_transition_time == "2023-11-14T22:13:20Z"
    assert {condition.observed_generation for condition in play.machine.status().conditions} == {3}


def test_13_not_initialized_names_those_that_are_not_done_in_spec_order() -> None:
    play = Play(make_pod("c", init=["b", "a"])).begin()
    assert play.says("Initialized") == "False ContainersNotInitialized containers with incomplete status: [b a]"
    play.run("b")
    assert play.says("Initialized") == "False ContainersNotInitialized containers with incomplete status: [b a]"
    play.exit("b", 0)
    assert play.says("Initialized") == "False ContainersNotInitialized containers with incomplete status: [a]"
    play.run("a")
    play.exit("a", 0)
    assert play.says("Initialized") == "True"


@pytest.mark.parametrize(
    ("state", "initialized"),
    [
        (ContainerState(waiting=ContainerStateWaiting(reason="PodInitializing")), "False"),
        (ContainerState(running=ContainerStateRunning()), "True"),
        (ContainerState(terminated=ContainerStateTerminated(exit_code=1)), "True"),
        (None, "False"),
    ],
)
def test_13_a_regular_container_that_began_shows_that_the_pod_was_initialized(
    state: ContainerState | None, initialized: str
) -> None:
    """Also when nobody remembers, and the init container has no record any more."""

    def status(name: str, state: ContainerState | None) -> ContainerStatus:
        return ContainerStatus(name=name, state=state, ready=False, restart_count=0, image="", image_id="")

    found = conditions_of(
        make_pod("c", init=["i"]),
        {"i": status("i", None), "c": status("c", state)},
        phase="Running",
        sandbox=True,
        before=(),
        wall=0,
    )
    assert {condition.type: condition.status for condition in found}["Initialized"] == initialized


def test_13_initialized_stays_true() -> None:
    play = Play(make_pod("c", init=["i"])).begin()
    play.run("i")
    play.exit("i", 0)
    assert play.says("Initialized") == "True"
    play.run("c")
    play.sandbox_died()
    play.sandbox_stopped()
    play.sandbox()
    play.run("i")
    assert (play.says("Initialized"), play.phase) == ("True", "Pending")


def with_gates(pod: Pod, *conditions: PodCondition) -> Pod:
    gates = (PodReadinessGate(condition_type="shop/lb"), PodReadinessGate(condition_type="shop/dns"))
    spec = structs.replace(pod.spec, readiness_gates=gates)
    return structs.replace(pod, spec=spec, status=PodStatus(conditions=conditions))


def test_13_readiness_gates() -> None:
    balancer = PodCondition(type="shop/lb", status="False")
    play = Play(with_gates(make_pod("c"), balancer)).begin()
    assert play.says("Ready") == UNREADY
    play.run("c")
    assert play.says("ContainersReady") == "True"
    assert play.says("Ready") == (
        'False ReadinessGatesNotReady the status of pod readiness gate "shop/lb" is not "True", but False, '
        'corresponding condition of pod readiness gate "shop/dns" does not exist.'
    )
    assert [condition.type for condition in play.machine.status().conditions] == ["shop/lb", *TYPES]


def test_13_readiness_gates_that_are_open() -> None:
    open_ = [PodCondition(type=kind, status="True") for kind in ("shop/lb", "shop/dns")]
    ours = PodCondition(type="Ready", status="False", reason="Old")
    play = Play(with_gates(make_pod("c"), *open_, ours)).begin()
    play.run("c")
    assert play.says("Ready") == "True"
    assert [condition.type for condition in play.machine.status().conditions] == ["shop/lb", "shop/dns", *TYPES]


def test_13_initialized_by_a_regular_container_that_ran() -> None:
    """After a sandbox died before any condition said so: the container's own state is enough."""
    play = Play(make_pod("c", init=["i"], policy="Never")).begin()
    play.run("i")
    play.exit("i", 0)
    play.run("c")
    play.exit("c", 0)
    play.sandbox_stopped()
    assert play.says("Initialized") == "True PodCompleted"
