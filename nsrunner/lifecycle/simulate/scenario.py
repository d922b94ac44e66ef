"""What happens in a simulated world: the contents of a scenario file, field by field (docs/simulate.md).

Lists of steps are taken one after the other. A step holds for one time, or for as many as ``times`` says; the last one
without ``times`` for all that come after. When they are used up, things go well: init containers succeed at once, the
others run until they are stopped.
"""

from __future__ import annotations

from nsrunner.model.types import EphemeralContainer
from nsrunner.model.types.base import Duration, Struct

__all__ = [
    "Action",
    "Condition",
    "ContainerScript",
    "Delete",
    "HookScripts",
    "HookStep",
    "ImageStep",
    "ProbeScripts",
    "Run",
    "SandboxStep",
    "Scenario",
    "Stop",
    "Window",
]

_NONE = Duration(0.0)


class SandboxStep(Struct, frozen=True, kw_only=True):
    """One attempt to make the pod's sandbox."""

    takes: Duration = _NONE
    error: str | None = None
    """It fails with this."""
    reason: str | None = None
    """With ``error``: FailedCreatePodSandBox when nothing is said."""
    times: int | None = None


class ImageStep(Struct, frozen=True, kw_only=True):
    """One look for a container's image."""

    takes: Duration = _NONE
    error: str | None = None
    reason: str | None = None
    """With ``error``: ErrImagePull when nothing is said."""
    times: int | None = None


class Stop(Struct, frozen=True, kw_only=True):
    """What a program does when it gets its stop signal."""

    after: Duration = _NONE
    """``never``: it ignores the signal."""
    exit: int | None = None
    """None: it dies of the signal."""


class Run(Struct, frozen=True, kw_only=True):
    """One run of a container."""

    exit: int | None = None
    """None: it runs until it is stopped."""
    after: Duration = _NONE
    """From its start to its end."""
    oom_killed: bool = False
    message: str = ""
    """The termination message."""
    stop: Stop = Stop()
    takes: Duration = _NONE
    """From the command to start it to its start."""
    start_error: str | None = None
    """It cannot be started, for this reason in words."""
    reason: str | None = None
    """With ``startError``: RunContainerError when nothing is said."""
    times: int | None = None


class Window(Struct, frozen=True, kw_only=True):
    """What a probe answers during a time. Outside of all windows it succeeds at once."""

    from_: Duration = _NONE
    """Since the beginning of the simulation."""
    to: Duration = Duration(float("inf"))
    """The window is over at this time."""
    result: str
    """success, failure or error (of the prober itself)."""
    takes: Duration = _NONE
    """More than the probe's timeoutSeconds: it fails by its timeout."""
    message: str = ""


class ProbeScripts(Struct, frozen=True, kw_only=True):
    startup: tuple[Window, ...] = ()
    readiness: tuple[Window, ...] = ()
    liveness: tuple[Window, ...] = ()


class HookStep(Struct, frozen=True, kw_only=True):
    """One call of a hook."""

    takes: Duration | None = None
    """None: as long as a sleep hook sleeps, other hooks no time. ``never``: it hangs."""
    error: str | None = None
    times: int | None = None


class HookScripts(Struct, frozen=True, kw_only=True):
    post_start: tuple[HookStep, ...] = ()
    pre_stop: tuple[HookStep, ...] = ()


class ContainerScript(Struct, frozen=True, kw_only=True):
    image: tuple[ImageStep, ...] = ()
    runs: tuple[Run, ...] = ()
    probes: ProbeScripts = ProbeScripts()
    hooks: HookScripts = HookScripts()


class Delete(Struct, frozen=True, kw_only=True):
    grace_period: int | None = None
    """Seconds; None: the pod's own."""


class Condition(Struct, frozen=True, kw_only=True):
    type: str
    status: str
    reason: str = ""
    message: str = ""


class Action(Struct, frozen=True, kw_only=True):
    """What somebody else does to the pod at a time: one of these."""

    at: Duration
    delete: Delete | None = None
    sandbox_dies: bool = False
    set_condition: Condition | None = None
    add_ephemeral_container: EphemeralContainer | None = None


class Scenario(Struct, frozen=True, kw_only=True):
    until: str | int | None = None
    """A duration, or ``finished``: when nothing of the pod runs any more, or ever will. None: one hour."""
    sandbox: tuple[SandboxStep, ...] = ()
    containers: dict[str, ContainerScript] = {}  # noqa: RUF012 - msgspec copies an empty dict default for every value
    actions: tuple[Action, ...] = ()
