"""The phase with sidecars, restart rules and ephemeral containers (kubelet-semantics 12, 30.4, 33.17, 33.18)."""

from __future__ import annotations

import pytest
from msgspec import structs

from nsrunner.lifecycle.phase import phase_of
from nsrunner.lifecycle.policy import plan_of
from nsrunner.model.types import (
    Container,
    ContainerRestartRule,
    ContainerRestartRuleOnExitCodes,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    EphemeralContainer,
)
from unit.lifecycle.play import make_pod


def status(name: str, text: str) -> ContainerStatus:
    """``run`` (``started`` after it where it has), ``wait``, an exit code; ``wait/CODE`` waits after an end."""
    word, _, last = text.partition("/")
    state = {
        "run": ContainerState(running=ContainerStateRunning()),
        "started": ContainerState(running=ContainerStateRunning()),
        "wait": ContainerState(waiting=ContainerStateWaiting(reason="x")),
    }.get(word) or ended(word)
    return ContainerStatus(
        name=name,
        state=state,
        last_state=ended(last) if last else None,
        ready=False,
        started=word == "started",
        restart_count=0,
        image="",
        image_id="",
    )


def ended(code: str, reason: str = "x") -> ContainerState:
    return ContainerState(terminated=ContainerStateTerminated(exit_code=int(code), reason=reason))


def phase(s: str, c: str, *, policy: str = "Always", begun: bool = True, over: bool = False) -> str:
    """Of a pod with a sidecar and a regular container."""
    pod = make_pod("c", init=[Container(name="s", image="busybox", restart_policy="Always")], policy=policy)
    return phase_of(plan_of(pod), {"s": status("s", s), "c": status("c", c)}, over=over, begun=begun)


@pytest.mark.parametrize(
    ("s", "c", "begun", "expected"),
    [
        ("wait", "wait", False, "Pending"),
        ("run", "wait", False, "Pending"),
        ("started", "wait", False, "Pending"),
        ("started", "run", True, "Running"),
        ("run", "run", True, "Running"),  # restarted, and not started up again
        ("run", "wait/1", False, "Pending"),  # the regular one's record is of another sandbox
        ("run", "wait/1", True, "Running"),
        ("wait", "run", True, "Pending"),  # never ran, although something else does: waiting > 0
        ("wait/1", "run", True, "Running"),
        ("1", "run", True, "Running"),
    ],
)
def test_12_sidecars_while_the_pod_lives(s: str, c: str, begun: bool, expected: str) -> None:
    assert phase(s, c, begun=begun) == expected


@pytest.mark.parametrize(("c", "expected"), [("0", "Succeeded"), ("1", "Failed")])
def test_33_17_a_running_sidecar_keeps_a_finished_pod_running_until_it_is_stopped(c: str, expected: str) -> None:
    assert phase("started", c, policy="Never") == "Running"
    assert phase("0", c, policy="Never") == expected


@pytest.mark.parametrize("s", ["0", "1", "137"])
def test_33_18_a_sidecars_exit_code_says_nothing(s: str) -> None:
    assert phase(s, "0", policy="Never") == "Succeeded"
    assert phase(s, "0", policy="Always", over=True) == "Succeeded"
    assert phase(s, "1", policy="Always", over=True) == "Failed"


# Container-level policies and rules.


def ruled(policy: str, *codes: int) -> Container:
    rules = ()
    if codes:
        exit_codes = ContainerRestartRuleOnExitCodes(operator="In", values=codes)
        rules = (ContainerRestartRule(action="Restart", exit_codes=exit_codes),)
    return Container(name="c", image="busybox", restart_policy=policy, restart_policy_rules=rules)


@pytest.mark.parametrize(
    ("container", "pod_policy", "code", "expected"),
    [
        (ruled("Never"), "Always", "1", "Failed"),
        (ruled("Never"), "Always", "0", "Succeeded"),
        (ruled("Always"), "Never", "0", "Running"),
        (ruled("OnFailure"), "Never", "1", "Running"),
        (ruled("OnFailure"), "Always", "0", "Succeeded"),
        (ruled("Never", 42), "Always", "42", "Running"),
        (ruled("Never", 42), "Always", "43", "Failed"),
        (ruled("OnFailure", 0), "Never", "0", "Running"),
    ],
)
def test_12_restartable_is_what_the_containers_own_policy_says(
    container: Container, pod_policy: str, code: str, expected: str
) -> None:
    plan = plan_of(make_pod(container, policy=pod_policy))
    assert phase_of(plan, {"c": status("c", code)}, over=False, begun=True) == expected


def test_12_an_init_container_that_may_restart_by_its_own_rule_is_not_final() -> None:
    for codes, expected in (((42,), "Pending"), ((43,), "Failed")):
        init = structs.replace(ruled("Never", *codes), name="i")
        plan = plan_of(make_pod("c", init=[init]))
        statuses = {"i": status("i", "42"), "c": status("c", "wait")}
        assert phase_of(plan, statuses, over=False, begun=False) == expected


def test_6_5_containers_that_restart_with_all_others_do_not_end_the_pod() -> None:
    plan = plan_of(make_pod("c", policy="Never"))
    waiting = ContainerStatus(
        name="c",
        state=ContainerState(waiting=ContainerStateWaiting(reason="RestartingAllContainers")),
        last_state=ended("137", "RestartingAllContainers"),
        ready=False,
        restart_count=0,
        image="",
        image_id="",
    )
    assert phase_of(plan, {"c": waiting}, over=False, begun=False) == "Running"


@pytest.mark.parametrize("debug", ["wait", "run", "0", "1"])
def test_12_ephemeral_containers_never_matter(debug: str) -> None:
    pod = make_pod("c", policy="Never")
    added = (EphemeralContainer(name="d", image="busybox"),)
    plan = plan_of(structs.replace(pod, spec=structs.replace(pod.spec, ephemeral_containers=added)))
    for c, expected in (("run", "Running"), ("0", "Succeeded"), ("1", "Failed"), ("wait", "Pending")):
        statuses = {"c": status("c", c), "d": status("d", debug)}
        assert phase_of(plan, statuses, over=False, begun=True) == expected
