"""What is published of a pod: container statuses, and the status around them (kubelet-semantics 11, 12, 13).

The place where probes will say what ``started`` and ``ready`` are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import structs

from nsrunner.lifecycle.conditions import conditions_of, publish
from nsrunner.lifecycle.events import User
from nsrunner.lifecycle.phase import FAILED, TERMINAL, phase_of
from nsrunner.lifecycle.policy import ContainerPlan, PodPlan
from nsrunner.lifecycle.records import UNSEEN_EXIT_CODE, UNSEEN_MESSAGE, UNSEEN_REASON
from nsrunner.lifecycle.text import timestamp
from nsrunner.lifecycle.value import ContainerState as S
from nsrunner.lifecycle.value import ContainerValue, Instance, PodState, PodValue
from nsrunner.model.qos import qos_class
from nsrunner.model.types import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ContainerUser,
    HostIP,
    LinuxContainerUser,
    Pod,
    PodIP,
    PodStatus,
    VolumeMountStatus,
)

__all__ = ["CONTAINER_ID_PREFIX", "FINISHED", "pod_object", "pod_status", "settle"]

CONTAINER_ID_PREFIX: Final = "nsrunner://"
MESSAGE_BUDGET: Final = 12 * 1024
"""Bytes of termination messages that one pod's status may carry; divided evenly among its containers."""
FINISHED: Final = frozenset({PodState.STOPPED, PodState.REMOVING, PodState.REMOVED})
"""States in which nothing of the pod runs and nothing ever will."""

_RUNS: Final = frozenset({S.RUNNING, S.STOPPING, S.KILLING})


def settle(pod: Pod, plan: PodPlan, value: PodValue, wall: float) -> PodValue:
    """The value with its phase and conditions brought up to date.

    A terminal phase is sticky, and withheld until nothing can be running any more.
    """
    if value.rejected:
        return structs.replace(value, phase=FAILED)
    statuses = _statuses(pod, plan, value)
    finished = value.state in FINISHED
    phase = value.phase
    if phase not in TERMINAL:
        computed = FAILED if value.reason else phase_of(plan, statuses, over=finished)
        if finished and computed not in TERMINAL and not plan.static:
            computed = FAILED
        if finished or computed not in TERMINAL:
            phase = computed
    conditions = conditions_of(
        pod,
        statuses,
        phase=phase,
        sandbox=value.state in (PodState.ACTIVE, PodState.TERMINATING),
        before=value.conditions,
        wall=wall,
    )
    return structs.replace(value, phase=phase, conditions=conditions)


def pod_status(pod: Pod, plan: PodPlan, value: PodValue, host_ips: tuple[str, ...]) -> PodStatus:
    """The status as the API shows it."""
    statuses = {} if value.rejected else _statuses(pod, plan, value)
    shown = value.phase in TERMINAL
    ips = host_ips if pod.spec.host_network else tuple(filter(None, (value.pod_ip,)))
    return PodStatus(
        observed_generation=pod.metadata.generation,
        phase=value.phase,
        reason=(value.reason or None) if shown else None,
        message=(value.message or None) if shown else None,
        conditions=publish(pod, value.conditions),
        host_ip=host_ips[0] if host_ips else None,
        host_ips=tuple(HostIP(ip=ip) for ip in host_ips),
        pod_ip=ips[0] if ips else None,
        pod_ips=tuple(PodIP(ip=ip) for ip in ips),
        start_time=None if value.added is None else timestamp(value.added.wall),
        init_container_statuses=tuple(statuses[init.name] for init in plan.init if init.name in statuses),
        container_statuses=tuple(status for name, status in sorted(statuses.items()) if not plan.containers[name].init),
        qos_class=qos_class(pod),
    )


def pod_object(pod: Pod, plan: PodPlan, value: PodValue, host_ips: tuple[str, ...]) -> Pod:
    """The whole pod: its status, and what its deletion leaves in its metadata."""
    metadata, deletion = pod.metadata, value.deletion
    if deletion is not None:
        metadata = structs.replace(
            metadata,
            deletion_timestamp=timestamp(deletion.asked + deletion.grace),
            deletion_grace_period_seconds=deletion.grace,
        )
    return structs.replace(pod, metadata=metadata, status=pod_status(pod, plan, value, host_ips))


def _statuses(pod: Pod, plan: PodPlan, value: PodValue) -> dict[str, ContainerStatus]:
    """By name, in the order of the plan."""
    initializing = "PodInitializing" if pod.spec.init_containers else "ContainerCreating"
    count = len(plan.containers) + len(pod.spec.ephemeral_containers)
    statuses = {
        container.name: _status(
            container, plan.containers[container.name], value.containers[container.name], initializing, count
        )
        for containers in (pod.spec.init_containers, pod.spec.containers)
        for container in containers
    }
    return _written_off(plan, statuses) if value.state in FINISHED else statuses


def _status(
    spec: Container, plan: ContainerPlan, value: ContainerValue, initializing: str, count: int
) -> ContainerStatus:
    state, last = _states(value, initializing, MESSAGE_BUDGET // count)
    running = value.state in _RUNS
    done = plan.init and state.terminated is not None and state.terminated.exit_code == 0
    newest = value.current
    resources = spec.resources
    return ContainerStatus(
        name=plan.name,
        state=state,
        last_state=last,
        ready=done if plan.init else running,
        started=running,
        restart_count=max(value.next_attempt - 1, 0),
        image=plan.image,
        image_id=newest.image_id if newest is not None else "",
        container_id=_prefixed(newest.container_id) if newest is not None else None,
        resources=resources,
        allocated_resources=resources.requests,
        volume_mounts=tuple(
            VolumeMountStatus(
                name=mount.name,
                mount_path=mount.mount_path,
                read_only=mount.read_only,
                recursive_read_only=_recursive(mount.recursive_read_only) if mount.read_only else None,
            )
            for mount in spec.volume_mounts
        ),
        user=_user(newest.user) if newest is not None and newest.user is not None else None,
    )


def _user(user: User) -> ContainerUser:
    linux = LinuxContainerUser(uid=user.uid, gid=user.gid, supplemental_groups=user.groups)
    return ContainerUser(linux=linux)


def _recursive(asked: str | None) -> str:
    """What a read-only mount is: recursive, unless the manifest does not want that (``plan_mounts``)."""
    return "Disabled" if asked == "Disabled" else "Enabled"


def _states(value: ContainerValue, initializing: str, limit: int) -> tuple[ContainerState, ContainerState | None]:
    """state and lastState. The newest record is the state, unless there is something newer to say than the record."""
    current, previous = value.current, value.previous
    if current is not None and current.finished is None:
        running = ContainerStateRunning(started_at=timestamp(current.started.wall))
        return ContainerState(running=running), _dead(previous, limit)
    if value.reason:
        waiting = ContainerStateWaiting(reason=value.reason, message=value.message or None)
        return ContainerState(waiting=waiting), _dead(current, limit)
    if current is None:
        return ContainerState(waiting=ContainerStateWaiting(reason=initializing)), None
    return ContainerState(terminated=_terminated(current, limit)), _dead(previous, limit)


def _dead(instance: Instance | None, limit: int) -> ContainerState | None:
    return None if instance is None else ContainerState(terminated=_terminated(instance, limit))


def _terminated(instance: Instance, limit: int) -> ContainerStateTerminated:
    finished = instance.finished
    assert finished is not None
    return ContainerStateTerminated(
        exit_code=instance.exit_code,
        reason=instance.reason,
        message=cut(instance.message, limit) or None,
        started_at=timestamp(instance.started.wall),
        finished_at=timestamp(finished.wall),
        container_id=_prefixed(instance.container_id),
    )


def cut(message: str, limit: int) -> str:
    """The first ``limit`` bytes of a message, without the half of a character."""
    return message.encode()[:limit].decode(errors="ignore")


def _prefixed(container_id: str) -> str | None:
    return CONTAINER_ID_PREFIX + container_id if container_id else None


def _written_off(plan: PodPlan, statuses: Mapping[str, ContainerStatus]) -> dict[str, ContainerStatus]:
    """Containers of a finished pod of which there is no record: those that should have run are taken for failed."""
    init = [container.name for container in plan.init]
    regular = [container.name for container in plan.regular]
    started = [index for index, name in enumerate(init) if _ever_ran(statuses[name])]
    doubtful = init[: started[-1] + 1] if started else []
    if _initialized(init, regular, statuses):
        doubtful += regular
    return {
        name: _as_unknown(status) if name in doubtful and _waits(status) else status
        for name, status in statuses.items()
    }


def _initialized(init: list[str], regular: list[str], statuses: Mapping[str, ContainerStatus]) -> bool:
    if not init or any(_ever_ran(statuses[name]) for name in regular):
        return True
    last = statuses[init[-1]].state
    return last is not None and last.terminated is not None and last.terminated.exit_code == 0


def _waits(status: ContainerStatus) -> bool:
    return status.state is not None and status.state.waiting is not None


def _ever_ran(status: ContainerStatus) -> bool:
    return status.last_state is not None or not _waits(status)


def _as_unknown(status: ContainerStatus) -> ContainerStatus:
    unknown = ContainerStateTerminated(exit_code=UNSEEN_EXIT_CODE, reason=UNSEEN_REASON, message=UNSEEN_MESSAGE)
    return structs.replace(status, state=ContainerState(terminated=unknown), ready=False, started=False)
