"""Events of the core group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from nsrunner.api.resources.base import Column, Resource, ResourceInfo
from nsrunner.model.printing.ages import age, age_of, parse_time

__all__ = ["Events"]

_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")


class Events(Resource):
    info = ResourceInfo(kind="Event", plural="events", singular="event", short_names=("ev",))
    columns: ClassVar = (
        Column(name="Last Seen"),
        Column(name="Type"),
        Column(name="Reason"),
        Column(name="Object"),
        Column(name="Subobject", priority=1),
        Column(name="Source", priority=1),
        Column(name="Message"),
        Column(name="First Seen", priority=1),
        Column(name="Count", priority=1),
        Column(name="Name", format="name", priority=1),
    )

    def fields(self, object: Mapping[str, Any]) -> dict[str, str]:
        involved = object.get("involvedObject") or {}
        source = object.get("source") or {}
        component = source.get("component") or object.get("reportingComponent") or ""
        return {
            **super().fields(object),
            **{f"involvedObject.{field}": involved.get(field, "") for field in _INVOLVED},
            "reason": object.get("reason", ""),
            "reportingComponent": object.get("reportingComponent", ""),
            "source": component,
            "type": object.get("type", ""),
        }

    def row(self, object: Mapping[str, Any], now: float) -> list[Any]:
        involved, source = object.get("involvedObject") or {}, object.get("source") or {}
        parts = (source.get("component") or object.get("reportingComponent"), source.get("host"))
        return [
            _since(object.get("lastTimestamp") or object.get("eventTime"), object, now),
            object.get("type", ""),
            object.get("reason", ""),
            f"{involved.get('kind', '').lower()}/{involved.get('name', '')}",
            involved.get("fieldPath", ""),
            ", ".join(part for part in parts if part),
            (object.get("message") or "").strip(),
            _since(object.get("firstTimestamp") or object.get("eventTime"), object, now),
            object.get("count") or 1,
            object["metadata"]["name"],
        ]


def _since(stamp: object, event: Mapping[str, Any], now: float) -> str:
    moment = parse_time(stamp)
    return age_of(event, now) if moment is None else age(now - moment)
