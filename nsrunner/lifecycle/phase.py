"""The pod's phase, from the statuses of its containers (kubelet-semantics 12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from nsrunner.lifecycle.policy import ContainerPlan, Kind, PodPlan, restarts
from nsrunner.model.types import ContainerStateTerminated, ContainerStatus

__all__ = ["FAILED", "PENDING", "RUNNING", "SUCCEEDED", "TERMINAL", "phase_of"]

PENDING: Final = "Pending"
RUNNING: Final = "Running"
SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"
TERMINAL: Final = frozenset({SUCCEEDED, FAILED})


class _Count(Struct):
    """What there is among the containers, and how many of those that are compared."""

    pending_init: bool = False
    failed_init: bool = False
    """A plain init container failed and will not be started again."""
    pending_sidecar: bool = False
    waiting: bool = False
    running: bool = False
    stopped: int = 0
    """Regular containers, as all that follow."""
    succeeded: int = 0
    final: int = 0
    """Stopped, and not to be started again."""


def phase_of(plan: PodPlan, statuses: Mapping[str, ContainerStatus], *, over: bool, begun: bool) -> str:
    """``over``: the containers were all stopped and none will be started again. ``begun``: a regular container has
    started in the sandbox that there is."""
    count = _Count()
    for container in plan.containers.values():
        status = statuses[container.name]
        match container.kind:
            case Kind.INIT:
                _count_init(count, container, status)
            case Kind.SIDECAR:
                _count_sidecar(count, status)
            case Kind.REGULAR:
                _count_regular(count, container, status)
            case Kind.EPHEMERAL:
                pass
    return _decide(plan, count, over=over, begun=begun)


def _count_init(count: _Count, plan: ContainerPlan, status: ContainerStatus) -> None:
    last = _terminated(status)
    if _is_running(status) or last is None:
        count.pending_init = True
    elif last.exit_code != 0 and not _restarts(plan, last):
        count.failed_init = True


def _count_sidecar(count: _Count, status: ContainerStatus) -> None:
    if _is_running(status):
        count.running = True
        count.pending_sidecar |= not status.started
    elif _terminated(status) is None:
        count.pending_sidecar = True
        count.waiting = True


def _count_regular(count: _Count, plan: ContainerPlan, status: ContainerStatus) -> None:
    last = _terminated(status)
    if _is_running(status):
        count.running = True
    elif last is None:
        count.waiting = True
    else:
        count.stopped += 1
        count.succeeded += _is_terminated(status) and last.exit_code == 0
        count.final += not _restarts(plan, last)


def _decide(plan: PodPlan, count: _Count, *, over: bool, begun: bool) -> str:
    if count.failed_init:
        return FAILED
    if count.pending_init or (count.pending_sidecar and not begun) or count.waiting:
        # One container that never started makes the whole pod Pending, even though others run.
        return PENDING
    if count.running:
        return RUNNING
    if over and not plan.static:
        return SUCCEEDED if count.stopped == count.succeeded else FAILED
    if count.final < count.stopped:
        return RUNNING
    return SUCCEEDED if count.stopped == count.succeeded else FAILED


def _restarts(plan: ContainerPlan, last: ContainerStateTerminated) -> bool:
    return restarts(plan, last.exit_code, last.reason or "")


def _is_running(status: ContainerStatus) -> bool:
    return status.state is not None and status.state.running is not None


def _is_terminated(status: ContainerStatus) -> bool:
    return status.state is not None and status.state.terminated is not None


def _terminated(status: ContainerStatus) -> ContainerStateTerminated | None:
    """How the container last ended, also when it waits to be started again; None while it has never ended."""
    for state in (status.state, status.last_state):
        if state is not None and state.terminated is not None:
            return state.terminated
    return None
