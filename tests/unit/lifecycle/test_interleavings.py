"""The pod's machine in a world that answers late, in any order, with failures, or (after a sandbox died) not at all.

The invariants that hold after every step:

- no container has two instances alive in the world, and starts are asked for one at a time;
- nothing is started outside a living sandbox, and no sandbox is made while there is another;
- a command's id is new, each is answered at most once, and an answer to it is taken;
- restart counts never decrease; phases never change once terminal; a terminal phase means that nothing lives;
- after the sandbox was asked to stop on the pod's way out nothing is started any more;
- a restart comes neither before nor after the instant that a model of the kubelet's back-off allows;
- at most two records a container are kept, all others were asked to be removed, each once;
- a Tick at the next deadline moves the deadline on: no loop stands still;
- a machine restored from its saved value is identical and goes on;
- every event that was offered is legal: IllegalEvent is never raised;
- at the end: when the pod is deleted and the world keeps answering (KILL kills), the machine reaches ``removed``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nsrunner.lifecycle import PodMachine
from nsrunner.lifecycle.commands import (
    Command,
    CreateSandbox,
    EnsureImage,
    RecordEvent,
    RemoveContainer,
    RemovePod,
    SignalContainer,
    StartContainer,
    StopSandbox,
)
from nsrunner.lifecycle.events import (
    ContainerExited,
    ContainerFailed,
    ContainerRemoved,
    ContainerStarted,
    DeleteRequested,
    Event,
    ImageFailed,
    ImageReady,
    PodAdded,
    PodRejected,
    PodRemoved,
    SandboxDied,
    SandboxFailed,
    SandboxReady,
    SandboxStopped,
    SignalSent,
    Tick,
)
from nsrunner.model.types import Pod
from unit.lifecycle.play import instant, make_pod

CONTAINER_IDS = "0123456789abcdef"


@dataclass
class Run:
    """One instance in the world."""

    container: str
    attempt: int
    sandbox: int
    started: float
    termed: bool = False


@dataclass
class World:
    """What really is: the commands that wait to be carried out, the sandbox, the processes, the unreported exits."""

    todo: dict[int, Command] = field(default_factory=dict)
    sandbox: int | None = None
    alive: list[Run] = field(default_factory=list)
    exits: list[ContainerExited] = field(default_factory=list)
    deaths: list[int] = field(default_factory=list)


@dataclass
class Allowed:
    """A plain model of one container's crash-loop entry (kubelet-semantics 9), fed with what is seen from outside."""

    delay: float = 0.0
    updated: float | None = None

    def ready_at(self, finished: float) -> float:
        if self.updated is None:
            return finished
        return min(finished + self.delay, max(self.updated + 600, finished))

    def allow(self, now: float) -> None:
        if self.updated is None or now >= self.updated + 600:
            self.delay = 10.0
        else:
            self.delay = min(self.delay * 2, 300.0)
        self.updated = now


class Interleavings(RuleBasedStateMachine):
    @initialize(
        policy=st.sampled_from(["Always", "OnFailure", "Never"]),
        init=st.integers(0, 2),
        regular=st.integers(1, 3),
        grace=st.sampled_from([0, 1, 30]),
        deadline=st.sampled_from([None, None, 100]),
        static=st.booleans(),
        uptime=st.sampled_from([0.0, 424.1, 8640000.7]),  # far from zero, sums are rounded
    )
    def begin(
        self, policy: str, init: int, regular: int, grace: int, deadline: int | None, static: bool, uptime: float
    ) -> None:
        self.pod: Pod = make_pod(
            *[f"c{n}" for n in range(regular)],
            init=[f"i{n}" for n in range(init)],
            policy=policy,
            grace=grace,
            deadline=deadline,
            annotations={"kubernetes.io/config.source": "file"} if static else {},
        )
        self.machine = PodMachine(self.pod)
        self.world = World()
        self.time = uptime
        self.ids: set[int] = set()
        self.events: list[RecordEvent] = []
        self.removed: list[tuple[str, int]] = []
        self.recorded: dict[str, set[int]] = {name: set() for name in self.machine.value.containers}
        self.restarts: dict[str, int] = {}
        self.terminal: str | None = None
        self.stopping = False
        self.backoff = {name: Allowed() for name in self.machine.value.containers}
        self.finished: dict[str, float | None] = dict.fromkeys(self.machine.value.containers)
        self.removal_done = False

    # The machine is told something, and its commands are taken in.

    def tell(self, event: Event) -> None:
        before = {name: value.backoff for name, value in self.machine.value.containers.items()}
        commands = self.machine.handle(event, instant(self.time))
        for command in commands:
            self.take(command)
        for name, value in self.machine.value.containers.items():
            if value.backoff != before[name]:
                self.check_restart(name)
            if value.current is not None:
                self.recorded[name].add(value.current.attempt)
                self.finished[name] = (
                    None if value.current.finished is None or value.current.removed else value.current.finished.mono
                )

    def check_restart(self, name: str) -> None:
        """The machine allowed a restart: was it allowed?"""
        finished = self.finished[name]
        current = self.machine.value.containers[name].current
        if current is not None and current.finished is not None:
            finished = current.finished.mono
        assert finished is not None
        model = self.backoff[name]
        assert self.time >= model.ready_at(finished)
        model.allow(self.time)
        entry = self.machine.value.containers[name].backoff
        assert entry is not None
        assert (entry.delay, entry.updated) == (model.delay, model.updated)

    def take(self, command: Command) -> None:
        if isinstance(command, RecordEvent):
            self.events.append(command)
            return
        assert command.id not in self.ids
        self.ids.add(command.id)
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
            case SignalContainer():
                assert self.machine.value.grace is not None
            case RemoveContainer():
                assert (command.container, command.attempt) not in self.removed
                self.removed.append((command.container, command.attempt))
            case StopSandbox():
                self.stopping = self.machine.value.grace is not None
            case RemovePod():
                assert self.machine.deleted
                assert self.world.sandbox is None
        self.world.todo[command.id] = command

    def live_todo(self) -> list[Command]:
        """Commands whose answers the machine still waits for."""
        waited = {command.id for command in self.machine.unanswered}
        return [command for number, command in self.world.todo.items() if number in waited]

    # The world acts.

    @precondition(lambda self: self.machine.value.state.name == "NEW")
    @rule(reject=st.sampled_from([False, False, False, True]))
    def accept(self, reject: bool) -> None:
        self.tell(PodRejected(reason="OutOfpods", message="no room") if reject else PodAdded())

    @rule(grace=st.sampled_from([None, 0, 5, 40]))
    def delete(self, grace: int | None) -> None:
        self.tell(DeleteRequested(grace_seconds=grace))

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 9.0, 250.0, 700.0]))
    def wait(self, seconds: float) -> None:
        """Time passes, and Ticks come when they are due."""
        end = self.time + seconds
        self.pass_time(end)

    def pass_time(self, end: float) -> None:
        for _ in range(1000):
            deadline = self.machine.next_deadline()
            if deadline is None or deadline > end:
                self.time = max(self.time, end)
                return
            self.time = max(self.time, deadline)
            self.tell(Tick())
            after = self.machine.next_deadline()
            assert after is None or after > self.time, "a deadline that a Tick does not move"
        raise AssertionError("deadlines without end")

    @rule(seconds=st.sampled_from([0.0, 4.0, 100.0]))
    def late_tick(self, seconds: float) -> None:
        """The clock went on and nobody looked; then a Tick, spurious or overdue."""
        self.time += seconds
        self.tell(Tick())
        after = self.machine.next_deadline()
        assert after is None or after > self.time

    @precondition(lambda self: self.world.todo)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.world.todo)), label="id")
        good = data.draw(st.sampled_from([True, True, True, False]), label="good")
        self.carry_out(number, good, data.draw(st.sampled_from(["none", "before", "after"]), label="exit"))

    def carry_out(self, number: int, good: bool, exits: str = "none") -> None:
        command = self.world.todo.pop(number)
        event = self.effect(command, good, exits)
        if event is not None:
            self.tell(event)
        if exits == "after" and isinstance(command, StartContainer):
            self.report_exit()

    def effect(self, command: Command, good: bool, exits: str) -> Event | None:
        world = self.world
        match command:
            case CreateSandbox(id=number, attempt=attempt):
                if not good:
                    return SandboxFailed(id=number, attempt=attempt, reason="FailedMount", message="no")
                world.sandbox = attempt
                return SandboxReady(id=number, attempt=attempt, pod_ip="192.0.2.1")
            case StopSandbox(id=number, attempt=attempt):
                for run in list(world.alive):
                    self.end(run, 137)
                if world.sandbox == attempt:
                    world.sandbox = None
                return SandboxStopped(id=number, attempt=attempt)
            case EnsureImage(id=number, container=name):
                if good:
                    return ImageReady(id=number, container=name)
                reason = "ErrImagePull" if number % 2 else "ErrImageNeverPull"
                return ImageFailed(id=number, container=name, reason=reason, message="no")
            case StartContainer(id=number, container=name, attempt=attempt):
                return self.start(number, name, attempt, good, exits)
            case SignalContainer(id=number, container=name, attempt=attempt, signal=signal):
                for run in list(world.alive):
                    if good and (run.container, run.attempt) == (name, attempt):
                        run.termed = True
                        if signal == "KILL":
                            self.end(run, 137)
                return SignalSent(id=number, container=name, attempt=attempt, error="" if good else "no")
            case RemoveContainer(id=number, container=name, attempt=attempt):
                assert all((run.container, run.attempt) != (name, attempt) for run in world.alive)
                return ContainerRemoved(id=number, container=name, attempt=attempt)
            case RemovePod(id=number):
                assert not world.alive
                self.removal_done = True
                return PodRemoved(id=number)
            case _:
                raise AssertionError(command)

    def start(self, number: int, name: str, attempt: int, good: bool, exits: str) -> Event:
        world = self.world
        if not good or world.sandbox is None:
            reason = ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"][number % 3]
            return ContainerFailed(id=number, container=name, attempt=attempt, reason=reason, message="no")
        run = Run(name, attempt, world.sandbox, self.time)
        assert all(other.container != name for other in world.alive), "two live instances"
        world.alive.append(run)
        if exits == "before":
            self.end(run, number % 2)
            self.report_exit()
        return ContainerStarted(
            id=number,
            container=name,
            attempt=attempt,
            container_id=CONTAINER_IDS[number % 16] * 64,
            started=instant(run.started),
        )

    def end(self, run: Run, code: int) -> None:
        self.world.alive.remove(run)
        self.world.exits.append(
            ContainerExited(
                container=run.container,
                attempt=run.attempt,
                exit_code=code,
                oom_killed=False,
                message="",
                started=instant(run.started),
                finished=instant(self.time),
            )
        )

    def report_exit(self) -> None:
        if self.world.exits:
            self.tell(self.world.exits.pop())

    @precondition(lambda self: self.world.alive)
    @rule(data=st.data(), code=st.sampled_from([0, 0, 1, 137]), at_once=st.booleans())
    def exit(self, data: st.DataObject, code: int, at_once: bool) -> None:
        run = data.draw(st.sampled_from(self.world.alive), label="run")
        self.end(run, code)
        if at_once:
            self.report_exit()

    @rule()
    def all_goes_well(self) -> None:
        """The world does at once all that it was asked, and what follows from it."""
        for _ in range(100):
            if not self.world.todo:
                return
            self.carry_out(min(self.world.todo), True)
        raise AssertionError("commands without end")

    @precondition(lambda self: self.world.alive)
    @rule(data=st.data(), times=st.integers(2, 8), seconds=st.sampled_from([0.0, 1.0, 200.0, 350.0]))
    def crash_loop(self, data: st.DataObject, times: int, seconds: float) -> None:
        """One container starts and dies, again and again."""
        name = data.draw(st.sampled_from(self.world.alive), label="run").container
        for _ in range(times):
            self.pass_time(self.time + seconds)
            for run in [run for run in self.world.alive if run.container == name]:
                self.end(run, 1)
                self.report_exit()
            self.all_goes_well()
            start = self.machine.next_start(name)
            if start is not None:
                self.pass_time(max(start, self.time))
                self.all_goes_well()

    @precondition(lambda self: self.world.exits)
    @rule(again=st.sampled_from([False, False, True]))
    def exit_is_reported(self, again: bool) -> None:
        """An exit is reported, or (a record that was not acknowledged yet) reported twice."""
        event = self.world.exits.pop(0)
        self.tell(event)
        if again:
            self.tell(event)

    @precondition(lambda self: self.world.sandbox is not None)
    @rule(seen=st.booleans(), answered=st.booleans())
    def sandbox_dies(self, seen: bool, answered: bool) -> None:
        """With it all processes; their exits may be seen or not, and so may answers to what was in flight."""
        world = self.world
        assert world.sandbox is not None
        attempt, world.sandbox = world.sandbox, None
        for run in list(world.alive):
            self.end(run, 137)
        if not seen:
            world.exits.clear()
        if not answered:
            world.todo = {
                number: command
                for number, command in world.todo.items()
                if not isinstance(command, (StartContainer, SignalContainer))
            }
        self.tell(SandboxDied(attempt=attempt))

    @precondition(lambda self: any(isinstance(command, CreateSandbox) for command in self.world.todo.values()))
    @rule(answered=st.booleans())
    def sandbox_dies_in_the_making(self, answered: bool) -> None:
        for number, command in list(self.world.todo.items()):
            if isinstance(command, CreateSandbox):
                del self.world.todo[number]
                self.tell(SandboxDied(attempt=command.attempt))
                if answered:
                    self.tell(
                        SandboxFailed(
                            id=number, attempt=command.attempt, reason="FailedCreatePodSandBox", message="gone"
                        )
                    )

    @rule()
    def old_news(self) -> None:
        """A death that was known already."""
        if self.machine.value.sandbox > 0:
            self.tell(SandboxDied(attempt=self.machine.value.sandbox - 1))

    @rule()
    def crash_and_restore(self) -> None:
        saved: dict[str, Any] = json.loads(json.dumps(self.machine.save()))
        restored = PodMachine.restore(self.pod, saved)
        assert restored.value == self.machine.value
        assert restored.unanswered == self.machine.unanswered
        assert restored.status() == self.machine.status()
        assert restored.next_deadline() == self.machine.next_deadline()
        self.machine = restored

    # What always holds.

    @invariant()
    def counts_and_phases(self) -> None:
        status = self.machine.status()
        for container in (*status.init_container_statuses, *status.container_statuses):
            assert container.restart_count >= self.restarts.get(container.name, 0)
            self.restarts[container.name] = container.restart_count
        if self.terminal is not None:
            assert status.phase == self.terminal
        elif status.phase in ("Succeeded", "Failed"):
            self.terminal = status.phase
            assert self.machine.finished
            assert not self.world.alive
        if self.machine.finished:
            assert self.world.sandbox is None
            assert not self.world.alive
            assert self.machine.next_deadline() is None

    @invariant()
    def waits_are_exact(self) -> None:
        for name, value in self.machine.value.containers.items():
            if value.state.name == "BACK_OFF":
                finished = self.finished[name]
                assert finished is not None
                assert value.due == self.backoff[name].ready_at(finished) > self.time

    @invariant()
    def records(self) -> None:
        for name, value in self.machine.value.containers.items():
            kept = {instance.attempt for instance in (value.current, value.previous) if instance is not None}
            removed = {attempt for container, attempt in self.removed if container == name}
            assert self.recorded[name] <= kept | removed
            for instance in (value.current, value.previous):
                if instance is not None:
                    assert (instance.attempt in removed) == instance.removed

    def teardown(self) -> None:
        """The pod is deleted and the world does what it is asked: the machine comes to its end."""
        if not hasattr(self, "machine"):
            return
        if self.machine.value.state.name == "NEW":
            self.tell(PodAdded())
        self.tell(DeleteRequested(grace_seconds=5))
        for _ in range(200):
            if self.machine.removed:
                break
            if self.world.exits:
                self.report_exit()
            elif self.world.todo:
                self.carry_out(min(self.world.todo), True)
            else:
                deadline = self.machine.next_deadline()
                assert deadline is not None, f"stuck in {self.machine.value.state}"
                self.pass_time(deadline)
            self.counts_and_phases()
        assert self.machine.removed
        assert self.removal_done
        assert self.machine.unanswered == [] or not self.world.todo


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
