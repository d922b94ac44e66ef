from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.model.expansion import expand

VARIABLES = {"A": "a", "B": "$(A)", "EMPTY": "", "SP ACE": "sp", "1": "one", "": "nameless", "A$(A": "odd"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("$(A)", "a"),
        ("x$(A)y$(A)z", "xayaz"),
        ("$(B)", "$(A)"),
        ("$(EMPTY)", ""),
        ("$(SP ACE)$(1)", "spone"),
        ("$()", "nameless"),
        ("$(NO)", "$(NO)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$a"),
        ("$$$$(A)", "$$(A)"),
        ("$$", "$"),
        ("$", "$"),
        ("a$", "a$"),
        ("$A", "$A"),
        ("$x$(A)", "$xa"),
        ("$(A", "$(A"),
        ("$(A$(A)", "odd"),
        ("$(A)$(", "a$("),
        ("$($$", "$($"),
        (")$(A", ")$(A"),
        ("${A}", "${A}"),
        ("$($(A))", "$($(A))"),
    ],
)
def test_every_form(text: str, expected: str) -> None:
    assert expand(text, VARIABLES.get) == expected


@given(st.text(alphabet="$()AB", max_size=40))
def test_without_variables_only_double_dollars_change(text: str) -> None:
    result = expand(text, lambda _: None)
    assert result.replace("$", "") == text.replace("$", "")
    assert len(result) <= len(text)


@pytest.mark.parametrize("unit", ["$(", "$$", "$x", "$(A)", "$()"])
def test_linear(unit: str) -> None:
    started = time.monotonic()
    expand(unit * 200_000, lambda _: None)
    assert time.monotonic() - started < 10
