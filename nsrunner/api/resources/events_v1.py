"""Events of the group ``events.k8s.io``: those of the core group, under the names that they have there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nsrunner.api.resources.base import ResourceInfo
from nsrunner.api.resources.events import Events

__all__ = ["EventsV1"]

_NAMES: Final = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
"""``pkg/apis/events/v1/conversion.go``; all others are the same."""
_OURS: Final = {new: old for old, new in _NAMES.items()}


class EventsV1(Events):
    info = ResourceInfo(
        group="events.k8s.io",
        kind="Event",
        plural="events",
        singular="event",
        short_names=("ev",),
        verbs=("get", "list", "watch"),
        stored_as="events",
    )

    def shown(self, object: dict[str, Any]) -> dict[str, Any]:
        renamed = {_NAMES.get(name, name): value for name, value in object.items()}
        return {**renamed, "apiVersion": self.info.api_version}

    def fields(self, object: Mapping[str, Any]) -> dict[str, str]:
        """Of a stored one."""
        fields = super().fields(object)
        fields["reportingController"] = fields.pop("reportingComponent")
        return {_field(name): value for name, value in fields.items() if name != "source"}

    def row(self, object: Mapping[str, Any], now: float) -> list[Any]:
        """Of one in the form of this group."""
        return super().row({_OURS.get(name, name): value for name, value in object.items()}, now)


def _field(name: str) -> str:
    start, dot, rest = name.partition(".")
    return f"regarding.{rest}" if dot and start == "involvedObject" else name
