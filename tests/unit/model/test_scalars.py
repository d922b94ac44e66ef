from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.model.scalars import integral, resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("nULL", "nULL"),
        *[(text, True) for text in ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")],
        *[(text, False) for text in ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")],
        ("yEs", "yEs"),
        ("0", 0),
        ("-0", 0),
        ("42", 42),
        ("+42", 42),
        ("-42", -42),
        ("1_000", 1000),
        ("0644", 0o644),
        ("0o644", 0o644),
        ("-0644", -0o644),
        ("00", 0),
        ("0x1F", 31),
        ("0b101", 5),
        ("08", 8),
        ("09.5", 9.5),
        ("1.0", 1),
        ("1e3", 1000),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5),
        ("-.5", -0.5),
        ("1e-7", 1e-7),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2**64),
        ("1e400", "1e400"),
        ("9" * 500, "9" * 500),
        ("9" * 350, "9" * 350),  # larger than any float, and not too long for a number
        ("0x" + "f" * 350, "0x" + "f" * 350),
        ("9" * 19, 10**19 - 1),
        ("12:30:00", "12:30:00"),
        ("2001-12-14", "2001-12-14"),
        ("2001-12-14T21:59:43Z", "2001-12-14T21:59:43Z"),
        ("2001-12-14 21:59:43.10", "2001-12-14 21:59:43.10"),
        ("1.2.3", "1.2.3"),
        ("10.0.0.1", "10.0.0.1"),
        ("-", "-"),
        ("+", "+"),
        (".", "."),
        ("...", "..."),
        ("0x", "0x"),
        ("1k", "1k"),
        ("500m", "500m"),
        ("1Gi", "1Gi"),
        ("1e", "1e"),
        ("١", "١"),
        ("hello", "hello"),
        ("a: b", "a: b"),
    ],
)
def test_plain_scalars_mean_what_kubectl_says(text: str, value: Any) -> None:
    result = resolve(text)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".inf", "-.inf", "+.Inf"])
def test_numbers_that_json_does_not_have(text: str) -> None:
    value = resolve(text)
    assert isinstance(value, float)
    assert not math.isfinite(value)


def test_large_floats_stay_floats() -> None:
    assert type(resolve("1e30")) is float
    assert integral(1e20) == 10**20
    assert type(integral(1e20)) is int
    assert type(integral(1e21)) is float
    assert type(integral(0.5)) is float


@given(st.text(max_size=40))
def test_anything_resolves(text: str) -> None:
    resolve(text)
