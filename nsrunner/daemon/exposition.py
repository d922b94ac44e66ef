"""Prometheus's text format (exposition format 0.0.4) for counters, gauges and histograms.

By hand: the client library would take more of the daemon's memory than all that is counted here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

__all__ = ["Counter", "Family", "Gauge", "Histogram", "render"]

Values: TypeAlias = tuple[str, ...]


class Family(Protocol):
    """All series of one name."""

    def lines(self) -> Iterable[str]: ...


def render(families: Iterable[Family]) -> str:
    """The whole page."""
    return "".join(f"{line}\n" for family in families for line in family.lines())


class Counter:
    """``labels``: their names; each series is made when it first counts."""

    def __init__(self, name: str, help: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self._help = help
        self._labels = tuple(labels)
        self._series: dict[Values, float] = {} if labels else {(): 0}

    def add(self, *values: str, by: float = 1) -> None:
        self._series[values] = self._series.get(values, 0) + by

    def drop(self, label: str, value: str) -> None:
        """Forgets the series with this value: what they were about is gone."""
        at = self._labels.index(label)
        for values in [values for values in self._series if values[at] == value]:
            del self._series[values]

    def lines(self) -> Iterable[str]:
        yield from _head(self.name, self._help, "counter")
        for values, count in self._series.items():
            yield f"{self.name}{_pairs(self._labels, values)} {_number(count)}"


class Gauge:
    """``read`` gives the values when they are asked for, by the values of the labels."""

    def __init__(
        self,
        name: str,
        help: str,
        read: Callable[[], Mapping[Values, float]],
        labels: Sequence[str] = (),
        *,
        kind: str = "gauge",
    ) -> None:
        self._name = name
        self._help = help
        self._labels = tuple(labels)
        self._read = read
        self._kind = kind

    def lines(self) -> Iterable[str]:
        yield from _head(self._name, self._help, self._kind)
        for values, value in self._read().items():
            yield f"{self._name}{_pairs(self._labels, values)} {_number(value)}"


class Histogram:
    """``bounds``: upper ones of the buckets, ascending; the infinite one is added."""

    def __init__(self, name: str, help: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._help = help
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self) -> Iterable[str]:
        yield from _head(self._name, self._help, "histogram")
        below = 0
        for bound, count in zip((*map(_number, self._bounds), "+Inf"), self._counts, strict=True):
            below += count
            yield f'{self._name}_bucket{{le="{bound}"}} {below}'
        yield f"{self._name}_sum {_number(self._sum)}"
        yield f"{self._name}_count {below}"


def _head(name: str, help: str, kind: str) -> tuple[str, str]:
    return f"# HELP {name} {help}", f"# TYPE {name} {kind}"


def _pairs(labels: Sequence[str], values: Values) -> str:
    pairs = ",".join(f'{label}="{_escaped(value)}"' for label, value in zip(labels, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
