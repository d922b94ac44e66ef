"""What a pod's machine tells the machine of a container, besides the events that concern it."""

from __future__ import annotations

from msgspec import Struct

from nsrunner.lifecycle.backoff import PullBackOff

__all__ = ["Due", "Go", "ProbeDue", "PullFailed", "Redefine", "Reset", "SandboxLost", "Stop", "Turn", "Want"]


class Want(Struct, frozen=True, kw_only=True):
    """The container is to run from now on."""


class Turn(Struct, frozen=True, kw_only=True):
    """No other start is under way: begin."""

    refused: PullBackOff | None
    """The image's back-off, when it forbids a pull now."""


class PullFailed(Struct, frozen=True, kw_only=True):
    """ImageFailed, with the image's back-off after it."""

    reason: str
    message: str
    retry_at: float


class Due(Struct, frozen=True, kw_only=True):
    """``due`` has come."""


class ProbeDue(Struct, frozen=True, kw_only=True):
    """The time has come for one of its probes."""


class Stop(Struct, frozen=True, kw_only=True):
    """The pod ends: do not start any more. May be repeated."""

    until: float | None
    """Monotonic time at which the grace period ends. None: there is none, whatever runs is killed now."""


class Go(Struct, frozen=True, kw_only=True):
    """To a sidecar that is to stop: those that need it have ended."""


class Reset(Struct, frozen=True, kw_only=True):
    """All containers of the pod start anew: be dead soon, then be as if never run."""

    culprit: bool
    """It is this container whose end set it off."""


class Redefine(Struct, frozen=True, kw_only=True):
    """The spec has another image now."""


class SandboxLost(Struct, frozen=True, kw_only=True):
    """The sandbox died with every process in it. Where ``renew`` is set there will be another one."""

    renew: bool
