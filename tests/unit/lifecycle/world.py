"""A world for the pod's machine to live in: what really is, beside what the machine believes.

It carries out commands when it is told to, well or badly, and makes the events that tell of it. It checks that what it
is asked for is possible at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nsrunner.lifecycle.commands import (
    AnsweredCommand,
    CancelHook,
    CancelProbe,
    CreateSandbox,
    EnsureImage,
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
    HookDone,
    ImageFailed,
    ImageReady,
    PodRemoved,
    ProbeDone,
    SandboxFailed,
    SandboxReady,
    SandboxStopped,
    SignalSent,
)
from unit.lifecycle.play import instant

__all__ = ["Exits", "Run", "World"]

Exits = Literal["none", "before", "after"]
"""Whether an instance ends as soon as it has started, and its end is told before or after the start is answered."""


@dataclass
class Run:
    """One instance in the world."""

    container: str
    attempt: int
    sandbox: int
    started: float


@dataclass
class World:
    """The commands that wait to be carried out, the sandbox, the processes, the unreported exits."""

    todo: dict[int, AnsweredCommand] = field(default_factory=dict)
    sandbox: int | None = None
    alive: list[Run] = field(default_factory=list)
    exits: list[ContainerExited] = field(default_factory=list)
    gone: bool = False
    """The pod was removed."""

    def cancel(self, command: CancelHook | CancelProbe) -> None:
        """Every other one is too late: it is answered all the same."""
        number = command.hook_id if isinstance(command, CancelHook) else command.probe_id
        if number % 2:
            self.todo.pop(number, None)

    def end(self, run: Run, code: int, now: float) -> None:
        self.alive.remove(run)
        self.exits.append(
            ContainerExited(
                container=run.container,
                attempt=run.attempt,
                exit_code=code,
                oom_killed=False,
                message="",
                started=instant(run.started),
                finished=instant(now),
            )
        )

    def lose_sandbox(self, now: float, *, seen: bool, answered: bool) -> int:
        """It dies with all processes. Their exits are seen or not, and so are answers to what was in flight."""
        assert self.sandbox is not None
        attempt, self.sandbox = self.sandbox, None
        for run in list(self.alive):
            self.end(run, 137, now)
        if not seen:
            self.exits.clear()
        if not answered:
            lost = (StartContainer, SignalContainer, RunHook, RunProbe)
            self.todo = {number: command for number, command in self.todo.items() if not isinstance(command, lost)}
        return attempt

    def carry_out(self, number: int, good: bool, now: float, exits: Exits = "none") -> Event:
        """The answer to a command. With ``before`` the exit of a start is in ``exits`` and has to be told first."""
        command = self.todo.pop(number)
        match command:
            case CreateSandbox(id=number, attempt=attempt):
                if not good:
                    return SandboxFailed(id=number, attempt=attempt, reason="FailedMount", message="no")
                self.sandbox = attempt
                return SandboxReady(id=number, attempt=attempt, pod_ip="192.0.2.1")
            case StopSandbox(id=number, attempt=attempt):
                for run in list(self.alive):
                    self.end(run, 137, now)
                if self.sandbox == attempt:
                    self.sandbox = None
                return SandboxStopped(id=number, attempt=attempt)
            case EnsureImage(id=number, container=name):
                if good:
                    return ImageReady(id=number, container=name)
                reason = "ErrImagePull" if number % 2 else "ErrImageNeverPull"
                return ImageFailed(id=number, container=name, reason=reason, message="no")
            case StartContainer():
                return self._start(command, good, now, exits)
            case RunHook(id=number, container=name, attempt=attempt, hook=hook):
                return HookDone(id=number, container=name, attempt=attempt, hook=hook, error="" if good else "no")
            case RunProbe():
                return self._probe(command, good)
            case SignalContainer(id=number, container=name, attempt=attempt, signal=signal):
                for run in list(self.alive):
                    if good and (run.container, run.attempt) == (name, attempt) and signal == "KILL":
                        self.end(run, 137, now)
                return SignalSent(id=number, container=name, attempt=attempt, error="" if good else "no")
            case RemoveContainer(id=number, container=name, attempt=attempt):
                assert all((run.container, run.attempt) != (name, attempt) for run in self.alive)
                return ContainerRemoved(id=number, container=name, attempt=attempt)
            case RemovePod(id=number):
                assert not self.alive
                self.gone = True
                return PodRemoved(id=number)

    def _start(self, command: StartContainer, good: bool, now: float, exits: Exits) -> Event:
        number, name, attempt = command.id, command.container, command.attempt
        if not good or self.sandbox is None:
            reason = ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"][number % 3]
            return ContainerFailed(id=number, container=name, attempt=attempt, reason=reason, message="no")
        assert all(run.container != name for run in self.alive), "two live instances"
        run = Run(name, attempt, self.sandbox, now)
        self.alive.append(run)
        if exits == "before":
            self.end(run, number % 2, now)
        return ContainerStarted(
            id=number,
            container=name,
            attempt=attempt,
            container_id="0123456789abcdef"[number % 16] * 64,
            started=instant(run.started),
        )

    def _probe(self, command: RunProbe, good: bool) -> Event:
        result: Literal["Success", "Failure", "Unknown"] = "Success"
        if not good:
            result = "Unknown" if command.id % 7 == 0 else "Failure"
        return ProbeDone(
            id=command.id,
            container=command.container,
            attempt=command.attempt,
            probe=command.probe,
            result=result,
            message="" if good else "no",
        )
