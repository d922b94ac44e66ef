"""The five conditions of a pod, their reasons, messages and times (kubelet-semantics 13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from nsrunner.lifecycle.phase import FAILED, SUCCEEDED
from nsrunner.lifecycle.text import timestamp
from nsrunner.lifecycle.value import Condition
from nsrunner.model.types import ContainerStatus, Pod, PodCondition

__all__ = ["conditions_of", "publish"]

READY_TO_START: Final = "PodReadyToStartContainers"
INITIALIZED: Final = "Initialized"
READY: Final = "Ready"
CONTAINERS_READY: Final = "ContainersReady"
SCHEDULED: Final = "PodScheduled"
_OURS: Final = (READY_TO_START, INITIALIZED, READY, CONTAINERS_READY, SCHEDULED)


class _Verdict:
    """A condition without its time."""

    __slots__ = ("message", "reason", "status")

    def __init__(self, status: bool, reason: str = "", message: str = "") -> None:
        self.status = status
        self.reason = reason
        self.message = message


def conditions_of(
    pod: Pod,
    statuses: Mapping[str, ContainerStatus],
    *,
    phase: str,
    sandbox: bool,
    before: Sequence[Condition],
    wall: float,
) -> tuple[Condition, ...]:
    """All five, in the order in which they are written; ``since`` moves only where the status differs from before."""
    old = {condition.type: condition for condition in before}
    was_initialized = INITIALIZED in old and old[INITIALIZED].status == "True"
    containers_ready = _containers_ready(pod, statuses, phase)
    verdicts = {
        READY_TO_START: _Verdict(sandbox),
        INITIALIZED: _initialized(pod, statuses, phase, was_initialized),
        READY: _ready(pod, containers_ready),
        CONTAINERS_READY: containers_ready,
        SCHEDULED: _Verdict(True),
    }
    conditions = []
    for name, verdict in verdicts.items():
        status = str(verdict.status)
        since = old[name].since if name in old and old[name].status == status else wall
        conditions.append(
            Condition(type=name, status=status, since=since, reason=verdict.reason, message=verdict.message)
        )
    return tuple(conditions)


def publish(pod: Pod, conditions: Sequence[Condition]) -> tuple[PodCondition, ...]:
    """As the API shows them: those that others wrote first."""
    foreign = tuple(other for other in pod.status.conditions if other.type not in _OURS)
    return foreign + tuple(
        PodCondition(
            type=condition.type,
            status=condition.status,
            observed_generation=pod.metadata.generation,
            last_transition_time=timestamp(condition.since),
            reason=condition.reason or None,
            message=condition.message or None,
        )
        for condition in conditions
    )


def _names(names: Sequence[str]) -> str:
    return f"[{' '.join(names)}]"


def _initialized(pod: Pod, statuses: Mapping[str, ContainerStatus], phase: str, before: bool) -> _Verdict:
    if phase == SUCCEEDED:
        return _Verdict(True, "PodCompleted")
    incomplete = [c.name for c in pod.spec.init_containers if not statuses[c.name].ready]
    if not incomplete or before or any(_began(statuses[c.name]) for c in pod.spec.containers):
        return _Verdict(True)
    return _Verdict(False, "ContainersNotInitialized", f"containers with incomplete status: {_names(incomplete)}")


def _began(status: ContainerStatus) -> bool:
    state = status.state
    return state is not None and (state.running is not None or state.terminated is not None)


def _containers_ready(pod: Pod, statuses: Mapping[str, ContainerStatus], phase: str) -> _Verdict:
    if phase == SUCCEEDED:
        return _Verdict(False, "PodCompleted")
    if phase == FAILED:
        return _Verdict(False, "PodFailed")
    unready = [c.name for c in pod.spec.containers if not statuses[c.name].ready]
    if unready:
        return _Verdict(False, "ContainersNotReady", f"containers with unready status: {_names(unready)}")
    return _Verdict(True)


def _ready(pod: Pod, containers_ready: _Verdict) -> _Verdict:
    if not containers_ready.status:
        return containers_ready
    others = {condition.type: condition.status for condition in pod.status.conditions}
    problems = []
    for gate in pod.spec.readiness_gates:
        name, status = gate.condition_type, others.get(gate.condition_type)
        if status is None:
            problems.append(f'corresponding condition of pod readiness gate "{name}" does not exist.')
        elif status != "True":
            problems.append(f'the status of pod readiness gate "{name}" is not "True", but {status}')
    return _Verdict(False, "ReadinessGatesNotReady", ", ".join(problems)) if problems else _Verdict(True)
