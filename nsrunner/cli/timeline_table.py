"""A timeline as lines of text: what happened when, and how often containers were restarted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from ..lifecycle.simulate.timeline import (
    ActionSeen,
    ConditionSeen,
    ContainerSeen,
    Entry,
    EventSeen,
    PhaseSeen,
    ProbeSeen,
    Timeline,
)
from ..lifecycle.text import go_duration
from .bars import rows
from .output import Column, escape, table

__all__ = ["as_table", "described"]

_COLUMNS = (Column(title="TIME"), Column(title="OBJECT"), Column(title="WHAT"), Column(title="DETAIL"))


def as_table(timeline: Timeline) -> str:
    lines = [(_time(entry.time), *described(entry)) for entry in timeline.entries]
    ends = [f"{_time(timeline.end)}: {timeline.why}", *_restarts(timeline)]
    return table(_COLUMNS, lines, width=None) + "\n" + "".join(f"{escape(line)}\n" for line in ends)


def _time(seconds: float) -> str:
    """To the millisecond."""
    return go_duration(round(seconds, 3))


def described(entry: Entry) -> tuple[str, str, str]:
    """Of whom, what, and more about it."""
    match entry:
        case ContainerSeen():
            return entry.container, _state(entry), _more(entry)
        case PhaseSeen():
            return "pod", entry.phase, ": ".join(filter(None, (entry.reason, entry.message)))
        case ConditionSeen():
            more = ": ".join(filter(None, (entry.reason, entry.message)))
            return "pod", f"{entry.condition}={entry.status}", more
        case EventSeen():
            whose = entry.field_path.partition("{")[2].rstrip("}") or "pod"
            return whose, f"event {entry.event_type}", f"{entry.reason}: {entry.message}"
        case ProbeSeen():
            return entry.container, f"{entry.probe} probe", f"{entry.result}: {entry.message}"
        case ActionSeen():
            return "pod", entry.action, entry.detail
        case never:
            assert_never(never)


def _state(seen: ContainerSeen) -> str:
    words = "ready" if seen.state == "running" and seen.ready else seen.state
    return f"{words}, stopping" if seen.stopping else words


def _more(seen: ContainerSeen) -> str:
    parts = [seen.reason]
    if seen.exit_code is not None:
        parts.append(f"exit code {seen.exit_code}")
    elif seen.last_exit_code is not None:
        parts.append(f"last exit code {seen.last_exit_code}")
    if seen.restart_count:
        parts.append(f"restarts {seen.restart_count}")
    more = ", ".join(filter(None, parts))
    return ": ".join(filter(None, (more, seen.message)))


def _restarts(timeline: Timeline) -> Iterator[str]:
    for row in rows(timeline):
        times = [_time(mark.time) for mark in row.marks if mark.restart]
        if times:
            yield f"{row.name}: {len(times)} restart{'s' if len(times) > 1 else ''}, at {', '.join(times)}"
