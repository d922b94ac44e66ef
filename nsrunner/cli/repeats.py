"""Which of the events that come again and again are shown: the first, and then others at a growing distance.

Pure: times in, decisions out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..supervisor.events import KubeEvent

__all__ = ["Repeats"]

_FIRST: Final = 5.0
"""Seconds between the first of a kind that is shown and the second; doubled with each."""
_LONGEST: Final = 300.0
_PROBES: Final = frozenset({"Unhealthy", "ProbeWarning"})


class _Distance:
    __slots__ = ("least", "shown")

    def __init__(self, shown: float) -> None:
        self.shown = shown
        """When one was shown last."""
        self.least = _FIRST


class Repeats:
    """What has been shown of one pod's events."""

    def __init__(self) -> None:
        self._distances: dict[tuple[str, str, str], _Distance] = {}

    def shows(self, event: KubeEvent) -> bool:
        """Whether this one is shown; if so, it counts as shown. Times are those of the events."""
        key = (event.field_path, event.reason, _kind(event))
        distance = self._distances.get(key)
        if distance is None:
            self._distances[key] = _Distance(event.last)
            return True
        if event.last - distance.shown < distance.least:
            return False
        distance.shown = event.last
        distance.least = min(2 * distance.least, _LONGEST)
        return True

    def forget_probes(self, container: str) -> None:
        """It is another instance of the container, or its probes succeed again: what fails from here on is news."""
        for key in [key for key in self._distances if key[1] in _PROBES and key[0].endswith(f"{{{container}}}")]:
            del self._distances[key]


def _kind(event: KubeEvent) -> str:
    """Of a probe's failures, which one it is; what it says may be different each time."""
    if event.reason not in _PROBES:
        return event.message
    return event.message.removeprefix("(combined from similar events): ").partition(" ")[0]
