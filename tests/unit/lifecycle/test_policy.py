"""Restart decisions (kubelet-semantics 6.4, 7) and what is read from the spec."""

from __future__ import annotations

import pytest
from msgspec import structs

from nsrunner.lifecycle.policy import (
    RESTARTING_ALL,
    Kind,
    RestartRule,
    plan_of,
    restarts,
    restarts_all,
    succeeded,
)
from nsrunner.model.types import (
    Container,
    ContainerRestartRule,
    ContainerRestartRuleOnExitCodes,
    EphemeralContainer,
    ExecAction,
    Lifecycle,
    LifecycleHandler,
)
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


def test_the_four_kinds_of_containers() -> None:
    sidecar = Container(name="s", image="a", restart_policy="Always")
    never = Container(name="i", image="a", restart_policy="Never")
    pod = make_pod("c", Container(name="d", restart_policy="Always"), init=[sidecar, never])
    debug = EphemeralContainer(name="e", image="b", restart_policy="Always")
    plan = plan_of(structs.replace(pod, spec=structs.replace(pod.spec, ephemeral_containers=(debug,))))
    assert {name: (each.kind, each.restart_policy) for name, each in plan.containers.items()} == {
        "s": (Kind.SIDECAR, "Always"),
        "i": (Kind.INIT, "Never"),
        "c": (Kind.REGULAR, "Always"),
        "d": (Kind.REGULAR, "Always"),
        "e": (Kind.EPHEMERAL, "Always"),
    }
    assert [[each.name for each in some] for some in (plan.init, plan.regular, plan.ephemeral)] == [
        ["s", "i"],
        ["c", "d"],
        ["e"],
    ]
    containers = plan.containers
    assert [each.name for each in containers.values() if each.sidecar] == ["s"]
    assert [each.name for each in containers.values() if each.ephemeral] == ["e"]
    assert [each.name for each in containers.values() if each.init] == ["s", "i"]
    assert containers["s"].field_path == "spec.initContainers{s}"
    assert containers["e"].field_path == "spec.ephemeralContainers{e}"
    assert restarts(containers["s"], 0, "Completed") and restarts(containers["s"], 1, "Error")
    assert not restarts(containers["e"], 1, "Error")


def test_hooks_signals_and_rules_are_read_from_the_spec() -> None:
    handler = LifecycleHandler(exec=ExecAction(command=("true",)))
    rule = ContainerRestartRule(
        action="RestartAllContainers", exit_codes=ContainerRestartRuleOnExitCodes(operator="NotIn", values=(0, 1))
    )
    plan = plan_of(
        make_pod(
            Container(name="a", lifecycle=Lifecycle(post_start=handler, stop_signal="SIGHUP")),
            Container(name="b", lifecycle=Lifecycle(pre_stop=handler)),
            Container(name="c", restart_policy="Never", restart_policy_rules=(rule,)),
            Container(name="d", restart_policy_rules=(rule,)),
            grace=7,
        )
    )
    a, b, c, d = plan.containers.values()
    assert (a.post_start, a.pre_stop, a.stop_signal) == (True, False, "HUP")
    assert (b.post_start, b.pre_stop, b.stop_signal) == (False, True, "TERM")
    assert (c.post_start, c.pre_stop, c.stop_signal, c.grace) == (False, False, "TERM", 7)
    assert c.rules == (RestartRule(codes=frozenset({0, 1}), listed=False, all_containers=True),)
    assert d.rules == (), "6.4: only with a policy of the container's own"
    assert plan.has_restart_all_rule
    assert not plan_of(make_pod("c")).has_restart_all_rule


def test_6_5_an_end_by_restart_all_is_followed_by_a_start() -> None:
    plan = plan_of(make_pod("c", init=["i"], policy="Never"))
    assert restarts(plan.containers["c"], 137, RESTARTING_ALL)
    assert restarts(plan.containers["i"], 137, RESTARTING_ALL)
    assert not restarts_all(plan.containers["c"], 137)


@pytest.mark.parametrize(("source", "static"), [("file", True), ("http", True), ("api", False)])
def test_12_static_pods(source: str, static: bool) -> None:
    assert plan_of(make_pod("c", annotations={"kubernetes.io/config.source": source})).static is static
