"""Numbering of commands, and the list of those that still lack their answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from nsrunner.lifecycle.commands import (
    AnsweredCommand,
    CancelHook,
    CancelProbe,
    Command,
    CreateSandbox,
    EnsureImage,
    HookName,
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

__all__ = ["Outbox"]

_OfContainer: TypeAlias = EnsureImage | StartContainer | RunHook | RunProbe | SignalContainer | RemoveContainer


class Outbox:
    """Collects the commands of one call of ``PodMachine.handle``."""

    def __init__(self, next_id: int, inflight: Mapping[int, AnsweredCommand]) -> None:
        self.next_id = next_id
        self.inflight = dict(inflight)
        """Commands without an answer, by id, in the order in which they were given."""
        self.commands: list[Command] = []

    def _send(self, command: AnsweredCommand) -> None:
        self.next_id = command.id + 1
        self.inflight[command.id] = command
        self.commands.append(command)

    def create_sandbox(self, attempt: int) -> None:
        self._send(CreateSandbox(id=self.next_id, attempt=attempt))

    def stop_sandbox(self, attempt: int) -> None:
        self._send(StopSandbox(id=self.next_id, attempt=attempt))

    def ensure_image(self, container: str) -> None:
        self._send(EnsureImage(id=self.next_id, container=container))

    def start(self, container: str, attempt: int) -> None:
        self._send(StartContainer(id=self.next_id, container=container, attempt=attempt))

    def run_hook(self, container: str, attempt: int, hook: HookName) -> None:
        self._send(RunHook(id=self.next_id, container=container, attempt=attempt, hook=hook))

    def hook_under_way(self, container: str) -> HookName | None:
        return next((command.hook for command in self._of(container) if isinstance(command, RunHook)), None)

    def cancel_hook(self, container: str) -> None:
        """Stop the container's hook, if one is under way."""
        self._drop(command for command in self._of(container) if isinstance(command, RunHook))

    def run_probe(self, container: str, attempt: int, probe: ProbeName) -> None:
        self._send(RunProbe(id=self.next_id, container=container, attempt=attempt, probe=probe))

    def cancel_probe(self, container: str, probe: ProbeName) -> None:
        """Stop the attempt under way of one of the container's probes."""
        attempts = (command for command in self._of(container) if isinstance(command, RunProbe))
        self._drop(command for command in attempts if command.probe == probe)

    def signal(self, container: str, attempt: int, signal: str) -> None:
        self._send(SignalContainer(id=self.next_id, container=container, attempt=attempt, signal=signal))

    def remove_container(self, container: str, attempt: int) -> None:
        self._send(RemoveContainer(id=self.next_id, container=container, attempt=attempt))

    def remove_pod(self) -> None:
        self._send(RemovePod(id=self.next_id))

    def record(self, kind: Literal["Normal", "Warning"], reason: str, message: str, field_path: str = "") -> None:
        self.commands.append(RecordEvent(type=kind, reason=reason, message=message, field_path=field_path))

    def answered(self, number: int) -> AnsweredCommand | None:
        """Take the command with this id off the list; None when it has been answered or abandoned before."""
        return self.inflight.pop(number, None)

    def abandon(self, container: str) -> None:
        """Of the container's image, start, hooks, probes and signals nothing matters any more: answers may come or not.
        Hooks and probes are stopped."""
        self._drop(command for command in self._of(container) if not isinstance(command, RemoveContainer))

    def _of(self, container: str) -> list[_OfContainer]:
        return [
            command
            for command in self.inflight.values()
            if isinstance(command, _OfContainer) and command.container == container
        ]

    def _drop(self, commands: Iterable[_OfContainer]) -> None:
        for command in commands:
            del self.inflight[command.id]
            if isinstance(command, RunHook):
                self.commands.append(CancelHook(hook_id=command.id))
            elif isinstance(command, RunProbe):
                self.commands.append(CancelProbe(probe_id=command.id))

    def abandon_sandbox(self) -> None:
        """An answer to the CreateSandbox in flight no longer matters."""
        self.inflight = {
            number: command for number, command in self.inflight.items() if not isinstance(command, CreateSandbox)
        }
