"""What happens to a pod: the inputs of :class:`nsrunner.lifecycle.pod.PodMachine`.

Events are facts that somebody else observed. Each answer to a command carries the command's ``id``.
A container instance is named by (container, attempt): ``attempt`` is the kubelet's restartCount of that
instance, so 0 for the first run; a sandbox by its own ``attempt``.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from nsrunner.lifecycle.commands import HookName, ProbeName
from nsrunner.model.types import Pod

__all__ = [
    "ConditionSet",
    "ContainerExited",
    "ContainerFailed",
    "ContainerRemoved",
    "ContainerStarted",
    "DeleteRequested",
    "Event",
    "HookDone",
    "ImageFailed",
    "ImageReady",
    "Now",
    "PodAdded",
    "PodRejected",
    "PodRemoved",
    "ProbeDone",
    "SandboxDied",
    "SandboxFailed",
    "SandboxReady",
    "SandboxStopped",
    "SignalSent",
    "SpecChanged",
    "Tick",
    "User",
]


class Now(Struct, frozen=True, order=True):
    """An instant. ``mono`` decides, ``wall`` only labels."""

    mono: float
    """Seconds of CLOCK_BOOTTIME (suspend counts, clock settings do not)."""
    wall: float
    """Seconds since the epoch."""


class PodAdded(Struct, frozen=True, kw_only=True):
    """The pod is accepted: begin."""


class PodRejected(Struct, frozen=True, kw_only=True):
    """The node refuses the pod (kubelet-semantics 18.7): it fails without ever starting."""

    reason: str
    """Such as ``SysctlForbidden``."""
    message: str


class DeleteRequested(Struct, frozen=True, kw_only=True):
    """The pod is to end. A later one may only shorten the grace period."""

    grace_seconds: int | None
    """None: the spec's terminationGracePeriodSeconds. 0: whatever runs is killed at once, without the two seconds that
    any other period, the spec's own 0 too, leaves between TERM and KILL (a departure: docs/kubelet.md)."""


class SpecChanged(Struct, frozen=True, kw_only=True):
    """The pod's object has changed in what may change while it lives (kubelet-semantics 2.5): ephemeral containers
    were added, metadata, activeDeadlineSeconds."""

    pod: Pod
    """The whole object as it is now."""


class ConditionSet(Struct, frozen=True, kw_only=True):
    """Somebody else sets one of the pod's conditions, such as that of a readiness gate."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str = ""
    message: str = ""


class Tick(Struct, frozen=True, kw_only=True):
    """The deadline that ``next_deadline()`` named has come (a spurious one does nothing)."""


class SandboxReady(Struct, frozen=True, kw_only=True):
    """The sandbox stands: namespaces, volumes, pause."""

    id: int
    attempt: int
    pod_ip: str
    """Empty with the host's network."""


class SandboxFailed(Struct, frozen=True, kw_only=True):
    """The sandbox (or one of the pod's volumes) could not be made; nothing of it is left."""

    id: int
    attempt: int
    reason: str
    """Of the Warning event: ``FailedCreatePodSandBox`` or ``FailedMount``."""
    message: str
    """The error alone with FailedCreatePodSandBox (the machine puts "Failed to create pod sandbox: " before it), the
    whole text of the event with FailedMount."""


class SandboxDied(Struct, frozen=True, kw_only=True):
    """Pause or the shim died. Every container of this sandbox is dead; those whose exit nobody saw get no
    ContainerExited. Commands about its containers that are in flight may be answered or not, and so may its own
    CreateSandbox; StopSandbox and RemovePod are answered in any case. A sandbox that dies while StopSandbox is in
    flight need not be reported."""

    attempt: int


class SandboxStopped(Struct, frozen=True, kw_only=True):
    """Nothing runs in the sandbox any more, and it is gone."""

    id: int
    attempt: int


class ImageReady(Struct, frozen=True, kw_only=True):
    """The container can be started with its image."""

    id: int
    container: str
    image_id: str = ""
    """The digest or directory that the name stands for, for status.imageID; empty when there is none."""
    message: str = ""
    """Of the Normal event Pulled, such as ``Successfully pulled image "busybox" in 1.2s (1.3s including waiting).
    Image size: 1234 bytes.``; empty when the image was there already."""


class ImageFailed(Struct, frozen=True, kw_only=True):
    """There is no image to start the container with."""

    id: int
    container: str
    reason: str
    """``ErrImagePull``, ``ErrImageNeverPull``, ``InvalidImageName``, ``ImageInspectError`` (kubelet-semantics 19)."""
    message: str
    """The error; with ErrImagePull what comes after "Failed to pull image "X": "."""


class User(Struct, frozen=True, kw_only=True):
    """Whom a program runs as at first."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    """Supplementary ones, the primary group included."""


class ContainerStarted(Struct, frozen=True, kw_only=True):
    """The container's program runs (execve succeeded)."""

    id: int
    container: str
    attempt: int
    container_id: str
    """64 hex digits, without the ``nsrunner://`` prefix."""
    started: Now
    user: User | None = None
    """Whom it runs as."""


class ContainerFailed(Struct, frozen=True, kw_only=True):
    """A start that did not end in a running program."""

    id: int
    container: str
    attempt: int
    reason: str
    """``CreateContainerConfigError`` and ``CreateContainerError`` leave no record (retried after a fixed delay, same
    attempt); ``RunContainerError`` leaves one: terminated, exit code 128, reason StartError (kubelet-semantics 8)."""
    message: str
    container_id: str = ""
    """With RunContainerError only."""


class ContainerExited(Struct, frozen=True, kw_only=True):
    """An instance has ended."""

    container: str
    attempt: int
    exit_code: int
    """0-255; 128 + n when signal n ended it."""
    oom_killed: bool
    message: str
    """The termination message, already read by the policy's rules (kubelet-semantics 25)."""
    started: Now
    finished: Now


class HookDone(Struct, frozen=True, kw_only=True):
    """A lifecycle hook has come to its end."""

    id: int
    container: str
    attempt: int
    hook: HookName
    error: str = ""
    """Empty: it succeeded. Otherwise the whole text for ``waiting.message`` of PostStartHookError (kubelet-semantics
    15)."""


class ProbeDone(Struct, frozen=True, kw_only=True):
    """A probe has come to its end, by itself or by its timeout."""

    id: int
    container: str
    attempt: int
    probe: ProbeName
    result: Literal["Success", "Failure", "Unknown"]
    """Unknown: the prober itself failed, three times again at once (kubelet-semantics 14.6); nothing is known of the
    container."""
    message: str = ""
    """With Failure the probe's output, with Success the text of a ProbeWarning or nothing. With Unknown the prober's
    error; without one the probe itself could not tell, which counts as a failure that nobody hears of."""


class SignalSent(Struct, frozen=True, kw_only=True):
    """A SignalContainer was carried out, or the container was gone already (its exit follows in any case)."""

    id: int
    container: str
    attempt: int
    error: str = ""
    """Non-empty: it could not be sent; becomes the event FailedKillPod."""


class ContainerRemoved(Struct, frozen=True, kw_only=True):
    """Record and log of a dead instance are gone."""

    id: int
    container: str
    attempt: int


class PodRemoved(Struct, frozen=True, kw_only=True):
    """Nothing of the pod is left on the node."""

    id: int


Event: TypeAlias = (
    PodAdded
    | PodRejected
    | DeleteRequested
    | SpecChanged
    | ConditionSet
    | Tick
    | SandboxReady
    | SandboxFailed
    | SandboxDied
    | SandboxStopped
    | ImageReady
    | ImageFailed
    | ContainerStarted
    | ContainerFailed
    | ContainerExited
    | HookDone
    | ProbeDone
    | SignalSent
    | ContainerRemoved
    | PodRemoved
)
