"""Whoever looks over the shoulder of those who drive a machine: recordings, simulations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nsrunner.lifecycle.commands import Command
from nsrunner.lifecycle.events import Event, Now
from nsrunner.lifecycle.pod import PodMachine

__all__ = ["Observer"]


class Observer(Protocol):
    """Sees everything that a machine is told, in its order. It changes nothing."""

    def saw(self, machine: PodMachine, event: Event, now: Now, commands: Sequence[Command]) -> None:
        """``machine`` has handled ``event`` at ``now`` and answered with ``commands``."""
