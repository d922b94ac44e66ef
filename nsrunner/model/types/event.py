"""Event: something that happened to an object."""

from __future__ import annotations

from typing import ClassVar

from nsrunner.model.types.base import Int32, Struct
from nsrunner.model.types.meta import ObjectMeta, ObjectReference

__all__ = ["Event", "EventSeries", "EventSource"]


class EventSource(Struct, frozen=True, kw_only=True):
    component: str | None = None
    host: str | None = None


class EventSeries(Struct, frozen=True, kw_only=True):
    count: Int32 | None = None
    last_observed_time: str | None = None


class Event(Struct, frozen=True, kw_only=True):
    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Event"

    metadata: ObjectMeta
    involved_object: ObjectReference
    reason: str | None = None
    message: str | None = None
    source: EventSource | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    count: Int32 | None = None
    type: str | None = None
    """``Normal`` or ``Warning``."""
    event_time: str | None = None
    series: EventSeries | None = None
    action: str | None = None
    related: ObjectReference | None = None
    reporting_component: str = ""
    reporting_instance: str = ""
