"""Events, commands and orders: values that nobody changes and that compare by what they say."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from nsrunner.lifecycle import commands, events, orders

KINDS = [*get_args(events.Event), events.Now, *get_args(commands.Command)]
KINDS += [getattr(orders, name) for name in orders.__all__]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_frozen_value_without_a_dict(kind: type) -> None:
    assert issubclass(kind, msgspec.Struct)
    assert kind.__struct_config__.frozen
    assert "__dict__" not in dir(kind)
    assert kind.__doc__ is not None


@pytest.mark.parametrize("kind", get_args(commands.AnsweredCommand), ids=lambda kind: kind.__name__)
def test_a_command_that_is_answered_has_an_id(kind: type) -> None:
    assert "id" in kind.__struct_fields__  # type: ignore[attr-defined]  # a Struct has them
