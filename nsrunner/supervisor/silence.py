"""What is shown of a pod whose shim does not answer: the state that was known last, and that it is not known now."""

from __future__ import annotations

from typing import Final

import msgspec

from nsrunner.model.types import PodStatus

__all__ = ["SILENT", "SILENT_REASON", "unknown", "unknown_conditions"]

SILENT_REASON: Final = "ShimNotResponding"
"""Of the event about it."""

SILENT: Final = "the pod's shim does not answer: what is shown is what was known last"

_CONDITIONS: Final = frozenset({"Ready", "ContainersReady"})


def unknown(status: PodStatus) -> PodStatus:
    """Phase Unknown, as the API server shows a pod whose node is lost; one that has ended stays as it is."""
    if status.phase in ("Succeeded", "Failed"):
        return status
    conditions = tuple(
        msgspec.structs.replace(each, status="Unknown") if each.type in _CONDITIONS else each
        for each in status.conditions
    )
    return msgspec.structs.replace(status, phase="Unknown", reason="Unknown", message=SILENT, conditions=conditions)


def unknown_conditions(conditions: dict[str, str]) -> dict[str, str]:
    """The same of conditions as type to status."""
    return {type: "Unknown" if type in _CONDITIONS else status for type, status in conditions.items()}
