"""What is known of a pod whose machine was lost with the kernel that it ran on: what its status says.

A reboot is the death of the sandbox and of everything in it. So the machine begins as it was at the last status, and is
told of that death: it makes the sandbox anew, runs the init containers again and counts restarts on (kubelet-semantics
5, 11), or ends a pod that may not run twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from nsrunner.lifecycle.conditions import OURS
from nsrunner.lifecycle.events import Now
from nsrunner.lifecycle.value import Condition, ContainerState, ContainerValue, Instance, PodState, PodValue, to_dict
from nsrunner.model.types import ContainerStateTerminated, ContainerStatus, Pod

__all__ = ["before_reboot"]


def before_reboot(pod: Pod, now: Now) -> dict[str, Any] | None:
    """What PodMachine.restore takes, from ``pod.status``; SandboxDied of attempt 0 is to follow. None for a pod that
    was never begun."""
    status = pod.status
    if status.start_time is None:
        return None
    known = {each.name: each for each in _statuses(pod)}
    names = [each.name for each in (*pod.spec.init_containers, *pod.spec.containers, *pod.spec.ephemeral_containers)]
    conditions = tuple(
        Condition(
            type=each.type,
            status=each.status,
            since=_wall(each.last_transition_time, now),
            reason=each.reason or "",
            message=each.message or "",
        )
        for each in status.conditions
    )
    value = PodValue(
        state=PodState.ACTIVE,
        containers={name: _container(known[name], now) if name in known else ContainerValue() for name in names},
        sandbox=0,
        pod_ip="" if pod.spec.host_network else status.pod_ip or "",
        added=_moment(status.start_time, now),
        phase=status.phase or "Pending",
        conditions=tuple(each for each in conditions if each.type in OURS),
        foreign=tuple(each for each in conditions if each.type not in OURS),
    )
    return {"uid": pod.metadata.uid, **to_dict(value, {})}


def _statuses(pod: Pod) -> Iterator[ContainerStatus]:
    status = pod.status
    yield from (
        *status.init_container_statuses,
        *status.container_statuses,
        *status.ephemeral_container_statuses,
    )


def _container(status: ContainerStatus, now: Now) -> ContainerValue:
    attempt, state, last = status.restart_count, status.state, status.last_state
    before = last.terminated if last is not None else None
    if state is not None and state.running is not None:
        instance = Instance(
            attempt=attempt,
            container_id=_plain(status.container_id),
            started=_moment(state.running.started_at, now),
            image_id=status.image_id,
        )
        stands = ContainerState.RUNNING
    elif state is not None and state.terminated is not None:
        instance, stands = _dead(state.terminated, attempt, status, now), ContainerState.ENDED
    elif before is not None:
        instance, stands, before = _dead(before, attempt, status, now), ContainerState.ENDED, None
    else:
        return ContainerValue(image_id=status.image_id)
    return ContainerValue(
        state=stands,
        next_attempt=attempt + 1,
        current=instance,
        previous=_dead(before, attempt - 1, status, now) if before is not None and attempt > 0 else None,
        image_id=status.image_id,
    )


def _dead(state: ContainerStateTerminated, attempt: int, status: ContainerStatus, now: Now) -> Instance:
    return Instance(
        attempt=attempt,
        container_id=_plain(state.container_id),
        started=_moment(state.started_at, now),
        finished=_moment(state.finished_at, now),
        exit_code=state.exit_code,
        reason=state.reason or "",
        message=state.message or "",
        image_id=status.image_id,
    )


def _plain(container_id: str | None) -> str:
    return (container_id or "").rpartition("://")[2]


def _moment(text: str | None, now: Now) -> Now:
    """On this boot's clock, too: before its beginning that is negative."""
    wall = _wall(text, now)
    return Now(mono=now.mono - (now.wall - wall), wall=wall)


def _wall(text: str | None, now: Now) -> float:
    try:
        return datetime.fromisoformat(text).timestamp() if text else now.wall
    except ValueError:
        return now.wall
