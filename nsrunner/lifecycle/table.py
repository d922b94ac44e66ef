"""Transition tables: what every machine of this layer is made of.

A table gives each pair of a state and a kind of input one of three things: a :class:`Row` (do this, and end in one of
these states), ``IGNORE`` (known to happen, without effect) or ``BUG`` (cannot happen; nothing is changed and
:class:`IllegalEvent` says what it was). A pair that is not listed does not exist: a table is total, and
:func:`missing` is what the tests ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Final, Generic, TypeAlias, TypeVar

from msgspec import Struct

__all__ = ["BUG", "IGNORE", "IllegalEvent", "Row", "Table", "Verdict", "column", "look_up", "missing"]

S = TypeVar("S", bound=Enum)


class Verdict(Enum):
    """A pair of state and input for which nothing is done."""

    IGNORE = "ignore"
    BUG = "bug"


IGNORE: Final = Verdict.IGNORE
BUG: Final = Verdict.BUG


class IllegalEvent(Exception):
    """An input that the machine's state rules out: a mistake of the caller. The machine is as it was before."""

    def __init__(self, machine: str, state: Enum, event: object, why: str = "") -> None:
        super().__init__(machine, state, event, why)
        self.machine = machine
        self.state = state
        self.event = event
        self.why = why

    def __str__(self) -> str:
        text = f"{self.machine} is {self.state.name}: {self.event!r} cannot happen"
        return f"{text} ({self.why})" if self.why else text


class Row(Struct, Generic[S], frozen=True):
    """One transition."""

    do: Callable[..., Any]
    to: tuple[S, ...]
    """The states in which it may end; what the diagrams in docs/states.md show."""


Table: TypeAlias = Mapping[tuple[S, type], "Row[S] | Verdict"]


def column(
    states: Iterable[S], event: type, rows: Mapping[S, Row[S]], *, ignored: Iterable[S] = ()
) -> dict[tuple[S, type], Row[S] | Verdict]:
    """All states for one kind of input; where nothing is said it is a BUG."""
    verdicts: dict[S, Row[S] | Verdict] = {**dict.fromkeys(states, BUG), **dict.fromkeys(ignored, IGNORE), **rows}
    return {(state, event): verdict for state, verdict in verdicts.items()}


def look_up(table: Table[S], machine: str, state: S, event: object) -> Row[S] | None:
    """The row for an input, or None when it is ignored. Raises IllegalEvent."""
    entry = table[state, type(event)]
    if isinstance(entry, Row):
        return entry
    if entry is BUG:
        raise IllegalEvent(machine, state, event)
    return None


def missing(table: Table[S], states: Iterable[S], events: Iterable[type]) -> list[tuple[S, type]]:
    """The pairs that a table has forgotten."""
    events = tuple(events)
    return [(state, event) for state in states for event in events if (state, event) not in table]
