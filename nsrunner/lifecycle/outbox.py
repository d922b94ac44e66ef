"""Numbering of commands, and the list of those that still lack their answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from nsrunner.lifecycle.commands import (
    AnsweredCommand,
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

__all__ = ["Outbox"]


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

    def signal(self, container: str, attempt: int, signal: Literal["TERM", "KILL"]) -> None:
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
        """Answers to the container's image, start and signal commands no longer matter; they may come or not."""
        self.inflight = {
            number: command
            for number, command in self.inflight.items()
            if not isinstance(command, (EnsureImage, StartContainer, SignalContainer)) or command.container != container
        }

    def abandon_sandbox(self) -> None:
        """An answer to the CreateSandbox in flight no longer matters."""
        self.inflight = {
            number: command for number, command in self.inflight.items() if not isinstance(command, CreateSandbox)
        }
