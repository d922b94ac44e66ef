"""The tables of the machines for people: ``docs/states.md`` is what :func:`render` returns, and the pictures of
``docs/design.md`` are what :func:`illustrate` puts there.

``python tools/states.py`` writes both; a test compares.
"""

from __future__ import annotations

from typing import Final

from nsrunner.lifecycle import container, pod_table
from nsrunner.lifecycle.table import BUG, IGNORE, Row, S, Table
from nsrunner.lifecycle.value import ContainerState, PodState

__all__ = ["illustrate", "render"]

_HEAD: Final = """\
# The state machines

Generated from the transition tables in `nsrunner/lifecycle/` by `python tools/states.py`; do not edit.

Each table is total: for every state and every kind of input it says what is done, or that the input is ignored, or that
it cannot happen (then the machine raises `IllegalEvent` and is unchanged). Answers to commands that no longer matter
never reach a table. What the states mean is written beside them in `nsrunner/lifecycle/value.py`.

Arrows that lead back to where they start are left out of the pictures.
"""

_POD: Final = """\

## A pod

Inputs are the events of `nsrunner/lifecycle/events.py`; the actions are in `pod_actions.py` beside it.
"""

_CONTAINER: Final = """\

## A container

Inputs are events that concern the container and the orders of its pod (`nsrunner/lifecycle/orders.py`); the actions are
in `starting.py`, `running.py` and `stopping.py` beside it.
"""


_BEGIN: Final = "<!-- pictures: python tools/states.py -->\n"
_END: Final = "<!-- end of pictures -->\n"


def illustrate(page: str) -> str:
    """The page with today's pictures of both machines between its two marks. Raises ValueError when it has none."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"the page has no {_BEGIN.strip()} and {_END.strip()}")
    pod = _picture(pod_table.TABLE, list(PodState), PodState.NEW)
    one = _picture(container.TABLE, list(ContainerState), ContainerState.IDLE)
    pictures = f"\nA pod:\n\n```mermaid\n{pod}```\n\nA container:\n\n```mermaid\n{one}```\n\n"
    return before + begin + pictures + end + after


def render() -> str:
    """The whole page, ending in a newline."""
    return (
        _HEAD
        + _POD
        + _machine(pod_table.TABLE, list(PodState), PodState.NEW)
        + _CONTAINER
        + _machine(container.TABLE, list(ContainerState), ContainerState.IDLE)
    )


def _machine(table: Table[S], states: list[S], first: S) -> str:
    return f"\n```mermaid\n{_picture(table, states, first)}```\n\n{_matrix(table, states)}"


def _picture(table: Table[S], states: list[S], first: S) -> str:
    """One arrow for each pair of states, with all inputs that lead that way."""
    arrows: dict[tuple[S, S], list[str]] = {}
    for (state, event), entry in table.items():
        if isinstance(entry, Row):
            for to in entry.to:
                if to is not state:
                    arrows.setdefault((state, to), []).append(event.__name__)
    lines = ["stateDiagram-v2", f"    [*] --> {first.name}"]
    for (state, to), names in sorted(arrows.items(), key=lambda item: tuple(map(states.index, item[0]))):
        lines.append(f"    {state.name} --> {to.name}: {', '.join(names)}")
    return "\n".join(lines) + "\n"


def _matrix(table: Table[S], states: list[S]) -> str:
    """What each input does; the rest cannot happen."""
    lines = ["| input | does something | ignored | cannot happen |", "|---|---|---|---|"]
    for event in dict.fromkeys(event for _, event in table):
        done: dict[tuple[S, ...], list[S]] = {}
        for state in states:
            entry = table[state, event]
            if isinstance(entry, Row):
                done.setdefault(() if entry.to == (state,) else entry.to, []).append(state)
        cells = "; ".join(f"{_names(origin)} → {_names(to) if to else 'the same'}" for to, origin in done.items())
        ignored = [state for state in states if table[state, event] is IGNORE]
        bugs = [state for state in states if table[state, event] is BUG]
        rest = "elsewhere" if len(bugs) > len(states) // 2 and len(bugs) < len(states) else _names(bugs)
        lines.append(f"| {event.__name__} | {cells} | {_names(ignored)} | {rest} |")
    return "\n".join(lines) + "\n"


def _names(states: list[S] | tuple[S, ...]) -> str:
    return ", ".join(state.name for state in states)
