"""What the spec says of containers, and whether the end of one is followed by another start (kubelet-semantics 6.4)."""

from __future__ import annotations

from enum import Enum
from typing import Final

from msgspec import Struct

from nsrunner.lifecycle.backoff import MAXIMUM, RestartLimits, key_of, limits_of
from nsrunner.lifecycle.probe import ProbePlans, plans_of
from nsrunner.lifecycle.termination import DEFAULT_GRACE
from nsrunner.model.types import AnyContainer, ContainerRestartRule, Pod

__all__ = [
    "COMPLETED",
    "OOM_KILLED",
    "RESTARTING_ALL",
    "ContainerPlan",
    "Kind",
    "PodPlan",
    "RestartRule",
    "plan_of",
    "restarts",
    "restarts_all",
    "succeeded",
]

COMPLETED: Final = "Completed"
OOM_KILLED: Final = "OOMKilled"
RESTARTING_ALL: Final = "RestartingAllContainers"
"""Why a container ended that a RestartAllContainers rule of its pod took along."""
SOURCE_ANNOTATION: Final = "kubernetes.io/config.source"


class Kind(Enum):
    """The four parts that a container may have in its pod."""

    INIT = "Init"
    """Runs to success before the next one starts."""
    SIDECAR = "Sidecar"
    """An init container with restartPolicy Always: it has started before the next one starts, and runs to the end."""
    REGULAR = "Regular"
    EPHEMERAL = "Ephemeral"
    """Added to the living pod; it runs once, and nothing depends on it."""


_LISTS: Final = {
    Kind.INIT: "initContainers",
    Kind.SIDECAR: "initContainers",
    Kind.REGULAR: "containers",
    Kind.EPHEMERAL: "ephemeralContainers",
}


class RestartRule(Struct, frozen=True, kw_only=True):
    """One of a container's restartPolicyRules."""

    codes: frozenset[int]
    listed: bool
    """Whether the rule is for the exit codes in ``codes`` (In), or for all others (NotIn)."""
    all_containers: bool
    """Its action is RestartAllContainers; otherwise Restart."""

    def matches(self, exit_code: int) -> bool:
        return (exit_code in self.codes) is self.listed


class ContainerPlan(Struct, frozen=True, kw_only=True):
    """The part of the spec that a container's machine reads."""

    name: str
    image: str
    kind: Kind
    restart_policy: str
    """``Always``, ``OnFailure`` or ``Never``: the container's own, or else the pod's."""
    rules: tuple[RestartRule, ...] = ()
    """In their order; the first that matches decides, before the policy."""
    post_start: bool = False
    """It has a postStart hook."""
    pre_stop: bool = False
    stop_signal: str = "TERM"
    grace: int = DEFAULT_GRACE
    """The pod's terminationGracePeriodSeconds."""
    probes: ProbePlans
    pod: str
    """``NAME_NAMESPACE(UID)``, as the kubelet's messages name a pod."""
    key: str
    """Of the crash-loop back-off."""
    limits: RestartLimits
    """Of the same."""

    @property
    def init(self) -> bool:
        """It is one of the init containers, be it a sidecar."""
        return self.kind in (Kind.INIT, Kind.SIDECAR)

    @property
    def sidecar(self) -> bool:
        return self.kind is Kind.SIDECAR

    @property
    def ephemeral(self) -> bool:
        return self.kind is Kind.EPHEMERAL

    @property
    def field_path(self) -> str:
        return f"spec.{_LISTS[self.kind]}{{{self.name}}}"


class PodPlan(Struct, frozen=True, kw_only=True):
    """The part of the spec that a pod's machine reads."""

    containers: dict[str, ContainerPlan]
    """By name: init containers in their order, then regular ones in theirs, then ephemeral ones in theirs."""
    init: tuple[ContainerPlan, ...]
    """Plain init containers and sidecars, in their order."""
    regular: tuple[ContainerPlan, ...]
    ephemeral: tuple[ContainerPlan, ...]
    has_restart_all_rule: bool
    """Whether the condition AllContainersRestarting is published."""
    restart_policy: str
    grace: int
    """terminationGracePeriodSeconds."""
    active_deadline: int | None
    """activeDeadlineSeconds."""
    static: bool
    """From a file or URL, not from an API: its phase is not forced to an end (kubelet-semantics 10.3, 12)."""
    maximum: float
    """Seconds that a crash-loop back-off may reach."""


def plan_of(pod: Pod, *, maximum: float = MAXIMUM) -> PodPlan:
    """``maximum`` is the longest crash-loop back-off, in seconds."""
    spec = pod.spec
    kinds: list[tuple[AnyContainer, Kind]] = [
        *((each, Kind.SIDECAR if each.restart_policy == "Always" else Kind.INIT) for each in spec.init_containers),
        *((each, Kind.REGULAR) for each in spec.containers),
        *((each, Kind.EPHEMERAL) for each in spec.ephemeral_containers),
    ]
    plans = [_container_plan(pod, each, kind, maximum) for each, kind in kinds]
    return PodPlan(
        containers={plan.name: plan for plan in plans},
        init=tuple(plan for plan in plans if plan.init),
        regular=tuple(plan for plan in plans if plan.kind is Kind.REGULAR),
        ephemeral=tuple(plan for plan in plans if plan.ephemeral),
        has_restart_all_rule=any(rule.all_containers for plan in plans for rule in plan.rules),
        restart_policy=_policy(pod),
        grace=_grace(pod),
        active_deadline=spec.active_deadline_seconds,
        static=pod.metadata.annotations.get(SOURCE_ANNOTATION, "api") != "api",
        maximum=maximum,
    )


def _policy(pod: Pod) -> str:
    return pod.spec.restart_policy or "Always"


def _grace(pod: Pod) -> int:
    grace = pod.spec.termination_grace_period_seconds
    return DEFAULT_GRACE if grace is None else grace


def _container_plan(pod: Pod, container: AnyContainer, kind: Kind, maximum: float) -> ContainerPlan:
    meta, lifecycle = pod.metadata, container.lifecycle
    signal = lifecycle.stop_signal if lifecycle is not None else None
    return ContainerPlan(
        name=container.name,
        image=container.image or "",
        kind=kind,
        restart_policy=container.restart_policy or _policy(pod),
        rules=tuple(map(_rule, container.restart_policy_rules)) if container.restart_policy else (),
        post_start=lifecycle is not None and lifecycle.post_start is not None,
        pre_stop=lifecycle is not None and lifecycle.pre_stop is not None,
        stop_signal=(signal or "TERM").removeprefix("SIG"),
        grace=_grace(pod),
        probes=plans_of(pod, container),
        pod=f"{meta.name}_{meta.namespace}({meta.uid})",
        key=key_of(container),
        limits=limits_of(pod, maximum=maximum),
    )


def _rule(rule: ContainerRestartRule) -> RestartRule:
    codes = rule.exit_codes
    return RestartRule(
        codes=frozenset(codes.values if codes is not None else ()),
        listed=codes is None or codes.operator == "In",
        all_containers=rule.action == "RestartAllContainers",
    )


def succeeded(exit_code: int, reason: str, *, init: bool) -> bool:
    """Whether an end counts as success. An init container that was OOMKilled failed, even with exit code 0."""
    return exit_code == 0 and not (init and reason == OOM_KILLED)


def restarts(plan: ContainerPlan, exit_code: int, reason: str) -> bool:
    """Whether a container that ended so is started again while its pod lives."""
    match plan.kind:
        case Kind.EPHEMERAL:
            return False
        case Kind.SIDECAR:
            return True
        case Kind.INIT if succeeded(exit_code, reason, init=True):
            return False
    if reason == RESTARTING_ALL or _first_match(plan, exit_code) is not None:
        return True
    match plan.restart_policy:
        case "Always":
            return True
        case "OnFailure":
            return exit_code != 0
        case _:
            return False


def restarts_all(plan: ContainerPlan, exit_code: int) -> bool:
    """Whether a container that ended so takes all others along (kubelet-semantics 6.5)."""
    rule = _first_match(plan, exit_code)
    return rule is not None and rule.all_containers


def _first_match(plan: ContainerPlan, exit_code: int) -> RestartRule | None:
    return next((rule for rule in plan.rules if rule.matches(exit_code)), None)
