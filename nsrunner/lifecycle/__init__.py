"""The kubelet's policy as pure machines: events in, commands out; no I/O, no clock (``docs/states.md``).

``PodMachine.handle(event, now)`` is all there is to it; :mod:`nsrunner.lifecycle.events` and
:mod:`nsrunner.lifecycle.commands` are its two languages.
"""

from __future__ import annotations

from nsrunner.lifecycle.pod import PodMachine, Settings
from nsrunner.lifecycle.table import IllegalEvent
from nsrunner.lifecycle.value import BadValue

__all__ = ["BadValue", "IllegalEvent", "PodMachine", "Settings"]
