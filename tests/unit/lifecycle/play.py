"""Scripts for the lifecycle's tests: a pod's machine, a clock, and a world that answers as it is told.

``Play`` renders commands as short lines (``start web/0``, ``TERM web/0``, ``stop sandbox 0``), so that a test reads as
a script and pytest's diff of two lists of lines shows what differs. Kubernetes Events are collected apart, in
``events``, as ``reason: message``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from msgspec import structs

from nsrunner.lifecycle import PodMachine, Settings
from nsrunner.lifecycle.commands import (
    AnsweredCommand,
    CancelHook,
    CancelProbe,
    Command,
    CreateSandbox,
    EnsureImage,
    ProbeName,
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
    DeleteRequested,
    Event,
    HookDone,
    ImageFailed,
    ImageReady,
    Now,
    PodAdded,
    PodRemoved,
    ProbeDone,
    SandboxDied,
    SandboxFailed,
    SandboxReady,
    SandboxStopped,
    SignalSent,
    SpecChanged,
    Tick,
    User,
)
from nsrunner.model.types import Container, ContainerStatus, ObjectMeta, Pod, PodCondition, PodSpec

__all__ = ["WALL", "Play", "instant", "line", "make_pod"]

WALL = 1_700_000_000.0
"""Wall time at monotonic 0: 2023-11-14T22:13:20Z."""

C = TypeVar("C", bound=AnsweredCommand)


def instant(mono: float) -> Now:
    return Now(mono, WALL + mono)


def make_pod(
    *containers: str | Container,
    init: Sequence[str | Container] = (),
    policy: str = "Always",
    grace: int | None = 30,
    deadline: int | None = None,
    annotations: dict[str, str] | None = None,
    host_network: bool = False,
) -> Pod:
    """A pod ``web`` of containers that are given whole or by name."""

    def whole(container: str | Container) -> Container:
        return Container(name=container, image="busybox") if isinstance(container, str) else container

    return Pod(
        metadata=ObjectMeta(name="web", namespace="shop", uid="u1", generation=3, annotations=annotations or {}),
        spec=PodSpec(
            containers=tuple(map(whole, containers)),
            init_containers=tuple(map(whole, init)),
            restart_policy=policy,
            termination_grace_period_seconds=grace,
            active_deadline_seconds=deadline,
            host_network=host_network,
        ),
    )


def line(command: Command) -> str:
    match command:
        case CreateSandbox():
            return f"create sandbox {command.attempt}"
        case StopSandbox():
            return f"stop sandbox {command.attempt}"
        case EnsureImage():
            return f"image {command.container}"
        case StartContainer():
            return f"start {command.container}/{command.attempt}"
        case SignalContainer():
            return f"{command.signal} {command.container}/{command.attempt}"
        case RunHook():
            return f"{command.hook} {command.container}/{command.attempt}"
        case CancelHook():
            return f"cancel hook {command.hook_id}"
        case RunProbe():
            return f"{command.probe} {command.container}/{command.attempt}"
        case CancelProbe():
            return f"cancel probe {command.probe_id}"
        case RemoveContainer():
            return f"remove {command.container}/{command.attempt}"
        case RemovePod():
            return "remove pod"
        case RecordEvent():
            return f"{command.reason}: {command.message}"


class Play:
    """Each method that tells the machine something returns the lines of the commands that it answered with."""

    def __init__(self, pod: Pod, settings: Settings | None = None) -> None:
        self.machine = PodMachine(pod, settings)
        self.time = 0.0
        self.events: list[str] = []
        self.recorded: list[RecordEvent] = []
        self.started: dict[str, float] = {}
        self._signals: list[SignalContainer] = []

    @property
    def now(self) -> Now:
        return instant(self.time)

    def tell(self, event: Event) -> list[str]:
        commands = self.machine.handle(event, self.now)
        records = [command for command in commands if isinstance(command, RecordEvent)]
        self.recorded += records
        self.events += map(line, records)
        self._signals += [command for command in commands if isinstance(command, SignalContainer)]
        return [line(command) for command in commands if not isinstance(command, RecordEvent)]

    def pending(self, kind: type[C], container: str = "") -> C:
        """The oldest unanswered command of a kind."""
        for command in self.machine.unanswered:
            if isinstance(command, kind) and container in ("", getattr(command, "container", "")):
                return command
        raise AssertionError(f"no {kind.__name__} {container} among {self.machine.unanswered}")

    # What happens.

    def add(self) -> list[str]:
        return self.tell(PodAdded())

    def sandbox(self, ip: str = "192.0.2.1") -> list[str]:
        command = self.pending(CreateSandbox)
        return self.tell(SandboxReady(id=command.id, attempt=command.attempt, pod_ip=ip))

    def sandbox_failed(self, message: str = "no luck", reason: str = "FailedCreatePodSandBox") -> list[str]:
        command = self.pending(CreateSandbox)
        return self.tell(SandboxFailed(id=command.id, attempt=command.attempt, reason=reason, message=message))

    def sandbox_died(self, attempt: int = 0) -> list[str]:
        return self.tell(SandboxDied(attempt=attempt))

    def sandbox_stopped(self) -> list[str]:
        command = self.pending(StopSandbox)
        return self.tell(SandboxStopped(id=command.id, attempt=command.attempt))

    def image(self, name: str) -> list[str]:
        return self.tell(ImageReady(id=self.pending(EnsureImage, name).id, container=name))

    def image_failed(self, name: str, reason: str = "ErrImagePull", message: str = "no such host") -> list[str]:
        command = self.pending(EnsureImage, name)
        return self.tell(ImageFailed(id=command.id, container=name, reason=reason, message=message))

    def runs(self, name: str) -> list[str]:
        """The start in flight succeeded."""
        command = self.pending(StartContainer, name)
        self.started[name] = self.time
        return self.tell(
            ContainerStarted(
                id=command.id,
                container=name,
                attempt=command.attempt,
                container_id=f"{command.id:064x}",
                started=self.now,
                user=User(uid=1000, gid=command.attempt, groups=(command.attempt, 7)),
            )
        )

    def start_failed(self, name: str, reason: str, message: str = "exec: no such file") -> list[str]:
        command = self.pending(StartContainer, name)
        return self.tell(
            ContainerFailed(id=command.id, container=name, attempt=command.attempt, reason=reason, message=message)
        )

    def exit(
        self, name: str, code: int = 0, *, attempt: int | None = None, oom: bool = False, text: str = ""
    ) -> list[str]:
        if attempt is None:
            newest = self.machine.value.containers[name].current
            assert newest is not None
            attempt = newest.attempt
        return self.tell(
            ContainerExited(
                container=name,
                attempt=attempt,
                exit_code=code,
                oom_killed=oom,
                message=text,
                started=instant(self.started.get(name, self.time)),
                finished=self.now,
            )
        )

    def signalled(self, name: str, error: str = "") -> list[str]:
        """The oldest signal that was not answered yet, be it that nobody waits for the answer any more."""
        command = next(signal for signal in self._signals if signal.container == name)
        self._signals.remove(command)
        return self.tell(SignalSent(id=command.id, container=name, attempt=command.attempt, error=error))

    def hook_done(self, name: str, error: str = "") -> list[str]:
        """The container's hook that is under way comes to its end."""
        command = self.pending(RunHook, name)
        return self.tell(
            HookDone(id=command.id, container=name, attempt=command.attempt, hook=command.hook, error=error)
        )

    def probed(self, name: str, probe: ProbeName, result: Literal["Success", "Failure"] = "Success") -> list[str]:
        """The next attempt of a probe comes to its end; time passes until it has begun."""

        def under_way() -> list[RunProbe]:
            attempts = (command for command in self.machine.unanswered if isinstance(command, RunProbe))
            return [command for command in attempts if (command.container, command.probe) == (name, probe)]

        while not under_way():
            self.until_deadline()
        command = under_way()[0]
        message = "" if result == "Success" else "no"
        return self.tell(
            ProbeDone(
                id=command.id, container=name, attempt=command.attempt, probe=probe, result=result, message=message
            )
        )

    def spec(self, **changes: Any) -> list[str]:
        """Fields of the pod's spec are changed."""
        pod = self.machine.pod
        return self.tell(SpecChanged(pod=structs.replace(pod, spec=structs.replace(pod.spec, **changes))))

    def forgotten(self, name: str) -> list[str]:
        command = self.pending(RemoveContainer, name)
        return self.tell(ContainerRemoved(id=command.id, container=name, attempt=command.attempt))

    def removed(self) -> list[str]:
        return self.tell(PodRemoved(id=self.pending(RemovePod).id))

    def delete(self, grace: int | None = None) -> list[str]:
        return self.tell(DeleteRequested(grace_seconds=grace))

    def tick(self, at: float) -> list[str]:
        """Let time pass to ``at``, which must not pass over a deadline, and tick."""
        deadline = self.machine.next_deadline()
        assert deadline is None or at <= deadline, f"a deadline at {deadline} comes before {at}"
        self.time = at
        return self.tell(Tick())

    def until_deadline(self) -> list[str]:
        """Let time pass to the next deadline and tick."""
        deadline = self.machine.next_deadline()
        assert deadline is not None, "nothing happens by itself"
        return self.tick(deadline)

    # Several steps at once, for what comes before that which a test is about.

    def begin(self) -> Play:
        """Accept the pod and make its sandbox."""
        self.add()
        self.sandbox()
        return self

    def run(self, name: str) -> list[str]:
        """Answer the container's image and start."""
        assert self.image(name)[0].startswith(f"start {name}/")
        return self.runs(name)

    # What is seen.

    @property
    def phase(self) -> str | None:
        return self.machine.status().phase

    def status_of(self, name: str) -> ContainerStatus:
        status = self.machine.status()
        for container in (
            *status.init_container_statuses,
            *status.container_statuses,
            *status.ephemeral_container_statuses,
        ):
            if container.name == name:
                return container
        raise AssertionError(f"no status of {name}")

    def state_of(self, name: str) -> str:
        """``running``, ``waiting REASON`` or ``terminated CODE REASON``."""
        state = self.status_of(name).state
        assert state is not None
        if state.running is not None:
            return "running"
        if state.waiting is not None:
            return f"waiting {state.waiting.reason}"
        assert state.terminated is not None
        return f"terminated {state.terminated.exit_code} {state.terminated.reason}"

    def last_state_of(self, name: str) -> str:
        """``CODE REASON``; empty when there is none."""
        last = self.status_of(name).last_state
        if last is None:
            return ""
        assert last.terminated is not None
        return f"{last.terminated.exit_code} {last.terminated.reason}"

    def condition(self, kind: str) -> PodCondition:
        return next(condition for condition in self.machine.status().conditions if condition.type == kind)

    def says(self, kind: str) -> str:
        """``True``, or ``False REASON MESSAGE``."""
        condition = self.condition(kind)
        return " ".join(filter(None, (condition.status, condition.reason, condition.message)))
