"""The tools that tables are made with."""

from __future__ import annotations

from enum import Enum

import pytest

from nsrunner.lifecycle.table import BUG, IGNORE, IllegalEvent, Row, column, look_up, missing


class State(Enum):
    OFF = "off"
    ON = "on"
    BROKEN = "broken"


ROW = Row(lambda: None, (State.ON,))
TABLE = column(State, int, {State.OFF: ROW}, ignored=[State.BROKEN])


def test_a_column_speaks_of_every_state() -> None:
    assert {(State.OFF, int): ROW, (State.ON, int): BUG, (State.BROKEN, int): IGNORE} == TABLE


def test_look_up() -> None:
    assert look_up(TABLE, "lamp", State.OFF, 1) is ROW
    assert look_up(TABLE, "lamp", State.BROKEN, 1) is None
    with pytest.raises(IllegalEvent) as caught:
        look_up(TABLE, "lamp", State.ON, 1)
    assert str(caught.value) == "lamp is ON: 1 cannot happen"
    assert (caught.value.machine, caught.value.state, caught.value.event) == ("lamp", State.ON, 1)


def test_an_illegal_event_can_say_why() -> None:
    assert str(IllegalEvent("lamp", State.ON, 1, "no bulb")) == "lamp is ON: 1 cannot happen (no bulb)"


def test_missing_names_what_a_table_forgot() -> None:
    assert missing(TABLE, State, [int]) == []
    assert missing(TABLE, State, [int, str]) == [(state, str) for state in State]
