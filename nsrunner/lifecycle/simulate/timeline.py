"""What became visible of a pod, when: states of containers, phase, conditions, events, failed probes, actions.

:class:`Watcher` looks over the shoulder of whoever drives a :class:`PodMachine`, be it a simulation or a real run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from nsrunner.lifecycle.commands import Command, RecordEvent
from nsrunner.lifecycle.events import ConditionSet, DeleteRequested, Event, Now, ProbeDone, SandboxDied, SpecChanged
from nsrunner.lifecycle.pod import PodMachine
from nsrunner.lifecycle.value import ContainerState
from nsrunner.model.types import ContainerStatus, PodStatus

__all__ = [
    "ActionSeen",
    "ConditionSeen",
    "ContainerSeen",
    "Entry",
    "EventSeen",
    "PhaseSeen",
    "ProbeSeen",
    "Timeline",
    "Watcher",
]


class _Seen(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", tag_field="type"):
    time: float
    """Seconds since the first thing that happened to the pod, to the microsecond."""


class ContainerSeen(_Seen, frozen=True, kw_only=True, tag="container"):
    """A container's status has changed."""

    container: str
    state: Literal["waiting", "running", "terminated"]
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    last_exit_code: int | None = None
    """Of the run before, while there is another or one is waited for."""
    restart_count: int = 0
    ready: bool = False
    stopping: bool = False
    """It was told to end."""


class PhaseSeen(_Seen, frozen=True, kw_only=True, tag="phase"):
    phase: str
    reason: str = ""
    message: str = ""


class ConditionSeen(_Seen, frozen=True, kw_only=True, tag="condition"):
    condition: str
    status: str
    reason: str = ""
    message: str = ""


class EventSeen(_Seen, frozen=True, kw_only=True, tag="event"):
    """A Kubernetes Event, before any counting and combining."""

    event_type: str
    reason: str
    message: str
    field_path: str = ""


class ProbeSeen(_Seen, frozen=True, kw_only=True, tag="probe"):
    """An attempt of a probe that did not succeed."""

    container: str
    probe: str
    result: str
    message: str = ""


class ActionSeen(_Seen, frozen=True, kw_only=True, tag="action"):
    """Somebody did something to the pod."""

    action: str
    detail: str = ""


Entry: TypeAlias = ContainerSeen | PhaseSeen | ConditionSeen | EventSeen | ProbeSeen | ActionSeen


class Timeline(Struct, frozen=True, kw_only=True):
    containers: tuple[str, ...]
    """In the order of the spec: init containers, regular ones, ephemeral ones."""
    entries: tuple[Entry, ...]
    """By time."""
    end: float
    """How far it goes."""
    why: str
    """Why it ends there, in words."""


_STOPPING = frozenset(
    {ContainerState.PRE_STOP, ContainerState.LAST, ContainerState.STOPPING, ContainerState.KILLING},
)


class Watcher:
    """Collects a timeline: :meth:`saw` after each event that a machine has handled."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._containers: tuple[str, ...] = ()
        self._began: float | None = None
        self._last = 0.0
        self._revision = -1
        self._shown: dict[str, object] = {}

    def saw(self, machine: PodMachine, event: Event, now: Now, commands: Iterable[Command]) -> None:
        if self._began is None:
            self._began = now.mono
        time = self._last = round(now.mono - self._began, 6)
        if (happened := _happened(event, time)) is not None:
            self.entries.append(happened)
        if machine.revision != self._revision:
            self._revision = machine.revision
            self._look(machine, time)
        for command in commands:
            if isinstance(command, RecordEvent):
                self.entries.append(
                    EventSeen(
                        time=time,
                        event_type=command.type,
                        reason=command.reason,
                        message=command.message,
                        field_path=command.field_path,
                    )
                )

    def timeline(self, why: str, end: float | None = None) -> Timeline:
        """All that was seen; ``end`` is later than the last event when nothing happened for a while."""
        return Timeline(
            containers=self._containers,
            entries=tuple(self.entries),
            end=self._last if end is None else end,
            why=why,
        )

    def _look(self, machine: PodMachine, time: float) -> None:
        """What differs from what was shown before."""
        status = machine.status()
        self._containers = tuple(machine.value.containers)
        for each in _containers(status):
            seen = _seen(each, machine, time)
            if seen is not None and self._is_new(f"container {each.name}", replace(seen, time=0.0)):
                self.entries.append(seen)
        phase = (status.phase, status.reason, status.message)
        if self._is_new("phase", phase):
            self.entries.append(
                PhaseSeen(time=time, phase=status.phase or "", reason=status.reason or "", message=status.message or "")
            )
        for condition in status.conditions:
            facts = (condition.status, condition.reason, condition.message)
            if self._is_new(f"condition {condition.type}", facts):
                self.entries.append(
                    ConditionSeen(
                        time=time,
                        condition=condition.type,
                        status=condition.status,
                        reason=condition.reason or "",
                        message=condition.message or "",
                    )
                )

    def _is_new(self, key: str, facts: object) -> bool:
        if self._shown.get(key) == facts:
            return False
        self._shown[key] = facts
        return True


def _containers(status: PodStatus) -> Iterator[ContainerStatus]:
    yield from status.init_container_statuses
    yield from status.container_statuses
    yield from status.ephemeral_container_statuses


def _seen(status: ContainerStatus, machine: PodMachine, time: float) -> ContainerSeen | None:
    if status.state is None:
        return None
    running, waiting, ended = status.state.running, status.state.waiting, status.state.terminated
    told, last = ended or waiting, status.last_state
    return ContainerSeen(
        time=time,
        container=status.name,
        state="running" if running is not None else "terminated" if ended is not None else "waiting",
        reason=(told.reason or "") if told is not None else "",
        message=(told.message or "") if told is not None else "",
        exit_code=None if ended is None else ended.exit_code,
        last_exit_code=None if last is None or last.terminated is None else last.terminated.exit_code,
        restart_count=status.restart_count,
        ready=status.ready,
        stopping=machine.value.containers[status.name].state in _STOPPING,
    )


def _happened(event: Event, time: float) -> Entry | None:
    """What of an event is worth to be told by itself."""
    match event:
        case ProbeDone() if event.result != "Success":
            return ProbeSeen(
                time=time,
                container=event.container,
                probe=event.probe,
                result=event.result,
                message=event.message,
            )
        case DeleteRequested(grace_seconds=grace):
            return ActionSeen(time=time, action="delete", detail="" if grace is None else f"grace period {grace}s")
        case SandboxDied(attempt=attempt):
            return ActionSeen(time=time, action="sandbox died", detail=f"attempt {attempt}")
        case ConditionSet():
            return ActionSeen(time=time, action="set condition", detail=f"{event.type}={event.status}")
        case SpecChanged():
            names = ", ".join(each.name for each in event.pod.spec.ephemeral_containers)
            return ActionSeen(time=time, action="change pod", detail=f"ephemeral containers: {names}" if names else "")
        case _:
            return None
