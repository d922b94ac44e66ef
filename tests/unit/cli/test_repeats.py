"""Repeated events: the first is shown, then some at a growing distance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from nsrunner.cli.repeats import Repeats
from nsrunner.supervisor.events import KubeEvent


def event(
    at: float, message: str = "Readiness probe failed: no", *, reason: str = "Unhealthy", of: str = "web"
) -> KubeEvent:
    return KubeEvent(
        name="x",
        type="Warning",
        reason=reason,
        message=message,
        namespace="n",
        pod="p",
        uid="u",
        field_path=f"spec.containers{{{of}}}",
        first=0,
        last=at,
    )


def shown(events: Sequence[KubeEvent]) -> list[float]:
    repeats = Repeats()
    return [each.last for each in events if repeats.shows(each)]


@pytest.mark.parametrize(
    ("period", "times"),
    [(0.1, [0, 5, 15, 35, 75]), (1.0, [0, 5, 15, 35, 75]), (10.0, [0, 10, 20, 40, 80]), (40.0, [0, 40, 80])],
)
def test_failures_with_a_short_period_are_shown_less_and_less(period: float, times: list[float]) -> None:
    attempts = [event(round(number * period, 1)) for number in range(int(100 / period) + 1)]
    assert shown(attempts) == times


def test_the_distance_does_not_grow_for_ever() -> None:
    times = shown([event(float(second)) for second in range(3600)])
    assert {later - earlier for earlier, later in pairwise(times[7:])} == {300.0}


def test_a_crash_loop_shows_each_back_off() -> None:
    delays = [0, 11, 21, 41, 81, 161, 301, 301, 301]
    times = [float(sum(delays[: number + 1])) for number in range(len(delays))]
    assert shown([event(at, "Back-off restarting failed container web", reason="BackOff") for at in times]) == times


def test_what_a_probe_says_may_differ_each_time() -> None:
    texts = [
        "Readiness probe failed: took 1.1 s",
        "Readiness probe failed: took 1.2 s",
        "(combined from similar events): Readiness probe failed: took 1.3 s",
    ]
    assert shown([event(float(at), text) for at, text in enumerate(texts)]) == [0]


def test_another_probe_container_reason_or_message_is_another_thing() -> None:
    others = [
        event(0),
        event(1, "Liveness probe failed: no"),
        event(2, of="db"),
        event(3, "Readiness probe warning: redirect", reason="ProbeWarning"),
        event(4, "Error: ErrImagePull", reason="Failed"),
        event(5, "Error: ImagePullBackOff", reason="Failed"),
    ]
    assert shown(others) == [0, 1, 2, 3, 4, 5]


def test_when_probes_begin_anew_their_failures_are_news() -> None:
    repeats = Repeats()
    back_off = event(0, "Back-off", reason="BackOff")
    assert repeats.shows(event(0)) and repeats.shows(event(0, of="webapp")) and repeats.shows(back_off)
    repeats.forget_probes("web")
    assert repeats.shows(event(1))
    assert not repeats.shows(event(1, of="webapp")) and not repeats.shows(event(1, "Back-off", reason="BackOff"))
