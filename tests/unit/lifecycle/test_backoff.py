"""Both back-offs by their numbers (kubelet-semantics 9, 19, 33.1, 33.3)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nsrunner.lifecycle.backoff import CrashBackOff, PullBackOff, after_failed_pull, key_of, try_restart
from nsrunner.model.quantity import Quantity
from nsrunner.model.types import Container, ResourceRequirements


def entry(delay: float, updated: float) -> CrashBackOff:
    return CrashBackOff(key="k", delay=delay, updated=updated)


def test_the_first_restart_is_immediate_and_makes_an_entry() -> None:
    assert try_restart(None, key="k", finished=5, now=5) == (entry(10, 5), None)


@pytest.mark.parametrize("delay", [10.0, 20.0, 300.0])
def test_refused_until_the_delay_has_passed_since_the_end(delay: float) -> None:
    before = entry(delay, 0)
    assert try_restart(before, key="k", finished=3, now=3) == (before, 3 + delay)
    assert try_restart(before, key="k", finished=3, now=2.9 + delay) == (before, 3 + delay)
    assert try_restart(before, key="k", finished=3, now=3 + delay) == (entry(min(2 * delay, 300), 3 + delay), None)


def test_a_run_of_more_than_600_s_since_it_was_allowed_resets() -> None:
    assert try_restart(entry(300, 0), key="k", finished=600.1, now=600.1) == (entry(10, 600.1), None)
    assert try_restart(entry(300, 0), key="k", finished=599, now=599)[1] == 600


def test_the_entry_expires_in_the_middle_of_a_wait() -> None:
    before = entry(300, 0)
    assert try_restart(before, key="k", finished=350, now=350) == (before, 600)
    assert try_restart(before, key="k", finished=350, now=600) == (entry(10, 600), None)


def test_33_3_another_key_starts_from_zero() -> None:
    assert try_restart(entry(300, 0), key="other", finished=1, now=1)[0].delay == 10


@pytest.mark.parametrize(("maximum", "delays"), [(300, [10, 20, 40, 80]), (60, [10, 20, 40, 60, 60]), (5, [5, 5, 5])])
def test_the_node_may_lower_the_maximum(maximum: float, delays: list[float]) -> None:
    finished, now, known = 0.0, 0.0, None
    for delay in delays:
        known, refused = try_restart(known, key="k", finished=finished, now=now, maximum=maximum)
        assert refused is None
        assert known.delay == delay
        finished, now = now, now + delay


@given(
    delay=st.sampled_from([10.0, 20.0, 40.0, 300.0]),
    allowed=st.floats(0, 1e9),
    run=st.floats(0, 1000),
    waited=st.floats(0, 1000),
)
@example(delay=300.0, allowed=424.1, run=350.0, waited=0.0)  # (424.1 + 600) - 424.1 is less than 600
def test_a_refusal_names_the_first_instant_that_is_allowed(
    delay: float, allowed: float, run: float, waited: float
) -> None:
    """Whatever the clock says: it has counted since the machine was switched on."""
    before, finished = entry(delay, allowed), allowed + run
    after, refused = try_restart(before, key="k", finished=finished, now=finished + waited)
    if refused is None:
        assert after.updated == finished + waited
        return
    assert after == before
    assert refused > finished + waited
    assert try_restart(before, key="k", finished=finished, now=refused)[1] is None


@pytest.mark.parametrize("uptime", [0.0, 1e5, 12345678.9])
def test_delays_double_whatever_the_clock_says(uptime: float) -> None:
    known, delays = None, []
    for _ in range(6):
        known, refused = try_restart(known, key="k", finished=uptime, now=uptime)
        if refused is not None:
            uptime = refused
            known, refused = try_restart(known, key="k", finished=uptime - known.delay, now=uptime)
        assert refused is None
        delays.append(known.delay)
        uptime += 1
    assert delays == [10, 20, 40, 80, 160, 300]


def test_33_3_the_key_is_the_image_and_the_resources() -> None:
    def key(image: str, cpu: str | None = None) -> str:
        limits = {} if cpu is None else {"cpu": Quantity(cpu)}
        return key_of(Container(name="c", image=image, resources=ResourceRequirements(limits=limits)))

    assert key("a") == key("a")
    assert len({key("a"), key("b"), key("a", "1"), key("a", "2")}) == 4


def test_19_pull_delays() -> None:
    known: PullBackOff | None = None
    now, delays = 0.0, []
    for _ in range(7):
        known = after_failed_pull(known, error="e", now=now)
        assert known.until == now + known.delay
        delays.append(known.delay)
        now = known.until
    assert delays == [10, 20, 40, 80, 160, 300, 300]


def test_19_the_pull_entry_expires_600_s_after_the_failure() -> None:
    known = PullBackOff(delay=80, failed=0, error="old")
    assert after_failed_pull(known, error="new", now=600) == PullBackOff(delay=160, failed=600, error="new")
    assert after_failed_pull(known, error="new", now=600.5) == PullBackOff(delay=10, failed=600.5, error="new")
