from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.model.tuning import RestartTuning, duration, milliseconds, probe_period, restart_tuning


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("100ms", 0.1), ("10s", 10), ("5m", 300), ("1h30m", 5400), ("1m0.5s", 60.5), ("2h", 7200), ("1.5s", 1.5)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "10", "s", "-1s", "+1s", "1d", "1s ", "99ms", "0s", "1e3s", ".5s", "1.s", "9" * 99 + "h"]
)
def test_no_durations(text: str) -> None:
    assert duration(text) is None


@given(st.text())
def test_reading_never_fails(text: str) -> None:
    seconds, period = duration(text), milliseconds(text)
    assert seconds is None or 0.1 <= seconds <= 1e9
    assert period is None or 10 <= period < 2**31


def test_what_is_absent_or_wrong_is_as_everywhere() -> None:
    assert restart_tuning({}) == RestartTuning(initial=None, maximum=None, reset=None)
    annotations = {"nsrunner.dev/restart-backoff-initial": "soon", "nsrunner.dev/restart-backoff-reset": "1m"}
    assert restart_tuning(annotations) == RestartTuning(reset=60)


def test_periods_belong_to_a_container_and_a_probe() -> None:
    annotations = {"nsrunner.dev/probe-period-ms.web.liveness": "250"}
    assert probe_period(annotations, "web", "liveness") == 0.25
    assert probe_period(annotations, "web", "readiness") is None
    assert probe_period(annotations, "db", "liveness") is None
