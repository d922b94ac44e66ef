"""A pod's machine under watch: everything that it asks for is checked, and what it shows after every step.

The invariants are listed in :mod:`unit.lifecycle.test_interleavings`.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

from hypothesis.stateful import RuleBasedStateMachine, invariant

from nsrunner.lifecycle import PodMachine
from nsrunner.lifecycle.commands import (
    AnsweredCommand,
    CancelHook,
    CancelProbe,
    Command,
    CreateSandbox,
    EnsureImage,
    RecordEvent,
    RemoveContainer,
    RemovePod,
    RunHook,
    RunProbe,
    SignalContainer,
    StartContainer,
    StopSandbox,
)
from nsrunner.lifecycle.container import RUNS
from nsrunner.lifecycle.events import Event, SandboxDied
from nsrunner.lifecycle.policy import ContainerPlan, Kind, plan_of
from nsrunner.lifecycle.status import Statuses, pod_status, settle
from nsrunner.lifecycle.value import ContainerState as S
from nsrunner.lifecycle.value import ContainerValue, Then
from nsrunner.model.types import ContainerStatus, Pod
from unit.lifecycle.play import instant
from unit.lifecycle.world import World

__all__ = ["Watched"]


@dataclass
class Allowed:
    """A plain model of one container's crash-loop entry (kubelet-semantics 9), fed with what is seen from outside."""

    image: str
    delay: float = 0.0
    updated: float | None = None

    def ready_at(self, finished: float) -> float:
        if self.updated is None or finished > self.updated + 600:
            return finished
        return min(finished + self.delay, max(self.updated + 600, finished))

    def allow(self, now: float) -> None:
        if self.updated is None or now >= self.updated + 600:
            self.delay = 10.0
        else:
            self.delay = min(self.delay * 2, 300.0)
        self.updated = now


class Watched(RuleBasedStateMachine):
    def start(self, pod: Pod, uptime: float) -> None:
        self.machine = PodMachine(pod)
        self.world = World()
        self.time = uptime
        self.ids: set[int] = set()
        self.removed: list[tuple[str, int]] = []
        self.recorded: dict[str, set[int]] = {}
        self.restarts: dict[str, int] = {}
        self.terminal: str | None = None
        self.stopping = False
        self.at_once = False
        self.grace_end: float | None = None
        self.backoff: dict[str, Allowed] = {}
        self.backoff_before: dict[str, Allowed | None] = {}
        self.finished: dict[str, float | None] = {}
        self.hooked: set[tuple[str, int]] = set()
        self.termed: dict[tuple[str, int], float] = {}
        self.singled: set[tuple[str, int]] = set()

    @property
    def plans(self) -> dict[str, ContainerPlan]:
        return plan_of(self.machine.pod).containers

    @property
    def values(self) -> dict[str, ContainerValue]:
        return self.machine.value.containers

    # The machine is told something, and its commands are taken in.

    def tell(self, event: Event) -> None:
        before = {name: value.backoff for name, value in self.values.items()}
        grace = self.machine.value.grace
        ends = {name: self.last_ends(name) for name in self.values}
        commands = self.machine.handle(event, instant(self.time))
        if self.machine.value.grace != grace and self.machine.value.grace is not None:
            until = self.time + self.machine.value.grace
            self.grace_end = until if self.grace_end is None else min(self.grace_end, until)
        for command in commands:
            self.take(command)
        for name, value in self.values.items():
            if value.backoff != before.get(name):
                if isinstance(event, SandboxDied):
                    self.check_given_back(name)
                else:
                    self.check_restart(name, ends.get(name, []) + self.last_ends(name))
            if value.current is not None:
                self.recorded.setdefault(name, set()).add(value.current.attempt)
                self.finished[name] = (
                    None if value.current.finished is None or value.current.removed else value.current.finished.mono
                )

    def last_ends(self, name: str) -> list[float]:
        """When the instances that are remembered have ended; of the newest alone, unless it was killed for itself."""
        value = self.values[name]
        current, previous = value.current, value.previous
        ends = [current.finished.mono] if current is not None and current.finished is not None else []
        if current is not None and (name, current.attempt) in self.singled and previous is not None:
            assert previous.finished is not None
            ends.append(previous.finished.mono)
        return ends

    def check_restart(self, name: str, ends: list[float]) -> None:
        """The machine allowed a restart: was it allowed?"""
        image = self.plans[name].image
        model = self.backoff.get(name)
        self.backoff_before[name] = copy(model)
        if model is None or model.image != image:
            model = self.backoff[name] = Allowed(image)
        assert ends
        assert self.time >= min(map(model.ready_at, ends))
        model.allow(self.time)
        entry = self.values[name].backoff
        assert entry is not None
        assert (entry.delay, entry.updated) == (model.delay, model.updated)

    def check_given_back(self, name: str) -> None:
        """The sandbox died while a start was under way that it had allowed. If there is to be another sandbox, the
        container starts in it without a wait."""
        value = self.values[name]
        model, entry = self.backoff_before[name], value.backoff
        assert value.spared or value.state is S.ENDED
        if model is None:
            del self.backoff[name]
            assert entry is None
        else:
            self.backoff[name] = model
            assert entry is not None
            assert (entry.delay, entry.updated) == (model.delay, model.updated)

    def take(self, command: Command) -> None:
        match command:
            case RecordEvent(reason="Killing", field_path=path) if self.machine.value.grace is None:
                name = path.split("{")[1].removesuffix("}")
                current = self.values[name].current
                assert current is not None
                self.singled.add((name, current.attempt))
            case RecordEvent():
                pass
            case CancelHook() | CancelProbe():
                number = command.hook_id if isinstance(command, CancelHook) else command.probe_id
                assert number in self.ids
                assert all(other.id != number for other in self.machine.unanswered)
                self.world.cancel(command)
            case _:
                assert command.id not in self.ids
                self.ids.add(command.id)
                self.check(command)
                self.world.todo[command.id] = command

    def check(self, command: AnsweredCommand) -> None:
        match command:
            case CreateSandbox():
                assert self.world.sandbox is None
                assert not self.world.alive
                assert not self.stopping
            case StartContainer() | EnsureImage():
                assert self.world.sandbox is not None
                assert not self.stopping
                begun = [other for other in self.live_todo() if isinstance(other, (StartContainer, EnsureImage))]
                assert not begun, "starts are serial"
                assert all(run.container != command.container for run in self.world.alive)
                self.check_order(self.plans[command.container], begins=isinstance(command, EnsureImage))
            case RunHook(container=name, attempt=attempt, hook=hook):
                self.check_live(name, attempt)
                assert not [
                    other for other in self.live_todo() if isinstance(other, RunHook) and other.container == name
                ]
                if hook == "PreStop":
                    assert (name, attempt) not in self.hooked
                    assert (name, attempt) not in self.termed
                    self.hooked.add((name, attempt))
            case RunProbe(container=name, attempt=attempt, probe=probe):
                self.check_live(name, attempt)
                assert self.values[name].state is not S.POST_START
                attempts = [other for other in self.live_todo() if isinstance(other, RunProbe)]
                assert (name, probe) not in [(other.container, other.probe) for other in attempts]
            case SignalContainer(container=name, attempt=attempt, signal=signal):
                self.check_live(name, attempt)
                if signal == "KILL":
                    assert self.at_once or self.time >= self.termed[name, attempt] + 2
                else:
                    assert (name, attempt) not in self.termed
                    self.termed[name, attempt] = self.time
                    self.check_last(self.plans[name], attempt)
            case RemoveContainer():
                assert (command.container, command.attempt) not in self.removed
                self.removed.append((command.container, command.attempt))
            case StopSandbox():
                self.stopping = self.machine.value.grace is not None
            case RemovePod():
                assert self.machine.deleted
                assert self.world.sandbox is None

    def check_live(self, name: str, attempt: int) -> None:
        current = self.values[name].current
        assert current is not None
        assert (current.attempt, current.finished) == (attempt, None)

    def check_order(self, plan: ContainerPlan, *, begins: bool) -> None:
        """A start begins, or goes on: have its predecessors passed? A sidecar may die between the two."""
        if plan.ephemeral:
            assert self.values[plan.name].current is None, "it runs once"
            return
        plans = [other for other in self.plans.values() if not other.ephemeral]
        before = plans[: plans.index(plan)]
        assert all(self.values[other.name].state is not S.POST_START for other in before)
        if any(self.values[other.name].state in RUNS for other in plans if other.kind is Kind.REGULAR):
            return
        init = [other for other in before if other.init]
        current = self.values[plan.name].current
        if begins and init and (not plan.init or current is None or current.removed or current.reset):
            last = self.status_of(init[-1].name)
            assert last.started if init[-1].sidecar else last.ready

    def check_last(self, plan: ContainerPlan, attempt: int) -> None:
        """TERM goes to a container: does it leave nobody behind who needs it?"""
        if not plan.sidecar or (plan.name, attempt) in self.singled:
            return
        assert self.grace_end is not None
        if self.time >= self.grace_end:
            return
        names = list(self.plans)
        needy = [
            other.name
            for other in self.plans.values()
            if other.kind is Kind.REGULAR or (other.sidecar and names.index(other.name) > names.index(plan.name))
        ]
        assert all(self.values[name].state not in RUNS for name in needy)

    def status_of(self, name: str) -> ContainerStatus:
        return next(status for status in self.statuses() if status.name == name)

    def statuses(self) -> list[ContainerStatus]:
        status = self.machine.status()
        return [*status.init_container_statuses, *status.container_statuses, *status.ephemeral_container_statuses]

    def live_todo(self) -> list[AnsweredCommand]:
        """Commands whose answers the machine still waits for."""
        waited = {command.id for command in self.machine.unanswered}
        return [command for number, command in self.world.todo.items() if number in waited]

    # What always holds.

    @invariant()
    def nothing_old_is_shown(self) -> None:
        """Statuses, phase and conditions that were kept are those that would be made now."""
        machine = self.machine
        made = Statuses(machine.pod, plan_of(machine.pod))
        if machine.value.conditions:
            assert settle(made, machine.value, 0.0) == machine.value
        assert pod_status(made, machine.value, ()) == machine.status()

    @invariant()
    def counts_and_phases(self) -> None:
        for container in self.statuses():
            assert container.restart_count >= self.restarts.get(container.name, 0)
            self.restarts[container.name] = container.restart_count
        phase = self.machine.phase
        if self.terminal is not None:
            assert phase == self.terminal
        elif phase in ("Succeeded", "Failed"):
            self.terminal = phase
            assert self.machine.finished
            assert not self.world.alive
        if self.machine.finished:
            assert self.world.sandbox is None
            assert not self.world.alive
            assert self.machine.next_deadline() is None

    @invariant()
    def what_is_shown(self) -> None:
        for status in self.statuses():
            assert status.state is not None
            value, plan = self.values[status.name], self.plans[status.name]
            if value.state is S.POST_START:
                assert status.state.waiting is not None
            if status.started:
                assert status.state.running is not None
            if status.ready and plan.kind is not Kind.INIT:
                assert status.started

    @invariant()
    def hooks_and_probes_are_of_the_living(self) -> None:
        for command in self.machine.unanswered:
            if isinstance(command, RunHook | RunProbe):
                self.check_live(command.container, command.attempt)
                assert self.values[command.container].state in RUNS
        for value in self.values.values():
            assert not value.probes or value.state in RUNS - {S.POST_START}

    @invariant()
    def what_is_remembered_is_of_the_state(self) -> None:
        stopped = (S.PRE_STOP, S.LAST, S.STOPPING, S.KILLING)
        for value in self.values.values():
            state = value.state
            assert (value.since is None) is (state not in (S.PRE_STOP, S.LAST))
            assert value.until is None or state is S.ABORTING
            assert value.then is Then.END or state in (S.ABORTING, *stopped)
            assert (value.retry_at is None) is (state is not S.PULL_WAIT)
            assert value.early is None or state in (S.STARTING, S.ABORTING)
            assert value.backoff_before is None or state in (S.PULLING, S.STARTING, S.ABORTING)
            assert not value.spared or state in (S.IDLE, S.QUEUED, S.ENDED)
            assert (value.due is None) or state in (S.PULL_WAIT, S.CREATE_WAIT, S.BACK_OFF, *stopped)

    @invariant()
    def waits_are_exact(self) -> None:
        for name, value in self.values.items():
            if value.state is S.BACK_OFF:
                finished = self.finished[name]
                assert finished is not None
                assert value.due == self.backoff[name].ready_at(finished) > self.time

    @invariant()
    def records(self) -> None:
        for name, value in self.values.items():
            kept = {instance.attempt for instance in (value.current, value.previous) if instance is not None}
            removed = {attempt for container, attempt in self.removed if container == name}
            assert self.recorded.get(name, set()) <= kept | removed
            for instance in (value.current, value.previous):
                if instance is not None:
                    assert (instance.attempt in removed) == instance.removed
