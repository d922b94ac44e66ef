"""The pod's phase, from the statuses of its containers (kubelet-semantics 12).

The place where sidecars will be counted (pendingSidecar, running).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from nsrunner.lifecycle.policy import PodPlan, restarts
from nsrunner.model.types import ContainerStateTerminated, ContainerStatus

__all__ = ["FAILED", "PENDING", "RUNNING", "SUCCEEDED", "TERMINAL", "phase_of"]

PENDING: Final = "Pending"
RUNNING: Final = "Running"
SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"
TERMINAL: Final = frozenset({SUCCEEDED, FAILED})


class _Count(Struct):
    pending_init: int = 0
    failed_init: int = 0
    """Init containers that failed and will not be started again."""
    waiting: int = 0
    running: int = 0
    stopped: int = 0
    succeeded: int = 0
    final: int = 0
    """Stopped, and not to be started again."""


def phase_of(plan: PodPlan, statuses: Mapping[str, ContainerStatus], *, over: bool) -> str:
    """``over``: the containers were all stopped and none will be started again."""
    count = _Count()
    for container in plan.containers.values():
        status = statuses[container.name]
        last = _terminated(status)
        final = last is not None and not restarts(container, last.exit_code, last.reason or "")
        running = status.state is not None and status.state.running is not None
        if container.init:
            _count_init(count, status, last, final=final, running=running)
        elif running:
            count.running += 1
        elif last is None:
            count.waiting += 1
        else:
            count.stopped += 1
            count.succeeded += _is_terminated(status) and last.exit_code == 0
            count.final += final
    return _decide(plan, count, over=over)


def _count_init(
    count: _Count, status: ContainerStatus, last: ContainerStateTerminated | None, *, final: bool, running: bool
) -> None:
    if running or last is None:
        count.pending_init += 1
    elif last.exit_code != 0 and final:
        count.failed_init += 1


def _decide(plan: PodPlan, count: _Count, *, over: bool) -> str:
    if count.failed_init:
        return FAILED
    if count.pending_init or count.waiting:
        # One container that never started makes the whole pod Pending, even though others run.
        return PENDING
    if count.running:
        return RUNNING
    if over and not plan.static:
        return SUCCEEDED if count.stopped == count.succeeded else FAILED
    if count.final < count.stopped:
        return RUNNING
    return SUCCEEDED if count.stopped == count.succeeded else FAILED


def _is_terminated(status: ContainerStatus) -> bool:
    return status.state is not None and status.state.terminated is not None


def _terminated(status: ContainerStatus) -> ContainerStateTerminated | None:
    """How the container last ended, also when it waits to be started again; None while it has never ended."""
    for state in (status.state, status.last_state):
        if state is not None and state.terminated is not None:
            return state.terminated
    return None
