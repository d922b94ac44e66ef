"""The world of a simulation: commands go in, and what comes of them goes onto the agenda, as the scenario says."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, assert_never

from msgspec import Struct

from nsrunner.lifecycle.commands import (
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
from nsrunner.lifecycle.events import (
    ContainerExited,
    ContainerFailed,
    ContainerRemoved,
    ContainerStarted,
    Event,
    ImageFailed,
    ImageReady,
    Now,
    PodRemoved,
    SandboxDied,
    SandboxFailed,
    SandboxReady,
    SandboxStopped,
    SignalSent,
)
from nsrunner.lifecycle.simulate.agenda import Agenda
from nsrunner.lifecycle.simulate.answers import of_hook, of_probe
from nsrunner.lifecycle.simulate.scenario import (
    ContainerScript,
    HookStep,
    ImageStep,
    Run,
    SandboxStep,
    Scenario,
)
from nsrunner.lifecycle.simulate.signals import number_of
from nsrunner.lifecycle.simulate.turns import Turns
from nsrunner.lifecycle.text import go_duration
from nsrunner.model.types import AnyContainer, Pod

__all__ = ["START", "World"]

START: Final = 1_735_689_600.0
"""Wall time of a simulation's beginning: 2025-01-01T00:00:00Z."""
_ADDRESS: Final = "192.0.2.1"
_KILLED: Final = 137


class _Instance(Struct, eq=False):
    """A run of a container that has not ended."""

    container: str
    attempt: int
    started: Now
    run: Run


class _Script:
    """What is to come of one container."""

    def __init__(self, script: ContainerScript, usual: Run) -> None:
        self.image = Turns(script.image, ImageStep())
        self.runs = Turns(script.runs, usual)
        self.hooks = {
            "PostStart": Turns(script.hooks.post_start, HookStep()),
            "PreStop": Turns(script.hooks.pre_stop, HookStep()),
        }
        self.windows = {
            "Startup": script.probes.startup,
            "Readiness": script.probes.readiness,
            "Liveness": script.probes.liveness,
        }


class World:
    """Time is in seconds since the beginning."""

    def __init__(self, pod: Pod, scenario: Scenario, agenda: Agenda) -> None:
        self.pod = pod
        """As it is now: with the ephemeral containers that were added."""
        self._agenda = agenda
        self._scenario = scenario
        self._sandboxes = Turns(scenario.sandbox, SandboxStep())
        self._scripts: dict[str, _Script] = {}
        self._sandbox: int | None = None
        """Attempt of the one that stands."""
        self._alive: dict[str, _Instance] = {}
        self._pulled: set[str] = set()
        """Containers whose image is there, and need not be looked for again unless their imagePullPolicy is Always."""
        self._under_way: set[int] = set()
        """Hooks and probes, and starts, by the id of the command. What is not in here any more is not answered."""

    def begin(self, command: Command, now: float) -> None:
        """Carry out a command: its answer comes at its time."""
        match command:
            case CreateSandbox():
                self._create_sandbox(command, now)
            case StopSandbox():
                self._agenda.add(now, lambda at: self._stop_sandbox(command, at))
            case EnsureImage():
                self._ensure_image(command, now)
            case StartContainer():
                self._start(command, now)
            case SignalContainer():
                self._signal(command, now)
            case RunHook():
                self._run_hook(command, now)
            case RunProbe():
                self._run_probe(command, now)
            case CancelHook():
                self._under_way.discard(command.hook_id)
            case CancelProbe():
                self._under_way.discard(command.probe_id)
            case RemoveContainer(id=number, container=name, attempt=attempt):
                self._answer(now, ContainerRemoved(id=number, container=name, attempt=attempt))
            case RemovePod(id=number):
                self._answer(now, PodRemoved(id=number))
            case RecordEvent():
                pass
            case never:
                assert_never(never)

    def lose_sandbox(self, at: float) -> list[Event]:
        """The sandbox dies now, if there is one."""
        if self._sandbox is None:
            return []
        attempt, self._sandbox = self._sandbox, None
        self._under_way.clear()
        return [*self._kill(self._alive.values(), at), SandboxDied(attempt=attempt)]

    # --- the sandbox and images

    def _create_sandbox(self, command: CreateSandbox, now: float) -> None:
        step = self._sandboxes.next()

        def done(at: float) -> list[Event]:
            if step.error is not None:
                reason = step.reason or "FailedCreatePodSandBox"
                failed = SandboxFailed(id=command.id, attempt=command.attempt, reason=reason, message=step.error)
                return [failed]
            self._sandbox = command.attempt
            ip = "" if self.pod.spec.host_network else _ADDRESS
            return [SandboxReady(id=command.id, attempt=command.attempt, pod_ip=ip)]

        self._agenda.add(now + step.takes, done)

    def _stop_sandbox(self, command: StopSandbox, at: float) -> list[Event]:
        self._sandbox = None
        self._under_way.clear()
        ends = self._kill(self._alive.values(), at)
        return [*ends, SandboxStopped(id=command.id, attempt=command.attempt)]

    def _ensure_image(self, command: EnsureImage, now: float) -> None:
        number, name = command.id, command.container
        container = self._container(name)
        if name in self._pulled and container.image_pull_policy != "Always":
            self._answer(now, ImageReady(id=number, container=name))
            return
        step = self._script(name).image.next()
        if step.error is not None:
            reason = step.reason or "ErrImagePull"
            self._answer(now + step.takes, ImageFailed(id=number, container=name, reason=reason, message=step.error))
            return
        self._pulled.add(name)
        message = ""
        if step.takes:
            took = go_duration(step.takes)
            message = f'Successfully pulled image "{container.image}" in {took} ({took} including waiting)'
        self._answer(now + step.takes, ImageReady(id=number, container=name, message=message))

    # --- containers

    def _start(self, command: StartContainer, now: float) -> None:
        run = self._script(command.container).runs.next()
        self._under_way.add(command.id)
        self._agenda.add(now + run.takes, lambda at: self._started(command, run, at))

    def _started(self, command: StartContainer, run: Run, at: float) -> list[Event]:
        if command.id not in self._under_way:
            return []
        self._under_way.discard(command.id)
        number, name, attempt = command.id, command.container, command.attempt
        container_id = f"{number:064x}"
        if run.start_error is not None:
            reason = run.reason or "RunContainerError"
            return [
                ContainerFailed(
                    id=number,
                    container=name,
                    attempt=attempt,
                    reason=reason,
                    message=run.start_error,
                    container_id=container_id if reason == "RunContainerError" else "",
                )
            ]
        instance = self._alive[name] = _Instance(name, attempt, _now(at), run)
        if run.exit is not None:
            self._end_later(instance, at + run.after, run.exit, by_itself=True)
        return [
            ContainerStarted(
                id=number, container=name, attempt=attempt, container_id=container_id, started=instance.started
            )
        ]

    def _signal(self, command: SignalContainer, now: float) -> None:
        self._answer(now, SignalSent(id=command.id, container=command.container, attempt=command.attempt))
        instance = self._alive.get(command.container)
        if instance is None or instance.attempt != command.attempt:
            return
        if command.signal == "KILL":
            self._end_later(instance, now, _KILLED)
        elif (stop := instance.run.stop).after < math.inf:
            code = 128 + number_of(command.signal) if stop.exit is None else stop.exit
            self._end_later(instance, now + stop.after, code)

    def _end_later(self, instance: _Instance, time: float, code: int, *, by_itself: bool = False) -> None:
        def ends(at: float) -> list[Event]:
            if self._alive.get(instance.container) is not instance:
                return []
            return [self._end(instance, code, at, by_itself=by_itself)]

        self._agenda.add(time, ends)

    def _end(self, instance: _Instance, code: int, at: float, *, by_itself: bool = False) -> Event:
        del self._alive[instance.container]
        return ContainerExited(
            container=instance.container,
            attempt=instance.attempt,
            exit_code=code,
            oom_killed=by_itself and instance.run.oom_killed,
            message=instance.run.message if by_itself else "",
            started=instance.started,
            finished=_now(at),
        )

    def _kill(self, instances: Iterable[_Instance], at: float) -> list[Event]:
        return [self._end(instance, _KILLED, at) for instance in tuple(instances)]

    # --- hooks and probes

    def _run_hook(self, command: RunHook, now: float) -> None:
        step = self._script(command.container).hooks[command.hook].next()
        takes, done = of_hook(command, self._container(command.container), step)
        self._unless_cancelled(command.id, now + takes, done)

    def _run_probe(self, command: RunProbe, now: float) -> None:
        windows = self._script(command.container).windows[command.probe]
        takes, done = of_probe(command, self._container(command.container), windows, now)
        self._unless_cancelled(command.id, now + takes, done)

    def _unless_cancelled(self, number: int, time: float, event: Event) -> None:
        if time == math.inf:
            return
        self._under_way.add(number)

        def done(_: float) -> list[Event]:
            if number not in self._under_way:
                return []
            self._under_way.discard(number)
            return [event]

        self._agenda.add(time, done)

    # --- common

    def _answer(self, time: float, event: Event) -> None:
        self._agenda.add(time, lambda _: [event])

    def _script(self, container: str) -> _Script:
        script = self._scripts.get(container)
        if script is None:
            given = self._scenario.containers.get(container, ContainerScript())
            waited_for = any(
                each.name == container and each.restart_policy != "Always" for each in self.pod.spec.init_containers
            )
            usual = Run(exit=0) if waited_for else Run()
            script = self._scripts[container] = _Script(given, usual)
        return script

    def _container(self, name: str) -> AnyContainer:
        spec = self.pod.spec
        everyone = (*spec.init_containers, *spec.containers, *spec.ephemeral_containers)
        return next(container for container in everyone if container.name == name)


def _now(at: float) -> Now:
    return Now(mono=at, wall=START + at)
