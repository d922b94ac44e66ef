"""What a pod's machine tells the machine of a container, besides the events that concern it."""

from __future__ import annotations

from msgspec import Struct

from nsrunner.lifecycle.backoff import PullBackOff

__all__ = ["Due", "PullFailed", "SandboxLost", "Stop", "Turn", "Want"]


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


class Stop(Struct, frozen=True, kw_only=True):
    """The pod ends: do not start any more, be dead by ``kill_at``. May be repeated."""

    kill_at: float | None
    """None: now, without being asked first."""


class SandboxLost(Struct, frozen=True, kw_only=True):
    """The sandbox died with every process in it. Where ``renew`` is set there will be another one."""

    renew: bool
