"""The conditions of a pod, their reasons, messages and times (kubelet-semantics 13).

Six are decided here. All others are foreign: somebody sets them (ConditionSet, or the manifest's status), they are
published as they are, and readiness gates look at them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from nsrunner.lifecycle.events import ConditionSet
from nsrunner.lifecycle.phase import FAILED, SUCCEEDED
from nsrunner.lifecycle.text import timestamp
from nsrunner.lifecycle.value import Condition
from nsrunner.model.types import Container, ContainerStatus, Pod, PodCondition

__all__ = ["OURS", "conditions_of", "is_sidecar", "publish", "set_foreign"]

READY_TO_START: Final = "PodReadyToStartContainers"
INITIALIZED: Final = "Initialized"
READY: Final = "Ready"
CONTAINERS_READY: Final = "ContainersReady"
SCHEDULED: Final = "PodScheduled"
ALL_RESTARTING: Final = "AllContainersRestarting"
OURS: Final = frozenset({READY_TO_START, INITIALIZED, READY, CONTAINERS_READY, SCHEDULED, ALL_RESTARTING})
"""Types that nobody else can set."""


class _Verdict:
    """A condition without its time."""

    __slots__ = ("message", "reason", "status")

    def __init__(self, status: bool, reason: str = "", message: str = "") -> None:
        self.status = status
        self.reason = reason
        self.message = message


_YES: Final = _Verdict(True)
_NO: Final = _Verdict(False)


def conditions_of(
    pod: Pod,
    statuses: Mapping[str, ContainerStatus],
    *,
    phase: str,
    sandbox: bool,
    restarting: bool | None = None,
    foreign: Sequence[Condition] = (),
    before: Sequence[Condition],
    wall: float,
) -> tuple[Condition, ...]:
    """Ours, in the order in which they are written; ``since`` moves only where the status differs from before.

    ``restarting``: a rule has asked to restart all containers, and they have not all ended yet (6.5); None for a pod
    without such a rule, which does not have the condition that tells of it.
    """
    old = {condition.type: condition for condition in before}
    was_initialized = INITIALIZED in old and old[INITIALIZED].status == "True"
    containers_ready = _containers_ready(pod, statuses, phase)
    verdicts = {
        READY_TO_START: _YES if sandbox else _NO,
        INITIALIZED: _initialized(pod, statuses, phase, was_initialized),
        READY: _ready(pod, foreign, containers_ready),
        CONTAINERS_READY: containers_ready,
        SCHEDULED: _YES,
    }
    if restarting is not None:
        verdicts[ALL_RESTARTING] = _all_restarting(restarting, phase)
    return tuple(_condition(name, verdict, old.get(name), wall) for name, verdict in verdicts.items())


def _condition(name: str, verdict: _Verdict, old: Condition | None, wall: float) -> Condition:
    status = "True" if verdict.status else "False"
    if old is not None and old.status == status:
        if old.reason == verdict.reason and old.message == verdict.message:
            return old
        wall = old.since
    return Condition(type=name, status=status, since=wall, reason=verdict.reason, message=verdict.message)


def set_foreign(foreign: Sequence[Condition], event: ConditionSet, wall: float) -> tuple[Condition, ...]:
    """Those that others have set, after one more of them. One of our own types changes nothing."""
    if event.type in OURS:
        return tuple(foreign)
    new = Condition(type=event.type, status=event.status, since=wall, reason=event.reason, message=event.message)
    for index, old in enumerate(foreign):
        if old.type == event.type:
            since = old.since if old.status == event.status else wall
            return (*foreign[:index], replace(new, since=since), *foreign[index + 1 :])
    return (*foreign, new)


def publish(pod: Pod, foreign: Sequence[Condition], conditions: Sequence[Condition]) -> tuple[PodCondition, ...]:
    """As the API shows them: those of others first. What was set while the pod lives replaces what it came with."""
    others = {other.type: other for other in pod.status.conditions if other.type not in OURS}
    others.update((condition.type, _published(condition, None)) for condition in foreign)
    generation = pod.metadata.generation
    return (*others.values(), *(_published(condition, generation) for condition in conditions))


def _published(condition: Condition, generation: int | None) -> PodCondition:
    return PodCondition(
        type=condition.type,
        status=condition.status,
        observed_generation=generation,
        last_transition_time=timestamp(condition.since),
        reason=condition.reason or None,
        message=condition.message or None,
    )


def is_sidecar(init: Container) -> bool:
    """Whether an init container goes on running beside the others."""
    return init.restart_policy == "Always"


def _names(names: Sequence[str]) -> str:
    return f"[{' '.join(names)}]"


def _initialized(pod: Pod, statuses: Mapping[str, ContainerStatus], phase: str, before: bool) -> _Verdict:
    if phase == SUCCEEDED:
        return _Verdict(True, "PodCompleted")
    incomplete = [c.name for c in pod.spec.init_containers if not _is_past(c, statuses[c.name])]
    if not incomplete or before or any(_began(statuses[c.name]) for c in pod.spec.containers):
        return _YES
    return _Verdict(False, "ContainersNotInitialized", f"containers with incomplete status: {_names(incomplete)}")


def _is_past(init: Container, status: ContainerStatus) -> bool:
    """Whether what comes after this init container may start."""
    return bool(status.started) if is_sidecar(init) else status.ready


def _began(status: ContainerStatus) -> bool:
    state = status.state
    return state is not None and (state.running is not None or state.terminated is not None)


def _containers_ready(pod: Pod, statuses: Mapping[str, ContainerStatus], phase: str) -> _Verdict:
    if phase == SUCCEEDED:
        return _Verdict(False, "PodCompleted")
    if phase == FAILED:
        return _Verdict(False, "PodFailed")
    serving = [*filter(is_sidecar, pod.spec.init_containers), *pod.spec.containers]
    unready = [c.name for c in serving if not statuses[c.name].ready]
    if unready:
        return _Verdict(False, "ContainersNotReady", f"containers with unready status: {_names(unready)}")
    return _YES


def _ready(pod: Pod, foreign: Sequence[Condition], containers_ready: _Verdict) -> _Verdict:
    if not containers_ready.status:
        return containers_ready
    others = {condition.type: condition.status for condition in pod.status.conditions}
    others.update((condition.type, condition.status) for condition in foreign)
    problems = []
    for gate in pod.spec.readiness_gates:
        name, status = gate.condition_type, others.get(gate.condition_type)
        if status is None:
            problems.append(f'corresponding condition of pod readiness gate "{name}" does not exist.')
        elif status != "True":
            problems.append(f'the status of pod readiness gate "{name}" is not "True", but {status}')
    return _Verdict(False, "ReadinessGatesNotReady", ", ".join(problems)) if problems else _YES


def _all_restarting(restarting: bool, phase: str) -> _Verdict:
    if phase == SUCCEEDED:
        return _Verdict(False, "PodCompleted")
    if phase == FAILED:
        return _Verdict(False, "PodFailed")
    if restarting:
        return _Verdict(True, "RestartAllContainersStarted", "container exited with restart policy rule")
    return _NO
