"""What a plan has to say about a pod, as events."""

from __future__ import annotations

from collections.abc import Callable

from nsrunner.lifecycle.commands import RecordEvent
from nsrunner.model.types import Pod
from nsrunner.supervisor.plan import PlanWarning
from nsrunner.supervisor.plan_sandbox import field_path

__all__ = ["Remarks"]


class Remarks:
    """Says each warning once in the pod's life."""

    def __init__(self, record: Callable[[RecordEvent], None]) -> None:
        self._record = record
        self._said: set[PlanWarning] = set()

    def say(self, pod: Pod, warnings: tuple[PlanWarning, ...]) -> None:
        for warning in warnings:
            if warning not in self._said:
                self._said.add(warning)
                path = field_path(pod, warning.container) if warning.container else ""
                self._record(
                    RecordEvent(type="Warning", reason=warning.reason, message=warning.message, field_path=path)
                )
