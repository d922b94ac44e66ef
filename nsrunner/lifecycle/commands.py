"""What the pod machine asks for: its outputs.

Every command but :class:`RecordEvent` has an ``id``, unique within the pod and chosen by the machine, and is answered
by exactly one event that repeats the id (named in each docstring), also when it fails. Whoever performs commands may be
asked the same id again after a crash and then gives its first answer. ``supervisor/perform.py`` is the only place that
turns them into effects.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

__all__ = [
    "AnsweredCommand",
    "Command",
    "CreateSandbox",
    "EnsureImage",
    "RecordEvent",
    "RemoveContainer",
    "RemovePod",
    "SignalContainer",
    "StartContainer",
    "StopSandbox",
]


class CreateSandbox(Struct, frozen=True, kw_only=True):
    """Make the pod's namespaces and volumes. Answer: SandboxReady or SandboxFailed."""

    id: int
    attempt: int


class StopSandbox(Struct, frozen=True, kw_only=True):
    """Kill whatever is left in the sandbox, then the sandbox; the volumes stay. Answer: SandboxStopped."""

    id: int
    attempt: int


class EnsureImage(Struct, frozen=True, kw_only=True):
    """Resolve the container's image by its imagePullPolicy. Answer: ImageReady or ImageFailed."""

    id: int
    container: str


class StartContainer(Struct, frozen=True, kw_only=True):
    """Create and start one instance. Answer: ContainerStarted or ContainerFailed."""

    id: int
    container: str
    attempt: int


class SignalContainer(Struct, frozen=True, kw_only=True):
    """TERM goes to the instance's first process; KILL to everything in the instance. Answer: SignalSent; the end
    itself arrives as ContainerExited."""

    id: int
    container: str
    attempt: int
    signal: Literal["TERM", "KILL"]


class RemoveContainer(Struct, frozen=True, kw_only=True):
    """Forget a dead instance and delete its log. Answer: ContainerRemoved."""

    id: int
    container: str
    attempt: int


class RemovePod(Struct, frozen=True, kw_only=True):
    """Remove all that is left: volumes, logs, directories. Answer: PodRemoved."""

    id: int


class RecordEvent(Struct, frozen=True, kw_only=True):
    """Publish a Kubernetes Event about the pod. Not answered."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    field_path: str = ""
    """Such as ``spec.containers{web}``; empty for the pod itself."""


AnsweredCommand: TypeAlias = (
    CreateSandbox | StopSandbox | EnsureImage | StartContainer | SignalContainer | RemoveContainer | RemovePod
)
Command: TypeAlias = AnsweredCommand | RecordEvent
