"""Go's durations and the API's timestamps."""

from __future__ import annotations

import pytest

from nsrunner.lifecycle.text import go_duration, timestamp


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.5, "500ms"),
        (0.0005, "0.5ms"),
        (1.5, "1.5s"),
        (10, "10s"),
        (60, "1m0s"),
        (80, "1m20s"),
        (160, "2m40s"),
        (300, "5m0s"),
        (3600, "1h0m0s"),
        (3725.25, "1h2m5.25s"),
    ],
)
def test_go_duration(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text


def test_a_timestamp_is_cut_to_whole_seconds() -> None:
    assert timestamp(1_700_000_000.999) == "2023-11-14T22:13:20Z"
    assert timestamp(0.0) == "1970-01-01T00:00:00Z"
