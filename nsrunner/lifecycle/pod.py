"""The machine of a pod, as its supervisor sees it: events in, commands out, and one deadline.

Each call of :meth:`PodMachine.handle` looks the event up in the total table of :mod:`nsrunner.lifecycle.pod_table`,
lets the containers' machines (:mod:`nsrunner.lifecycle.container`) have their part, then does whatever has become
possible: the next start, the end of the pod.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from nsrunner.lifecycle import quiet, status
from nsrunner.lifecycle.backoff import MAXIMUM
from nsrunner.lifecycle.commands import AnsweredCommand, Command
from nsrunner.lifecycle.draft import Draft
from nsrunner.lifecycle.events import (
    ConditionSet,
    ContainerExited,
    DeleteRequested,
    Event,
    Now,
    PodAdded,
    PodRejected,
    ProbeDone,
    SandboxDied,
    SpecChanged,
    Tick,
)
from nsrunner.lifecycle.explain import Wait, explain
from nsrunner.lifecycle.outbox import Outbox
from nsrunner.lifecycle.pod_actions import advance, deadlines, last_attempt
from nsrunner.lifecycle.pod_table import ANSWERS, TABLE
from nsrunner.lifecycle.policy import plan_of
from nsrunner.lifecycle.table import IllegalEvent, look_up
from nsrunner.lifecycle.upcoming import Upcoming, upcoming
from nsrunner.lifecycle.value import BadValue, ContainerState, ContainerValue, PodState, PodValue, from_dict, to_dict
from nsrunner.model.types import Pod, PodStatus

__all__ = ["PodMachine", "Settings"]


class Settings(Struct, frozen=True, kw_only=True):
    """What the node contributes."""

    host_ips: tuple[str, ...] = ()
    """Of the node, its primary family first; at most one per family."""
    max_restart_period: float = MAXIMUM
    """Seconds that a crash-loop back-off may reach (crashLoopBackOff.maxContainerRestartPeriod: 1 to 300)."""


class PodMachine:
    """The policy of one pod: events in, commands out. It does nothing by itself and owns no clock.

    The commands of one call are to be begun in their order. When the process dies, a machine made by :meth:`restore`
    from the last :meth:`save`, and from the pod as it was then or with more ephemeral containers, carries on;
    ``unanswered`` are the commands to be asked for again, with their ids.
    """

    def __init__(self, pod: Pod, settings: Settings | None = None) -> None:
        self.pod = pod
        self.settings = settings or Settings()
        """Of the node; not to be changed."""
        self._plan = plan_of(pod, maximum=self.settings.max_restart_period)
        self._statuses = status.Statuses(pod, self._plan)
        self._value = PodValue(containers={name: ContainerValue() for name in self._plan.containers})
        self._inflight: dict[int, AnsweredCommand] = {}
        self.revision = 0
        """Changes with every event that may have changed what :meth:`status` and :meth:`explain` give."""

    def handle(self, event: Event, now: Now) -> list[Command]:
        """Take in what happened. Raises IllegalEvent, and is unchanged then, when it cannot have happened.

        Answers to commands that no longer matter, repeated answers and exits of earlier instances are no mistakes of
        the caller: they change nothing.
        """
        if (commands := self._quietly(event, now)) is not None:
            return commands
        out = Outbox(self._value.next_id, self._inflight)
        at = Draft(self._value, self._plan, out, now)
        if not self._is_news(event, out):
            return []
        row = look_up(TABLE, self._name, self._value.state, event)
        if row is not None:
            row.do(at, event)
            statuses, revision = self._statuses, self.revision
            if isinstance(event, SpecChanged):
                statuses = status.Statuses(event.pod, at.plan)
            # Most of what ever happens to a pod is probes that go on saying the same: then there is no more to do.
            if not (isinstance(event, (Tick, ProbeDone)) and status.looks_alike(self._value, at.value)):
                advance(at)
                settled = self._value if statuses is self._statuses else None
                at.value = status.settle(statuses, at.value, now.wall, settled=settled)
                revision += 1
            assert at.state in row.to, (self._value.state, event, at.state)
            if out.next_id != at.value.next_id:
                at.change(next_id=out.next_id)
            self.pod, self._plan, self._statuses = statuses.pod, at.plan, statuses
            self._value, self.revision = at.value, revision
        self._inflight = out.inflight
        return out.commands

    def _quietly(self, event: Event, now: Now) -> list[Command] | None:
        """The short way of what happens most; None: the long one."""
        if type(event) is ProbeDone:
            done = quiet.goes_on(self._value, self._plan, self._inflight.get(event.id), event, now.mono)
            if done is None:
                return None
            del self._inflight[event.id]
        elif type(event) is Tick:
            done = quiet.attempts_begin(self._value, self._plan, now.mono)
            if done is None:
                return None
        else:
            return None
        self._value, commands = done
        for command in commands:
            self._inflight[command.id] = command
        return [*commands]

    def next_deadline(self) -> float | None:
        """Monotonic time at which a Tick is due; None when nothing happens by itself."""
        instant, attempt = self.next_deadlines()
        return min((time for time in (instant, attempt) if time is not None), default=None)

    def next_deadlines(self) -> tuple[float | None, float | None]:
        """The same in two: what is to happen at its time, and attempts of probes, for which a moment later will do."""
        return deadlines(self._value, self._plan)

    def next_start(self, container: str) -> float | None:
        """Monotonic time at which a container that waits for it is started again (or its image tried)."""
        value = self._value.containers[container]
        waits = (ContainerState.PULL_WAIT, ContainerState.CREATE_WAIT, ContainerState.BACK_OFF)
        if value.state not in waits:
            return None
        return value.due if value.retry_at is None else value.retry_at

    def upcoming(self) -> dict[str, Upcoming]:
        """The instances that come next, by container."""
        return upcoming(self._plan, self._value)

    def explain(self, container: str, now: Now) -> Wait | None:
        """Why a container waits for its next start, and until when; None when it does not."""
        return explain(self._plan.containers[container], self._value.containers[container], now)

    def status(self) -> PodStatus:
        """What the API shows of the pod."""
        return status.pod_status(self._statuses, self._value, self.settings.host_ips)

    def object(self) -> Pod:
        """The pod as the API shows it: with its status and, once it was asked to go, the time by which it has to be
        gone."""
        return status.pod_object(self._statuses, self._value, self.settings.host_ips)

    @property
    def value(self) -> PodValue:
        """All that the machine knows; for tests, explanations and the curious."""
        return self._value

    @property
    def unanswered(self) -> list[AnsweredCommand]:
        """Commands that were given and not answered, in their order."""
        return list(self._inflight.values())

    @property
    def phase(self) -> str:
        return self._value.phase

    @property
    def finished(self) -> bool:
        """Nothing of the pod runs, and nothing ever will. Its logs and volumes may still be there."""
        return self._value.state in status.FINISHED

    @property
    def removed(self) -> bool:
        """Nothing of the pod is left: the machine may be thrown away."""
        return self._value.state is PodState.REMOVED

    @property
    def deleted(self) -> bool:
        """It was asked to go (``kubectl get`` calls it Terminating until it is gone)."""
        return self._value.deletion is not None

    def save(self) -> dict[str, Any]:
        """The machine as builtin types that JSON can hold. It contains monotonic times: keep the boot id beside it."""
        return {"uid": self.pod.metadata.uid, **to_dict(self._value, self._inflight)}

    @classmethod
    def restore(cls, pod: Pod, saved: Mapping[str, Any], settings: Settings | None = None) -> PodMachine:
        """The machine that was saved. Raises BadValue when ``saved`` is damaged or belongs to another pod."""
        machine = cls(pod, settings)
        value, inflight = from_dict(saved)
        plans = machine._plan.containers
        unknown = set(plans) - set(value.containers)
        if (
            saved.get("uid") != pod.metadata.uid
            or set(value.containers) - set(plans)
            or not all(plans[name].ephemeral for name in unknown)
        ):
            raise BadValue(f"of another pod than {pod.metadata.uid}")
        containers = {name: value.containers.get(name, ContainerValue()) for name in plans}
        machine._value, machine._inflight = replace(value, containers=containers), inflight
        return machine

    @property
    def _name(self) -> str:
        return f'pod "{self.pod.metadata.namespace}/{self.pod.metadata.name}"'

    def _check_same_pod(self, event: SpecChanged) -> None:
        """Raises IllegalEvent for a change that no living pod can follow."""
        old, new = self.pod.spec, event.pod.spec
        for before, after in (
            (old.init_containers, new.init_containers),
            (old.containers, new.containers),
            (old.ephemeral_containers, new.ephemeral_containers[: len(old.ephemeral_containers)]),
        ):
            if [each.name for each in before] != [each.name for each in after]:
                raise IllegalEvent(self._name, self._value.state, event, "its containers are others")
        if event.pod.metadata.uid != self.pod.metadata.uid:
            raise IllegalEvent(self._name, self._value.state, event, "it is another pod")

    def _is_news(self, event: Event, out: Outbox) -> bool:
        """Sorts out answers and exits that are too late to matter; raises IllegalEvent for those of what never was."""
        value = self._value
        if isinstance(event, ContainerExited):
            known = value.containers.get(event.container)
            if known is None or event.attempt > last_attempt(known):
                raise IllegalEvent(self._name, value.state, event, "there is no such instance")
            return True
        if isinstance(event, SandboxDied):
            if event.attempt > value.sandbox:
                raise IllegalEvent(self._name, value.state, event, "there is no such sandbox")
            return event.attempt == value.sandbox
        if isinstance(event, SpecChanged):
            self._check_same_pod(event)
            return True
        if isinstance(event, (PodAdded, PodRejected, DeleteRequested, ConditionSet, Tick)):
            return True
        if not 0 < event.id < value.next_id:
            raise IllegalEvent(self._name, value.state, event, "no command has this id")
        command = out.answered(event.id)
        if command is None:
            return False
        if not isinstance(command, ANSWERS[type(event)]) or any(
            getattr(command, name) != getattr(event, name)
            for name in ("attempt", "container", "hook", "probe")
            if hasattr(command, name)
        ):
            raise IllegalEvent(self._name, value.state, event, f"it does not answer {command!r}")
        return True
