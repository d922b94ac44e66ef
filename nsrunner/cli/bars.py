"""A timeline as a picture sees it: a row per container, stretches of time that look alike, marks at instants."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple

from ..lifecycle.simulate.timeline import (
    ActionSeen,
    ConditionSeen,
    ContainerSeen,
    EventSeen,
    PhaseSeen,
    ProbeSeen,
    Timeline,
)

__all__ = ["POD", "Look", "Mark", "Row", "Stretch", "rows", "ticks"]

POD: Final = "(pod)"
"""The name of the first row. No container can have it."""


class Look(Enum):
    """What a stretch of time stands for, in the words of the legend."""

    READY = "ready"
    RUNNING = "running, not ready"
    WAITING = "waiting"
    TERMINATING = "terminating"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Stretch(NamedTuple):
    start: float
    end: float
    look: Look
    text: str
    """What it was, in words."""


class Mark(NamedTuple):
    time: float
    restart: bool
    """False: a failed probe."""
    text: str


class Row(NamedTuple):
    name: str
    stretches: list[Stretch]
    marks: list[Mark]


class _Drawing:
    """A row while time passes."""

    def __init__(self, name: str) -> None:
        self.row = Row(name, [], [])
        self.restarts = 0
        self._since: tuple[float, Look, str] | None = None

    def looks(self, time: float, look: Look, text: str) -> None:
        if self._since is None or self._since[1:] != (look, text):
            self.close(time)
            self._since = (time, look, text)

    def close(self, time: float) -> None:
        if self._since is not None and time > self._since[0]:
            self.row.stretches.append(Stretch(self._since[0], time, *self._since[1:]))


def rows(timeline: Timeline) -> list[Row]:
    """The pod, then its containers in the order of the spec."""
    pod = _Drawing(POD)
    drawings = {name: _Drawing(name) for name in timeline.containers}
    phase, ready, deleted = "", False, False
    for entry in timeline.entries:
        match entry:
            case ContainerSeen():
                _container(drawings[entry.container], entry)
            case ProbeSeen():
                text = f"{entry.probe} probe: {entry.result}: {entry.message}"
                drawings[entry.container].row.marks.append(Mark(entry.time, False, text))
                continue
            case PhaseSeen():
                phase = entry.phase
            case ConditionSeen(condition="Ready"):
                ready = entry.status == "True"
            case ActionSeen(action="delete"):
                deleted = True
            case ConditionSeen() | ActionSeen() | EventSeen():
                continue
        look = _look_of_pod(phase, ready, deleted)
        pod.looks(entry.time, look, f"{phase}, {look.value}" if phase == "Running" else phase)
    everyone = [pod, *drawings.values()]
    for drawing in everyone:
        drawing.close(timeline.end)
    return [drawing.row for drawing in everyone]


def _container(drawing: _Drawing, seen: ContainerSeen) -> None:
    if seen.restart_count > drawing.restarts:
        drawing.restarts = seen.restart_count
        drawing.row.marks.append(Mark(seen.time, True, f"restart {seen.restart_count}"))
    drawing.looks(seen.time, _look(seen), _words(seen))


def _look(seen: ContainerSeen) -> Look:
    if seen.state == "terminated":
        return Look.FAILED if seen.exit_code else Look.SUCCEEDED
    if seen.stopping:
        return Look.TERMINATING
    if seen.state == "waiting":
        return Look.WAITING
    return Look.READY if seen.ready else Look.RUNNING


def _words(seen: ContainerSeen) -> str:
    if seen.state == "running":
        return "running, being stopped" if seen.stopping else "ready" if seen.ready else "running"
    parts = [seen.state, seen.reason]
    if seen.exit_code is not None:
        parts.append(f"exit code {seen.exit_code}")
    return ", ".join(filter(None, parts))


def _look_of_pod(phase: str, ready: bool, deleted: bool) -> Look:
    if phase in ("Succeeded", "Failed"):
        return Look.SUCCEEDED if phase == "Succeeded" else Look.FAILED
    if deleted:
        return Look.TERMINATING
    if phase == "Running":
        return Look.READY if ready else Look.RUNNING
    return Look.WAITING


_STEPS: Final = (
    *(0.001 * factor * 10**power for power in range(3) for factor in (1, 2, 5)),
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400),
)


def ticks(end: float, most: int) -> Iterator[float]:
    """Round times from 0 to ``end`` for an axis, at most about ``most`` of them."""
    least = end / max(most, 1)
    step = next((step for step in _STEPS if step >= least), 86400.0)
    while end / step > 10 * max(most, 1):  # years
        step *= 10
    number = 0
    while number * step <= end:
        yield round(number * step, 6)
        number += 1
