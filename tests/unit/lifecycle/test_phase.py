"""The phase (kubelet-semantics 12): the classes of statuses, then the order of the decisions."""

from __future__ import annotations

import pytest

from nsrunner.lifecycle.phase import phase_of
from nsrunner.lifecycle.policy import plan_of
from nsrunner.model.types import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
)
from unit.lifecycle.play import make_pod

RUNNING = ContainerState(running=ContainerStateRunning())
WAITING = ContainerState(waiting=ContainerStateWaiting(reason="ContainerCreating"))


def ended(code: int) -> ContainerState:
    return ContainerState(terminated=ContainerStateTerminated(exit_code=code, reason="x"))


def status(name: str, text: str) -> ContainerStatus:
    """``run``, ``wait``, ``0``, ``1``; ``wait0`` and ``wait1`` wait after an end, ``run1`` runs after one."""
    state = {"r": RUNNING, "w": WAITING}.get(text[0]) or ended(int(text))
    last = ended(int(text[-1])) if text[0] in "rw" and text[-1].isdigit() else None
    return ContainerStatus(name=name, state=state, last_state=last, ready=False, restart_count=0, image="", image_id="")


def phase(regular: str, *, init: str = "", policy: str = "Always", over: bool = False, static: bool = False) -> str:
    texts = regular.split()
    names, init_names = [f"c{n}" for n in range(len(texts))], [f"i{n}" for n in range(len(init.split()))]
    annotations = {"kubernetes.io/config.source": "file"} if static else {}
    plan = plan_of(make_pod(*names, init=init_names, policy=policy, annotations=annotations))
    pairs = [*zip(init_names, init.split(), strict=True), *zip(names, texts, strict=True)]
    return phase_of(plan, {name: status(name, text) for name, text in pairs}, over=over, begun=True)


@pytest.mark.parametrize(
    ("init", "policy", "expected"),
    [
        ("wait", "Always", "Pending"),
        ("run", "Always", "Pending"),
        ("run1", "Always", "Pending"),
        ("1", "Always", "Pending"),
        ("wait1", "Always", "Pending"),
        ("1", "OnFailure", "Pending"),
        ("1", "Never", "Failed"),
        ("0 1", "Never", "Failed"),
        ("1 wait", "Never", "Failed"),
        ("0", "Never", "Pending"),
    ],
)
def test_12_init_containers(init: str, policy: str, expected: str) -> None:
    assert phase("wait", init=init, policy=policy) == expected


def test_12_2_a_running_init_container_makes_the_pod_pending_whatever_its_containers_did() -> None:
    assert phase("1", init="run") == "Pending"


def test_12_an_init_container_that_waits_after_success_counts_as_nothing() -> None:
    assert phase("run", init="wait0") == "Running"


@pytest.mark.parametrize(
    ("regular", "policy", "expected"),
    [
        ("wait", "Always", "Pending"),
        ("run wait", "Always", "Pending"),
        ("1 wait", "Never", "Pending"),
        ("run", "Always", "Running"),
        ("run 1", "Never", "Running"),
        ("run wait1", "Always", "Running"),
        ("wait1", "Always", "Running"),
        ("wait0", "Always", "Running"),
        ("1", "Always", "Running"),
        ("0", "Always", "Running"),
        ("0 1", "OnFailure", "Running"),
        ("0 0", "OnFailure", "Succeeded"),
        ("0", "Never", "Succeeded"),
        ("0 1", "Never", "Failed"),
        ("wait1", "Never", "Failed"),
    ],
)
def test_12_regular_containers(regular: str, policy: str, expected: str) -> None:
    assert phase(regular, policy=policy) == expected


@pytest.mark.parametrize(
    ("regular", "static", "expected"),
    [
        ("0 0", False, "Succeeded"),
        ("0 1", False, "Failed"),
        ("wait0", False, "Failed"),
        ("0 1", True, "Running"),
        ("0", True, "Running"),
    ],
)
def test_12_5_when_it_is_over_the_policy_no_longer_matters_except_for_static_pods(
    regular: str, static: bool, expected: str
) -> None:
    assert phase(regular, over=True, static=static) == expected


def test_33_15_33_16() -> None:
    assert phase("run run wait") == "Pending"
    assert phase("run wait1") == "Running"
