"""How one probe ends."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["Outcome", "ProbeError", "failure", "success"]


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
