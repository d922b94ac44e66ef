"""The records of a container's runs: how each comes to be, and which are kept."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from nsrunner.lifecycle.events import ContainerExited, ContainerFailed, ContainerStarted, Now
from nsrunner.lifecycle.outbox import Outbox
from nsrunner.lifecycle.policy import COMPLETED, OOM_KILLED, RESTARTING_ALL
from nsrunner.lifecycle.value import ContainerValue, Instance

__all__ = [
    "UNSEEN_EXIT_CODE",
    "UNSEEN_MESSAGE",
    "UNSEEN_REASON",
    "add",
    "amend",
    "ended",
    "finished",
    "purge",
    "reset",
    "start_error",
    "started",
    "unseen",
]

UNSEEN_REASON: Final = "ContainerStatusUnknown"
UNSEEN_MESSAGE: Final = "The container could not be located when the pod was terminated"
UNSEEN_EXIT_CODE: Final = 137


def started(event: ContainerStarted, *, image_id: str, early: Instance | None) -> Instance:
    """The record of a run; ``early``: of its end, which was seen before the answer to its start."""
    known = early or Instance(attempt=event.attempt, container_id="", started=event.started)
    return replace(known, container_id=event.container_id, image_id=image_id, user=event.user)


def ended(event: ContainerExited, *, container_id: str, image_id: str) -> Instance:
    """The record of an end that was seen."""
    reason = OOM_KILLED if event.oom_killed else COMPLETED if event.exit_code == 0 else "Error"
    return Instance(
        attempt=event.attempt,
        container_id=container_id,
        image_id=image_id,
        started=event.started,
        finished=event.finished,
        exit_code=event.exit_code,
        reason=reason,
        message=event.message,
    )


def finished(instance: Instance, event: ContainerExited) -> Instance:
    """The record of a run whose start was seen, after its end was."""
    known = ended(event, container_id=instance.container_id, image_id=instance.image_id)
    return replace(known, user=instance.user)


def start_error(event: ContainerFailed, *, image_id: str, now: Now) -> Instance:
    """The record that a start leaves which failed in the program's exec (kubelet-semantics 8)."""
    return Instance(
        attempt=event.attempt,
        container_id=event.container_id,
        image_id=image_id,
        started=now,
        finished=now,
        exit_code=128,
        reason="StartError",
        message=event.message,
    )


def unseen(instance: Instance, now: Now) -> Instance:
    """The record of a run that its sandbox took along."""
    return replace(
        instance,
        finished=now,
        exit_code=UNSEEN_EXIT_CODE,
        reason=UNSEEN_REASON,
        message=UNSEEN_MESSAGE,
        unseen=True,
    )


def add(value: ContainerValue, instance: Instance, name: str, out: Outbox) -> ContainerValue:
    """Make ``instance`` the newest. The one before it stays, older ones go: the last two instances keep their logs."""
    _remove(value.previous, name, out)
    previous = value.current if value.current is not None and not value.current.removed else None
    return replace(value, current=instance, previous=previous, next_attempt=instance.attempt + 1)


def purge(value: ContainerValue, name: str, out: Outbox) -> ContainerValue:
    """Drop all (dead) records; the status goes on showing the newest until there is another (kubelet-semantics 11)."""
    _remove(value.previous, name, out)
    _remove(value.current, name, out)
    current = value.current if value.current is None else replace(value.current, removed=True)
    return replace(value, current=current, previous=None)


def reset(value: ContainerValue, name: str, out: Outbox) -> ContainerValue:
    """The (dead) instances count as removed. The log of the newest stays, as the kubelet leaves it (6.5)."""
    _remove(value.previous, name, out)
    current = value.current
    if current is not None:
        current = replace(
            current, exit_code=UNSEEN_EXIT_CODE, reason=RESTARTING_ALL, message="", unseen=False, reset=True
        )
    return replace(value, current=current, previous=None)


def _remove(instance: Instance | None, name: str, out: Outbox) -> None:
    if instance is not None and not instance.removed:
        out.remove_container(name, instance.attempt)


def amend(value: ContainerValue, event: ContainerExited) -> ContainerValue:
    """Take in an exit that turned up after its instance was written off; anything else about the past is old news."""

    def better(instance: Instance | None) -> Instance | None:
        if instance is None or instance.attempt != event.attempt or not instance.unseen:
            return instance
        return replace(finished(instance, event), removed=instance.removed)

    return replace(value, current=better(value.current), previous=better(value.previous))
