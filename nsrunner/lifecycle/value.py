"""All that a pod machine knows, as one immutable value, and that value as a JSON-able dict.

The value is saved before the commands of a step are carried out; a machine restored from it is identical, so a new
process carries on where the old one died. Monotonic times are kept as they are: whoever saves a value keeps the boot
id beside it. Everything derived (statuses, most of the conditions) is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, get_args

import msgspec

from nsrunner.lifecycle.backoff import CrashBackOff, PullBackOff
from nsrunner.lifecycle.commands import AnsweredCommand
from nsrunner.lifecycle.events import Now, User
from nsrunner.lifecycle.probe import Probes

__all__ = [
    "VERSION",
    "BadValue",
    "Condition",
    "ContainerState",
    "ContainerValue",
    "Deletion",
    "Instance",
    "PodState",
    "PodValue",
    "Then",
    "from_dict",
    "to_dict",
]

VERSION: Final = 3
"""Of the format of saved values; a change of what is in them, or of what it means, is another one."""


class BadValue(ValueError):
    """A saved value that cannot be read: damaged, of another version, or of another pod."""


class _State(Enum):
    """A state is equal to itself alone, so it may be hashed as any object is: Enum's own way is a function in Python,
    called for each look into a table."""

    __hash__ = object.__hash__


class ContainerState(_State):
    """States of :mod:`nsrunner.lifecycle.container`."""

    IDLE = "Idle"
    """Not asked to run: there is no sandbox, or all containers are to start anew and are not all dead yet."""
    QUEUED = "Queued"
    """Asked to run; others come first."""
    PULLING = "Pulling"
    """EnsureImage is in flight."""
    PULL_WAIT = "PullWait"
    """No image; tried again at ``due``."""
    STARTING = "Starting"
    """StartContainer is in flight."""
    ABORTING = "Aborting"
    """StartContainer is in flight, and what it starts is to be stopped at once."""
    CREATE_WAIT = "CreateWait"
    """It could not be created; tried again at ``due``."""
    POST_START = "PostStart"
    """It runs, and so does its postStart hook: to the world it waits."""
    RUNNING = "Running"
    PRE_STOP = "PreStop"
    """It is being stopped, and its preStop hook runs; TERM follows when that is done, at ``due`` at the latest."""
    LAST = "Last"
    """A sidecar that is being stopped: TERM follows when those that need it have ended, at ``due`` at the latest."""
    STOPPING = "Stopping"
    """TERM was sent; KILL follows at ``due``."""
    KILLING = "Killing"
    """KILL was sent."""
    BACK_OFF = "BackOff"
    """Dead, to be started again at ``due``."""
    ENDED = "Ended"
    """Will not be started (again) in this sandbox."""


class Then(Enum):
    """What follows the end of a container that is being stopped."""

    END = "End"
    """Nothing: the pod ends."""
    DECIDE = "Decide"
    """What the restart policy says to its exit code."""
    RESTART = "Restart"
    """It is started again, whatever its exit code."""
    RESET = "Reset"
    """All containers of the pod start anew (RestartAllContainers)."""


class PodState(_State):
    """States of :mod:`nsrunner.lifecycle.pod`."""

    NEW = "New"
    CREATING = "Creating"
    """CreateSandbox is in flight."""
    SANDBOX_WAIT = "SandboxWait"
    """The sandbox could not be made; tried again at ``due``."""
    ACTIVE = "Active"
    """There is a sandbox and containers may run in it."""
    RENEWING = "Renewing"
    """The sandbox died; what is left of it is being removed, then it is made anew."""
    ABORTING = "Aborting"
    """CreateSandbox is in flight and the pod ends meanwhile."""
    TERMINATING = "Terminating"
    """The containers are being stopped."""
    STOPPING = "Stopping"
    """All containers are dead; StopSandbox is in flight."""
    STOPPED = "Stopped"
    """Nothing runs and nothing will; logs and volumes are still there."""
    REMOVING = "Removing"
    REMOVED = "Removed"


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a container."""

    attempt: int
    container_id: str
    """64 hex digits; empty when the answer to the start was lost with its sandbox."""
    started: Now
    finished: Now | None = None
    """None while it runs."""
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    image_id: str = ""
    user: User | None = None
    """None: its start was never answered."""
    unseen: bool = False
    """The sandbox died and nobody saw the exit; a record that turns up later replaces what is assumed here."""
    removed: bool = False
    """Record and log are gone; only the status still tells of it."""
    reset: bool = False
    """A RestartAllContainers rule has ended its time: it counts as never run, but the status tells of it."""
    stale: bool = False
    """Of a sandbox that died and has a successor."""


class ContainerValue(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one container of the spec."""

    state: ContainerState = ContainerState.IDLE
    next_attempt: int = 0
    """Attempt of the start in flight, or else of the next one."""
    current: Instance | None = None
    """The newest instance, running or dead."""
    previous: Instance | None = None
    """The one before; older ones are removed."""
    early: Instance | None = None
    """The end of the instance whose start is not answered yet."""
    backoff: CrashBackOff | None = None
    backoff_before: CrashBackOff | None = None
    """In PULLING, STARTING and ABORTING: ``backoff`` before the start under way was allowed."""
    reason: str = ""
    """Why it waits (``status.state.waiting``); empty when there is nothing to say."""
    message: str = ""
    due: float | None = None
    """Monotonic time at which the state does something by itself (the container table says what)."""
    retry_at: float | None = None
    """In PULL_WAIT: when the image is tried again, ``due`` may be earlier."""
    until: float | None = None
    """In ABORTING: when the grace period ends. None: there is none (``then`` END), or it begins when the start is
    answered (RESTART)."""
    since: float | None = None
    """In PRE_STOP and LAST: when the state began."""
    then: Then = Then.END
    """In ABORTING, PRE_STOP, LAST, STOPPING and KILLING: what follows."""
    killed: bool = False
    """``current`` was killed to be started again: the start that is to follow at once waits for no back-off of it."""
    spared: bool = False
    """``current``, or the start that was to follow it, fell to the death of the sandbox: the start in the next sandbox
    waits for no back-off."""
    probes: Probes = {}
    """Of the instance that runs, from the end of its postStart hook on (:mod:`nsrunner.lifecycle.probe`)."""
    image_id: str = ""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a published pod condition."""

    type: str
    status: str
    """``True`` or ``False``; of a foreign one also ``Unknown``."""
    since: float
    """Wall time of the last change of the status."""
    reason: str = ""
    message: str = ""


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """That the pod was asked to go, as its metadata shows it."""

    asked: float
    """Wall time of the first request."""
    grace: int
    """Seconds: the shortest that was asked for."""


class PodValue(msgspec.Struct, frozen=True, kw_only=True):
    state: PodState = PodState.NEW
    containers: dict[str, ContainerValue] = {}
    """By name: init containers and regular containers in spec order."""
    queue: tuple[str, ...] = ()
    """Containers in QUEUED, in the order of their turn."""
    sandbox: int = -1
    """Attempt of the newest sandbox; -1 before the first."""
    sandbox_died: float | None = None
    """When a sandbox last died by itself."""
    pod_ip: str = ""
    due: float | None = None
    """When the sandbox is tried again."""
    added: Now | None = None
    """When the pod was accepted or rejected: status.startTime."""
    grace: int | None = None
    """Seconds of the termination under way; None when there is none."""
    deletion: Deletion | None = None
    rejected: bool = False
    restarting: bool = False
    """A RestartAllContainers rule applied, and not all containers are ready to start anew yet: the condition
    AllContainersRestarting."""
    phase: str = "Pending"
    reason: str = ""
    """Of the status; with a reason the pod ends as Failed."""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    """Those that the machine itself decides."""
    foreign: tuple[Condition, ...] = ()
    """Those that others have set while the pod lives (ConditionSet)."""
    pulls: dict[str, PullBackOff] = {}
    """Failed images, by name of the image."""
    next_id: int = 1
    """Of the next command."""


def to_dict(value: PodValue, inflight: Mapping[int, AnsweredCommand]) -> dict[str, Any]:
    """The value, and the commands that lack their answer, in builtin types that JSON can hold."""
    return {
        "version": VERSION,
        "pod": msgspec.to_builtins(value),
        "inflight": [
            {"command": type(command).__name__, **msgspec.to_builtins(command)} for command in inflight.values()
        ],
    }


def from_dict(saved: Mapping[str, Any]) -> tuple[PodValue, dict[int, AnsweredCommand]]:
    """The inverse of :func:`to_dict`. Raises BadValue."""
    try:
        _check_version(saved["version"])  # before a look at the rest, which another version may call otherwise
        value = msgspec.convert(saved["pod"], PodValue)
        return value, {command.id: command for command in map(_command, saved["inflight"])}
    except BadValue:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadValue(f"damaged: {error!r}") from None


def _check_version(version: object) -> None:
    if version != VERSION:
        raise BadValue(f"saved by another version of nsrunner: it is of format {version!r}, not {VERSION}")


_COMMANDS: Final[dict[str, type[AnsweredCommand]]] = {kind.__name__: kind for kind in get_args(AnsweredCommand)}


def _command(saved: Mapping[str, Any]) -> AnsweredCommand:
    fields = dict(saved)
    return msgspec.convert(fields, _COMMANDS[fields.pop("command")])
