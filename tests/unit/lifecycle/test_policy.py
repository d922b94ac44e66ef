"""Restart decisions (kubelet-semantics 6.4, 7) and what is read from the spec."""

from __future__ import annotations

import pytest

from nsrunner.lifecycle.policy import plan_of, restarts, succeeded
from unit.lifecycle.play import make_pod


@pytest.mark.parametrize(
    ("policy", "code", "reason", "regular", "init"),
    [
        ("Always", 0, "Completed", True, False),
        ("Always", 1, "Error", True, True),
        ("Always", 0, "OOMKilled", True, True),
        ("OnFailure", 0, "Completed", False, False),
        ("OnFailure", 137, "Error", True, True),
        ("OnFailure", 0, "OOMKilled", False, False),
        ("Never", 0, "Completed", False, False),
        ("Never", 1, "Error", False, False),
    ],
)
def test_6_4_7_restart_decisions(policy: str, code: int, reason: str, regular: bool, init: bool) -> None:
    plan = plan_of(make_pod("c", init=["i"], policy=policy))
    assert restarts(plan.containers["c"], code, reason) is regular
    assert restarts(plan.containers["i"], code, reason) is init


def test_7_success() -> None:
    assert succeeded(0, "Completed", init=True)
    assert not succeeded(0, "OOMKilled", init=True)
    assert succeeded(0, "OOMKilled", init=False)
    assert not succeeded(1, "Error", init=False)


def test_what_is_read_from_the_spec() -> None:
    plan = plan_of(make_pod("b", "a", init=["z"], policy="", grace=None, deadline=9), maximum=60)
    assert list(plan.containers) == ["z", "b", "a"]
    assert [container.name for container in plan.init] == ["z"]
    assert [container.name for container in plan.regular] == ["b", "a"]
    assert (plan.restart_policy, plan.grace, plan.active_deadline, plan.static) == ("Always", 30, 9, False)
    container = plan.containers["b"]
    assert (container.pod, container.limits.maximum, container.field_path) == ("web_shop(u1)", 60, "spec.containers{b}")
    assert plan.containers["z"].field_path == "spec.initContainers{z}"


@pytest.mark.parametrize(("source", "static"), [("file", True), ("http", True), ("api", False)])
def test_12_static_pods(source: str, static: bool) -> None:
    assert plan_of(make_pod("c", annotations={"kubernetes.io/config.source": source})).static is static
