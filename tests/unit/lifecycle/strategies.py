"""Containers with every mix of policies, restart rules, hooks and probes, for Hypothesis."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from nsrunner.model.types import (
    Container,
    ContainerRestartRule,
    ContainerRestartRuleOnExitCodes,
    ExecAction,
    Lifecycle,
    LifecycleHandler,
    Probe,
)

__all__ = ["init_containers", "named", "regular_containers"]

HANDLER = LifecycleHandler(exec=ExecAction(command=("true",)))
RULES = tuple(
    ContainerRestartRule(action=action, exit_codes=ContainerRestartRuleOnExitCodes(operator="In", values=(code,)))
    for action, code in (("Restart", 42), ("RestartAllContainers", 88))
)

probes = st.none() | st.builds(
    Probe,
    exec=st.just(ExecAction(command=("true",))),
    initial_delay_seconds=st.sampled_from([0, 3]),
    period_seconds=st.sampled_from([1, 10]),
    success_threshold=st.just(1),
    failure_threshold=st.sampled_from([1, 2]),
    termination_grace_period_seconds=st.sampled_from([None, 1, 60]),
)
hooks = st.none() | st.builds(Lifecycle, post_start=st.none() | st.just(HANDLER), pre_stop=st.none() | st.just(HANDLER))
rules = st.sampled_from([(), (), RULES[:1], RULES])
long_lived = {"lifecycle": hooks, "startup_probe": probes, "readiness_probe": probes, "liveness_probe": probes}
plain_init = st.builds(
    Container,
    name=st.just(""),
    image=st.just("a"),
    restart_policy=st.sampled_from([None, None, "OnFailure", "Never"]),
    restart_policy_rules=rules,
)
sidecar = st.builds(
    Container,
    name=st.just(""),
    image=st.just("a"),
    restart_policy=st.just("Always"),
    **long_lived,
)
regular = st.builds(
    Container,
    name=st.just(""),
    image=st.just("a"),
    restart_policy=st.sampled_from([None, None, None, "Always", "OnFailure", "Never"]),
    restart_policy_rules=rules,
    **long_lived,
)
simple = st.builds(Container, name=st.just(""), image=st.just("a"))

init_containers = st.lists(simple | plain_init | sidecar, max_size=3)
regular_containers = st.lists(simple | regular, min_size=1, max_size=3)


def named(prefix: str, containers: list[Container]) -> list[Container]:
    """Those that the strategies make have no names."""
    return [msgspec.structs.replace(each, name=f"{prefix}{n}") for n, each in enumerate(containers)]
