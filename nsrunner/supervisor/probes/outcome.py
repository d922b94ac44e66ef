"""How one probe ends."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from nsrunner.lifecycle.commands import RunProbe
from nsrunner.lifecycle.events import ProbeDone

__all__ = ["Outcome", "ProbeError", "done", "failure", "success"]


class Outcome(Struct, frozen=True):
    result: Literal["Success", "Failure"]
    message: str = ""
    """Of a failure; of a success the warning, if there is one."""


class ProbeError(Exception):
    """The prober could not do its work: nothing is known of the container."""


def success(warning: str = "") -> Outcome:
    return Outcome("Success", warning)


def failure(message: str) -> Outcome:
    return Outcome("Failure", message)


def done(command: RunProbe, result: Literal["Success", "Failure", "Unknown"], message: str) -> ProbeDone:
    """The event that answers a command."""
    return ProbeDone(
        id=command.id,
        container=command.container,
        attempt=command.attempt,
        probe=command.probe,
        result=result,
        message=message,
    )
