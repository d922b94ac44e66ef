from __future__ import annotations

import argparse

import pytest

from nsrunner.cli.durations import duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5", 1.5), ("90s", 90), ("1h30m", 5400), ("500ms", 0.5), ("0", 0)]
)
def test_duration(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "5 m", "1d", "m", "1m30", "inf", "nan", "1e9", "9999999999h", "٣s", "٣"])
def test_not_a_duration(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="invalid duration"):
        duration(text)
