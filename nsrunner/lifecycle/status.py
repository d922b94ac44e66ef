"""What is published of a pod: container statuses, and the status around them (kubelet-semantics 11-13, 14.4, 14.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import structs

from nsrunner.lifecycle.conditions import conditions_of, is_sidecar, publish
from nsrunner.lifecycle.events import User
from nsrunner.lifecycle.phase import FAILED, TERMINAL, phase_of
from nsrunner.lifecycle.policy import RESTARTING_ALL, Kind, PodPlan
from nsrunner.lifecycle.probe import ProbePlans, is_ready, is_started
from nsrunner.lifecycle.records import UNSEEN_EXIT_CODE, UNSEEN_MESSAGE, UNSEEN_REASON
from nsrunner.lifecycle.text import timestamp
from nsrunner.lifecycle.value import ContainerState as S
from nsrunner.lifecycle.value import ContainerValue, Instance, PodState, PodValue
from nsrunner.model.qos import qos_class
from nsrunner.model.types import (
    AnyContainer,
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

__all__ = ["CONTAINER_ID_PREFIX", "FINISHED", "Statuses", "looks_alike", "pod_object", "pod_status", "settle"]

CONTAINER_ID_PREFIX: Final = "nsrunner://"
MESSAGE_BUDGET: Final = 12 * 1024
"""Bytes of termination messages that one pod's status may carry; divided evenly among its containers."""
FINISHED: Final = frozenset({PodState.STOPPED, PodState.REMOVING, PodState.REMOVED})
"""States in which nothing of the pod runs and nothing ever will."""


_STANDS: Final = (PodState.ACTIVE, PodState.TERMINATING)
"""States in which there is a sandbox."""


class Statuses:
    """The statuses of a pod's containers, made from its value.

    Values are immutable, so a container whose value is the object that it was before has the status that it had: an
    event, which changes one container, does not cost the statuses of all. One status for each container is kept.
    """

    def __init__(self, pod: Pod, plan: PodPlan) -> None:
        spec = pod.spec
        self.pod = pod
        self.plan = plan
        self._everyone: tuple[AnyContainer, ...] = (*spec.init_containers, *spec.containers, *spec.ephemeral_containers)
        self._initializing = "PodInitializing" if spec.init_containers else "ContainerCreating"
        self._known: dict[str, tuple[ContainerValue, ContainerStatus]] = {}

    def of(self, value: PodValue) -> dict[str, ContainerStatus]:
        """By name: init containers, regular ones and ephemeral ones, each in the order of the spec."""
        statuses = {}
        for container in self._everyone:
            current = value.containers[container.name]
            known = self._known.get(container.name)
            if known is None or known[0] is not current:
                known = self._known[container.name] = current, self._make(container, current)
            statuses[container.name] = known[1]
        return _written_off(self.pod, statuses) if value.state in FINISHED else statuses

    def _make(self, container: AnyContainer, value: ContainerValue) -> ContainerStatus:
        plan = self.plan.containers[container.name]
        status = _status(container, plan.probes, value, self._initializing, MESSAGE_BUDGET // len(self._everyone))
        match plan.kind:
            case Kind.INIT:  # ready when it has done its work (14.5)
                return structs.replace(status, ready=_succeeded(status))
            case Kind.EPHEMERAL:
                return structs.replace(status, ready=False, started=None)
            case _:
                return status


def settle(statuses: Statuses, value: PodValue, wall: float, *, settled: PodValue | None = None) -> PodValue:
    """The value with its phase and conditions brought up to date; ``settled`` is one of which they were made before.

    A terminal phase is sticky, and withheld until nothing can be running any more.
    """
    if value.rejected:
        return structs.replace(value, phase=FAILED)
    if settled is not None and _settles_alike(settled, value):
        return value
    return _settle(statuses.plan, statuses.pod, statuses.of(value), value, wall)


def _settles_alike(settled: PodValue, value: PodValue) -> bool:
    """Whether nothing of what phase and conditions are made from is another since they were made."""
    return (
        bool(settled.conditions)
        and value.containers is settled.containers
        and value.foreign is settled.foreign
        and value.restarting is settled.restarting
        and value.reason == settled.reason
        and (value.state in FINISHED) is (settled.state in FINISHED)
        and (value.state in _STANDS) is (settled.state in _STANDS)
    )


def _settle(plan: PodPlan, pod: Pod, statuses: Mapping[str, ContainerStatus], value: PodValue, wall: float) -> PodValue:
    finished = value.state in FINISHED
    phase = value.phase
    if phase not in TERMINAL:
        computed = FAILED if value.reason else phase_of(plan, statuses, over=finished, begun=_begun(plan, value))
        if finished and computed not in TERMINAL and not plan.static:
            computed = FAILED
        if finished or computed not in TERMINAL:
            phase = computed
    conditions = conditions_of(
        pod,
        statuses,
        phase=phase,
        sandbox=value.state in _STANDS,
        restarting=value.restarting if plan.has_restart_all_rule else None,
        foreign=value.foreign,
        before=value.conditions,
        wall=wall,
    )
    return structs.replace(value, phase=phase, conditions=conditions)


def _begun(plan: PodPlan, value: PodValue) -> bool:
    """Whether a regular container has started in the sandbox that there is."""
    newest = (value.containers[regular.name].current for regular in plan.regular)
    return any(instance is not None and not (instance.stale or instance.reset) for instance in newest)


def looks_alike(before: PodValue, after: PodValue) -> bool:
    """Whether two values of a pod differ, if at all, only in when its probes run and what they count: in nothing that
    is published, or that somebody waits for."""
    if structs.replace(after, containers=before.containers) != before:
        return False
    for name, value in after.containers.items():
        old = before.containers[name]
        if value is old:
            continue
        if structs.replace(value, probes=old.probes) != old or value.probes.keys() != old.probes.keys():
            return False
        if any(probe.result != old.probes[kind].result for kind, probe in value.probes.items()):
            return False
    return True


def pod_status(statuses: Statuses, value: PodValue, host_ips: tuple[str, ...]) -> PodStatus:
    """The status as the API shows it."""
    pod = statuses.pod
    containers = {} if value.rejected else statuses.of(value)
    shown = value.phase in TERMINAL
    ips = host_ips if pod.spec.host_network else tuple(filter(None, (value.pod_ip,)))
    return PodStatus(
        observed_generation=pod.metadata.generation,
        phase=value.phase,
        reason=(value.reason or None) if shown else None,
        message=(value.message or None) if shown else None,
        conditions=publish(pod, value.foreign, value.conditions),
        host_ip=host_ips[0] if host_ips else None,
        host_ips=tuple(HostIP(ip=ip) for ip in host_ips),
        pod_ip=ips[0] if ips else None,
        pod_ips=tuple(PodIP(ip=ip) for ip in ips),
        start_time=None if value.added is None else timestamp(value.added.wall),
        init_container_statuses=_shown(containers, [c.name for c in pod.spec.init_containers]),
        container_statuses=_shown(containers, sorted(c.name for c in pod.spec.containers)),
        ephemeral_container_statuses=_shown(containers, sorted(c.name for c in pod.spec.ephemeral_containers)),
        qos_class=qos_class(pod),
    )


def _shown(statuses: Mapping[str, ContainerStatus], names: list[str]) -> tuple[ContainerStatus, ...]:
    return tuple(statuses[name] for name in names if name in statuses)


def pod_object(statuses: Statuses, value: PodValue, host_ips: tuple[str, ...]) -> Pod:
    """The whole pod: its status, and what its deletion leaves in its metadata."""
    pod, deletion = statuses.pod, value.deletion
    metadata = pod.metadata
    if deletion is not None:
        metadata = structs.replace(
            metadata,
            deletion_timestamp=timestamp(deletion.asked + deletion.grace),
            deletion_grace_period_seconds=deletion.grace,
        )
    return structs.replace(pod, metadata=metadata, status=pod_status(statuses, value, host_ips))


def _succeeded(status: ContainerStatus) -> bool:
    state = status.state
    return state is not None and state.terminated is not None and state.terminated.exit_code == 0


def _status(
    spec: AnyContainer, probes: ProbePlans, value: ContainerValue, initializing: str, limit: int
) -> ContainerStatus:
    state, last = _states(value, initializing, limit)
    running = state.running is not None
    # One that is stopped before its postStart hook is done is never probed.
    probed = running and probes.keys() == value.probes.keys()
    newest = value.current
    resources = spec.resources
    return ContainerStatus(
        name=spec.name,
        state=state,
        last_state=last,
        ready=probed and is_ready(value.probes),
        started=probed and is_started(value.probes),
        restart_count=_restarts(value),
        image=spec.image,
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
        stop_signal=spec.lifecycle.stop_signal if spec.lifecycle is not None else None,
        user=_user(newest.user) if newest is not None and newest.user is not None else None,
    )


def _restarts(value: ContainerValue) -> int:
    """The attempt of the newest instance; one that RestartAllContainers has ended is counted at once (6.5)."""
    newest = value.current
    return value.next_attempt if newest is not None and newest.reset else max(value.next_attempt - 1, 0)


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
        if value.state is S.POST_START or value.reason:
            # To the world the container starts until its hook is done, or waits since the hook has failed (15).
            return _waiting(value.reason or initializing, value.message), _dead(previous, limit)
        running = ContainerStateRunning(started_at=timestamp(current.started.wall))
        return ContainerState(running=running), _dead(previous, limit)
    if value.reason:
        return _waiting(value.reason, value.message), _dead(current, limit)
    if current is None:
        return _waiting(initializing), None
    if current.reset:
        return _waiting(RESTARTING_ALL), _dead(current, limit)
    return ContainerState(terminated=_terminated(current, limit)), _dead(previous, limit)


def _waiting(reason: str, message: str = "") -> ContainerState:
    return ContainerState(waiting=ContainerStateWaiting(reason=reason, message=message or None))


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


def _written_off(pod: Pod, statuses: Mapping[str, ContainerStatus]) -> dict[str, ContainerStatus]:
    """Containers of a finished pod of which there is no record: those that should have run are taken for failed."""
    init = [container.name for container in pod.spec.init_containers]
    regular = [container.name for container in pod.spec.containers]
    started = [index for index, name in enumerate(init) if _ever_ran(statuses[name])]
    doubtful = init[: started[-1] + 1] if started else []
    if _initialized(pod, statuses):
        doubtful += regular
    return {
        name: _as_unknown(status) if name in doubtful and _waits(status) else status
        for name, status in statuses.items()
    }


def _initialized(pod: Pod, statuses: Mapping[str, ContainerStatus]) -> bool:
    init = pod.spec.init_containers
    if not init or any(_ever_ran(statuses[container.name]) for container in pod.spec.containers):
        return True
    return not is_sidecar(init[-1]) and _succeeded(statuses[init[-1].name])


def _waits(status: ContainerStatus) -> bool:
    return status.state is not None and status.state.waiting is not None


def _ever_ran(status: ContainerStatus) -> bool:
    return status.last_state is not None or not _waits(status)


def _as_unknown(status: ContainerStatus) -> ContainerStatus:
    unknown = ContainerStateTerminated(exit_code=UNSEEN_EXIT_CODE, reason=UNSEEN_REASON, message=UNSEEN_MESSAGE)
    return structs.replace(status, state=ContainerState(terminated=unknown), ready=False, started=False)
