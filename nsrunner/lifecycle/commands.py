"""What the pod machine asks for: its outputs.

Every command but :class:`RecordEvent`, :class:`CancelHook` and :class:`CancelProbe` has an ``id``, unique within the
pod and chosen by the machine, and is answered by exactly one event that repeats the id (named in each docstring), also
when it fails. Whoever performs commands may be asked the same id again after a crash and then gives its first answer;
hooks and probes that were under way are begun anew. ``supervisor/perform.py`` is the only place that turns them into
effects.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

__all__ = [
    "AnsweredCommand",
    "CancelHook",
    "CancelProbe",
    "Command",
    "CreateSandbox",
    "EnsureImage",
    "HookName",
    "ProbeName",
    "RecordEvent",
    "RemoveContainer",
    "RemovePod",
    "RunHook",
    "RunProbe",
    "SignalContainer",
    "StartContainer",
    "StopSandbox",
]

HookName: TypeAlias = Literal["PostStart", "PreStop"]
ProbeName: TypeAlias = Literal["Startup", "Readiness", "Liveness"]


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
    """The stop signal goes to the instance's first process; KILL to everything in the instance. Answer: SignalSent;
    the end itself arrives as ContainerExited."""

    id: int
    container: str
    attempt: int
    signal: str
    """``KILL``, or the container's stop signal without ``SIG``: ``TERM`` unless the spec names another, such as
    ``USR1`` or ``RTMIN+3``."""


class RunHook(Struct, frozen=True, kw_only=True):
    """Run a lifecycle hook of a running instance. Answer: HookDone. The performer reads the handler from the spec."""

    id: int
    container: str
    attempt: int
    hook: HookName


class CancelHook(Struct, frozen=True, kw_only=True):
    """Stop the hook begun by the RunHook with this id, if it is still under way. Not answered; a HookDone may follow
    or not."""

    hook_id: int


class RunProbe(Struct, frozen=True, kw_only=True):
    """Probe a running instance once, now, within the probe's timeoutSeconds. Answer: ProbeDone."""

    id: int
    container: str
    attempt: int
    probe: ProbeName


class CancelProbe(Struct, frozen=True, kw_only=True):
    """Stop the probe begun by the RunProbe with this id, if it is still under way. Not answered; a ProbeDone may
    follow or not."""

    probe_id: int


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
    CreateSandbox
    | StopSandbox
    | EnsureImage
    | StartContainer
    | RunHook
    | RunProbe
    | SignalContainer
    | RemoveContainer
    | RemovePod
)
Command: TypeAlias = AnsweredCommand | CancelHook | CancelProbe | RecordEvent
