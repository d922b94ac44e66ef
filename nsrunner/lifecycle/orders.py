"""What a pod's machine tells the machine of a container, besides the events that concern it."""

from __future__ import annotations

from dataclasses import dataclass

from nsrunner.lifecycle.backoff import PullBackOff

__all__ = ["Due", "PullFailed", "SandboxLost", "Stop", "Turn", "Want"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """The container is to run from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """No other start is under way: begin."""

    refused: PullBackOff | None
    """The image's back-off, when it forbids a pull now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullFailed:
    """ImageFailed, with the image's back-off after it."""

    reason: str
    message: str
    retry_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """``due`` has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The pod ends: do not start any more, be dead by ``kill_at``. May be repeated."""

    kill_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLost:
    """The sandbox died with every process in it. Where ``renew`` is set there will be another one."""

    renew: bool
