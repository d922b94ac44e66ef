"""The conditions over a pod's life (kubelet-semantics 13, 30.8)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from nsrunner.lifecycle.conditions import OURS, conditions_of, publish, set_foreign
from nsrunner.lifecycle.events import ConditionSet
from nsrunner.lifecycle.value import Condition
from nsrunner.model.types import (
    Container,
    ContainerRestartRule,
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


# Verdicts of given statuses, without a machine.

STATES = {
    "waiting": ContainerState(waiting=ContainerStateWaiting(reason="PodInitializing")),
    "running": ContainerState(running=ContainerStateRunning()),
    "done": ContainerState(terminated=ContainerStateTerminated(exit_code=0)),
    "failed": ContainerState(terminated=ContainerStateTerminated(exit_code=1)),
}


def status(name: str, text: str) -> ContainerStatus:
    """``text``: a state, then ``started`` and ``ready`` as far as they are true."""
    state, *flags = text.split()
    return ContainerStatus(
        name=name,
        state=STATES[state],
        started="started" in flags,
        ready="ready" in flags,
        restart_count=0,
        image="busybox",
        image_id="",
    )


def verdicts(
    pod: Pod,
    statuses: dict[str, str],
    *,
    phase: str = "Running",
    restarting: bool | None = None,
    foreign: Sequence[Condition] = (),
    before: Sequence[Condition] = (),
) -> dict[str, str]:
    conditions = conditions_of(
        pod,
        {name: status(name, text) for name, text in statuses.items()},
        phase=phase,
        sandbox=True,
        restarting=restarting,
        foreign=foreign,
        before=before,
        wall=7,
    )
    return {c.type: " ".join(filter(None, (c.status, c.reason, c.message))) for c in conditions}


def sidecar(name: str) -> Container:
    return Container(name=name, image="busybox", restart_policy="Always")


SIDECARS = make_pod("c", init=["i", sidecar("s"), "j"])


@pytest.mark.parametrize(
    ("i", "s", "j", "incomplete"),
    [
        ("running started", "waiting", "waiting", "[i s j]"),
        ("done ready", "running", "waiting", "[s j]"),
        ("done ready", "running started", "waiting", "[j]"),
        ("done ready", "running started ready", "running started", "[j]"),
        ("done ready", "running started", "done ready", ""),
        ("done ready", "waiting", "done ready", "[s]"),
    ],
)
def test_13_initialized_when_plain_ones_are_done_and_sidecars_started(i: str, s: str, j: str, incomplete: str) -> None:
    """30.4: a sidecar's readiness does not gate it."""
    said = verdicts(SIDECARS, {"i": i, "s": s, "j": j, "c": "waiting"}, phase="Pending")["Initialized"]
    message = f"False ContainersNotInitialized containers with incomplete status: {incomplete}"
    assert said == (message if incomplete else "True")


@pytest.mark.parametrize("c", ["running started", "done", "failed"])
def test_13_initialized_once_a_regular_container_began(c: str) -> None:
    assert verdicts(SIDECARS, {"i": "done", "s": "waiting", "j": "done ready", "c": c})["Initialized"] == "True"


def test_13_one_regular_container_that_began_is_enough() -> None:
    pod = make_pod("c", "d", init=["i"])
    statuses = {"i": "waiting", "c": "waiting", "d": "running started"}
    assert verdicts(pod, statuses)["Initialized"] == "True"


def test_13_initialized_stays_true_while_all_containers_restart() -> None:
    before = [Condition(type="Initialized", status="True", since=3)]
    statuses = dict.fromkeys("isjc", "waiting")
    assert verdicts(SIDECARS, statuses, before=before)["Initialized"] == "True"
    before = [Condition(type="Initialized", status="False", since=3)]
    assert verdicts(SIDECARS, statuses, before=before)["Initialized"].startswith("False")


@pytest.mark.parametrize(
    ("s", "c", "unready"),
    [
        ("running started ready", "running started ready", ""),
        ("running started", "running started ready", "[s]"),
        ("waiting", "running started", "[s c]"),
        ("running started ready", "waiting", "[c]"),
    ],
)
def test_13_sidecars_count_for_ready_and_come_first(s: str, c: str, unready: str) -> None:
    """Section 7: plain init containers do not count."""
    said = verdicts(SIDECARS, {"i": "done", "s": s, "j": "done", "c": c})
    message = f"False ContainersNotReady containers with unready status: {unready}"
    assert said["ContainersReady"] == said["Ready"] == (message if unready else "True")


@pytest.mark.parametrize(("phase", "reason"), [("Succeeded", "PodCompleted"), ("Failed", "PodFailed")])
def test_13_ready_is_false_in_a_terminal_phase_whatever_the_containers_say(phase: str, reason: str) -> None:
    said = verdicts(make_pod("c"), {"c": "running started ready"}, phase=phase)
    assert said["Ready"] == said["ContainersReady"] == f"False {reason}"


# AllContainersRestarting (6.5).


def test_13_all_containers_restarting_is_there_only_with_a_rule_that_asks_for_it() -> None:
    rules = {action: (ContainerRestartRule(action=action),) for action in ("Restart", "RestartAllContainers")}
    for action, there in (("Restart", False), ("RestartAllContainers", True)):
        c = Container(name="c", image="busybox", restart_policy="Never", restart_policy_rules=rules[action])
        play = Play(make_pod(c)).begin()
        types = [condition.type for condition in play.machine.status().conditions]
        assert types == [*TYPES, *(["AllContainersRestarting"] if there else [])]
        if there:
            assert play.says("AllContainersRestarting") == "False"


@pytest.mark.parametrize(
    ("restarting", "phase", "said"),
    [
        (False, "Running", "False"),
        (True, "Running", "True RestartAllContainersStarted container exited with restart policy rule"),
        (True, "Succeeded", "False PodCompleted"),
        (True, "Failed", "False PodFailed"),
    ],
)
def test_13_all_containers_restarting(restarting: bool, phase: str, said: str) -> None:
    statuses = {"c": "running started ready"}
    assert verdicts(make_pod("c"), statuses, restarting=restarting, phase=phase)["AllContainersRestarting"] == said
    assert "AllContainersRestarting" not in verdicts(make_pod("c"), statuses, phase=phase)


# Conditions of others, and readiness gates that look at them.


def set_(kind: str, value: str, reason: str = "", message: str = "") -> ConditionSet:
    return ConditionSet(type=kind, status=value, reason=reason, message=message)


def test_13_a_gate_opens_and_closes_with_what_others_set() -> None:
    pod = structs.replace(make_pod("c"), spec=with_gates(make_pod("c")).spec)
    ready = {"c": "running started ready"}
    foreign = set_foreign((), set_("shop/lb", "True"), 5)
    missing = 'corresponding condition of pod readiness gate "shop/dns" does not exist.'
    assert verdicts(pod, ready, foreign=foreign)["Ready"] == f"False ReadinessGatesNotReady {missing}"
    foreign = set_foreign(foreign, set_("shop/dns", "Unknown"), 6)
    unknown = 'the status of pod readiness gate "shop/dns" is not "True", but Unknown'
    assert verdicts(pod, ready, foreign=foreign)["Ready"] == f"False ReadinessGatesNotReady {unknown}"
    foreign = set_foreign(foreign, set_("shop/dns", "True"), 7)
    assert verdicts(pod, ready, foreign=foreign)["Ready"] == "True"
    assert verdicts(pod, ready, foreign=foreign)["ContainersReady"] == "True"
    assert verdicts(pod, {"c": "waiting"}, foreign=foreign)["Ready"] == UNREADY, "and does not open it alone"


def test_13_what_is_set_while_the_pod_lives_replaces_what_it_came_with() -> None:
    pod = with_gates(make_pod("c"), PodCondition(type="shop/lb", status="False", reason="Old"))
    pod = structs.replace(pod, spec=make_pod("c").spec)
    foreign = set_foreign((), set_("x", "True"), 5)
    foreign = set_foreign(foreign, set_("shop/lb", "True", "New", "it answers"), 6)
    ours = [Condition(type="Ready", status="True", since=9)]
    shown = publish(pod, foreign, ours)
    assert [(c.type, c.status, c.reason, c.message, c.observed_generation) for c in shown] == [
        ("shop/lb", "True", "New", "it answers", None),
        ("x", "True", None, None, None),
        ("Ready", "True", None, None, 3),
    ]
    assert [c.last_transition_time for c in shown] == [f"1970-01-01T00:00:0{second}Z" for second in (6, 5, 9)]
    assert {c.last_probe_time for c in shown} == {None}


def test_13_one_foreign_condition_is_replaced_in_its_place() -> None:
    foreign: tuple[Condition, ...] = ()
    for kind in "xyz":
        foreign = set_foreign(foreign, set_(kind, "True"), 5)
    foreign = set_foreign(foreign, set_("x", "False"), 6)
    assert [(c.type, c.status) for c in foreign] == [("x", "False"), ("y", "True"), ("z", "True")]


def test_13_the_time_of_a_foreign_condition_moves_only_with_its_status() -> None:
    foreign = set_foreign((), set_("x", "False", "A"), 5)
    foreign = set_foreign(foreign, set_("x", "False", "B"), 6)
    assert foreign == (Condition(type="x", status="False", since=5, reason="B"),)
    foreign = set_foreign(foreign, set_("x", "Unknown"), 7)
    assert foreign == (Condition(type="x", status="Unknown", since=7),)


@pytest.mark.parametrize("kind", sorted(OURS))
def test_13_nobody_else_sets_ours(kind: str) -> None:
    assert set_foreign((), set_(kind, "True"), 5) == ()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["True", "False", "Unknown"])), max_size=20))
def test_the_last_word_counts_and_each_type_is_there_once(said: list[tuple[str, str]]) -> None:
    foreign: tuple[Condition, ...] = ()
    for wall, (kind, value) in enumerate(said):
        foreign = set_foreign(foreign, set_(kind, value), wall)
    assert {c.type: c.status for c in foreign} == dict(said)
    assert len({c.type for c in foreign}) == len(foreign)
