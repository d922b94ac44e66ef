"""Probes of one container instance (kubelet-semantics 14, 30.5, 30.7, 33.19-33.23)."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsrunner.lifecycle import probe
from nsrunner.lifecycle.commands import ProbeName
from nsrunner.lifecycle.probe import NO_PROBES, Outcome, ProbePlan, Probes, ProbeValue
from nsrunner.model.types import Container, ExecAction, Probe
from unit.lifecycle.play import make_pod

NAMES: tuple[ProbeName, ...] = ("Startup", "Readiness", "Liveness")


def plan(
    *,
    delay: float = 0,
    period: float = 10,
    success: int = 1,
    failure: int = 3,
    grace: int | None = None,
    spread: float = 0,
) -> ProbePlan:
    return ProbePlan(
        initial_delay=delay,
        period=period,
        success_threshold=success,
        failure_threshold=failure,
        grace=grace,
        spread=spread,
    )


class Instance:
    """A container instance that is probed in virtual time. ``log`` has a line ``TIME PROBE`` for each attempt."""

    def __init__(self, started: float = 0, now: float | None = None, **plans: ProbePlan) -> None:
        self.plans: dict[ProbeName, ProbePlan] = {name: plans[name.lower()] for name in NAMES if name.lower() in plans}
        self.now = started if now is None else now
        self.probes: Probes = NO_PROBES
        self.under_way: list[ProbeName] = []
        self.log: list[str] = []
        self.warnings: list[str] = []
        self.kills: list[str] = []
        self._take(probe.begin(self.plans, started, self.now))

    def _take(self, change: probe.Change) -> None:
        self.probes = change.probes
        for name in change.run:
            assert name not in self.under_way, "one attempt at a time"
            self.under_way.append(name)
            self.log.append(f"{self.now:g} {name}")
        for name in change.cancel:
            self.under_way.remove(name)
        self.warnings += [f"{warning.reason}: {warning.message}" for warning in change.warnings]
        if change.kill is not None:
            self.kills.append(f"{self.now:g} {change.kill}")

    def wait(self, until: float | None = None) -> None:
        """Let time pass to the next deadline, or to an instant that must not be after it."""
        due = probe.deadline(self.probes)
        if until is None:
            assert due is not None, "nothing is due"
            until = due
        assert due is None or until <= due, f"something is due at {due}"
        self.now = max(self.now, until)
        self._take(probe.tick(self.probes, self.plans, self.now))

    def answer(self, name: ProbeName, outcome: Outcome, message: str = "") -> None:
        self.under_way.remove(name)
        self._take(probe.answered(self.probes, self.plans, name, outcome, message, self.now))

    def attempt(self, name: ProbeName, outcome: Outcome, message: str = "") -> None:
        """Wait for the next attempt of a probe that is alone, and answer it at once."""
        if name not in self.under_way:
            self.wait()
        self.answer(name, outcome, message)

    def stop(self) -> None:
        self._take(probe.stop(self.probes))

    def result(self, name: ProbeName) -> str:
        return self.probes[name].result

    def outcome(self, name: ProbeName) -> str:
        return self.probes[name].outcome

    def due(self, name: ProbeName) -> float | None:
        return self.probes[name].due


ONE = {"readiness": plan()}
ALL = {"startup": plan(), "readiness": plan(), "liveness": plan()}


# 14.1: when attempts begin.


def test_14_1_one_attempt_every_period() -> None:
    """The first one too is early in its period: the grid begins with the container, not with whoever probes it."""
    c = Instance(started=100, liveness=plan(period=5, spread=0.5))
    for _ in range(3):
        c.attempt("Liveness", "Success")
    assert c.log == ["102.5 Liveness", "107.5 Liveness", "112.5 Liveness"]


def test_14_1_a_slow_probe_delays_the_next_and_missed_ticks_are_not_made_up() -> None:
    c = Instance(liveness=plan(period=10))
    c.wait(until=7)
    c.answer("Liveness", "Success")
    assert c.due("Liveness") == 10
    c.wait()
    assert probe.deadline(c.probes) is None, "there is one attempt at a time"
    c.wait(until=39)
    c.answer("Liveness", "Success")
    assert c.log == ["0 Liveness", "10 Liveness", "39 Liveness"], "one that is overrun comes at once"
    c.answer("Liveness", "Success")
    assert c.due("Liveness") == 40, "and the grid stays where it is"


def test_14_1_a_timeout_as_long_as_the_period_does_not_halve_the_attempts() -> None:
    c = Instance(liveness=plan(period=1, failure=100))
    for second in range(1, 5):
        c.wait(until=second)
        c.answer("Liveness", "Failure")
    assert c.log == ["0 Liveness", "1 Liveness", "2 Liveness", "3 Liveness", "4 Liveness"]


def test_14_1_what_became_due_while_everything_stood_still_does_not_come_all_at_once() -> None:
    """The kubelet waits a random part of a period after its own start; the offsets do the same here."""
    many = [Instance(liveness=plan(spread=part / 10)) for part in range(10)]
    for c in many:
        c.attempt("Liveness", "Success")
        c.now = 1000.05
        c._take(probe.tick(c.probes, c.plans, c.now))
        assert not c.under_way
    assert sorted(round(c.due("Liveness") or 0, 3) for c in many) == [1000 + second for second in range(1, 11)]


def test_14_1_a_little_late_is_not_left_out() -> None:
    c = Instance(liveness=plan(period=0.1))
    c.answer("Liveness", "Success")
    c.now = 0.35
    c._take(probe.tick(c.probes, c.plans, c.now))
    assert c.under_way == ["Liveness"]


def test_14_1_with_a_short_period_a_second_is_what_counts_as_late() -> None:
    for late, attempts in ((0.99, ["Liveness"]), (1.0, []), (1.01, [])):
        c = Instance(liveness=plan(period=0.1))
        c.answer("Liveness", "Success")
        c.now = 0.1 + late
        c._take(probe.tick(c.probes, c.plans, c.now))
        assert c.under_way == attempts


def test_14_1_attempts_lie_on_the_grid_whatever_the_rounding() -> None:
    """43 tenths, for one, are the same number as 4.3, of which the 43rd point must not be the next."""
    c = Instance(liveness=plan(period=0.1))
    for _ in range(500):
        c.attempt("Liveness", "Success")
    times = [float(line.split()[0]) for line in c.log]
    assert times == pytest.approx([0.1 * number for number in range(500)])


def test_14_1_a_thousand_pods_do_not_fire_together() -> None:
    per_second = [0] * 10
    for number in range(1000):
        spread = probe.spread_of(f"5e5c58b2-{number:04x}-4c1e-8b3a-3f8b6d0c7a11", "web", "Liveness")
        assert 0 <= spread < 1
        per_second[int(spread * 10)] += 1
    assert min(per_second) > 50 and max(per_second) < 200, per_second


def test_14_1_the_spread_is_a_pods_containers_and_probes_own() -> None:
    assert probe.spread_of("u", "c", "Liveness") == probe.spread_of("u", "c", "Liveness")
    others = {probe.spread_of(uid, name, kind) for uid in "uv" for name in "cd" for kind in NAMES}
    assert len(others) == 12


# 14.2: one attempt, step by step.


def test_14_2_3_initial_results() -> None:
    c = Instance(**ALL)
    assert [c.result(name) for name in NAMES] == ["Unknown", "Failure", "Success"]
    assert (probe.is_started(c.probes), probe.is_ready(c.probes)) == (False, False)


def test_14_2_3_a_new_instance_begins_anew() -> None:
    """33.22: upstream a run of failures survives a restart with another cause; here it does not."""
    old = Instance(liveness=plan(failure=3))
    old.attempt("Liveness", "Failure")
    old.attempt("Liveness", "Failure")
    over = probe.end(old.probes)
    assert over == probe.Change(probes={})
    new = Instance(started=20, liveness=plan(failure=3))
    new.attempt("Liveness", "Failure")
    assert new.kills == []


def test_14_2_5_a_dead_container_is_not_probed() -> None:
    c = Instance(**ALL)
    c.answer("Startup", "Success")
    assert set(c.under_way) == {"Readiness"}
    over = probe.end(c.probes)
    assert (over.probes, over.cancel, probe.deadline(over.probes)) == ({}, ("Readiness",), None)
    late = probe.answered(over.probes, c.plans, "Readiness", "Success", "", 1)
    assert late == probe.Change(probes={}), "what is heard of it later is nothing"


def test_14_2_6_liveness_and_startup_stop_when_the_container_is_told_to_end() -> None:
    """10.3: readiness goes on until the container is gone."""
    c = Instance(readiness=plan(period=2), liveness=plan(period=3, failure=1))
    c.answer("Readiness", "Success")
    c.stop()
    assert c.under_way == []
    assert (c.due("Liveness"), c.due("Readiness")) == (None, 2)
    c.attempt("Readiness", "Failure")
    c.attempt("Readiness", "Failure")
    c.attempt("Readiness", "Failure")
    assert not probe.is_ready(c.probes)
    assert c.kills == []


def test_14_2_6_what_is_only_due_does_not_begin_either() -> None:
    c = Instance(liveness=plan(spread=0.5))
    assert c.due("Liveness") == 5
    c.stop()
    assert probe.deadline(c.probes) is None
    started = Instance(startup=plan(spread=0.5))
    started.stop()
    assert probe.deadline(started.probes) is None


def test_14_2_6_a_container_that_ends_while_it_starts_up_is_not_probed_at_all() -> None:
    c = Instance(startup=plan(), readiness=plan())
    c.stop()
    assert (c.under_way, probe.deadline(c.probes)) == ([], None)
    assert not probe.is_started(c.probes)
    c.stop()
    assert probe.stop({}) == probe.Change(probes={})


def test_14_2_7_and_33_20_the_initial_delay_counts_from_the_containers_start() -> None:
    c = Instance(started=50, now=53, liveness=plan(delay=20, period=7))
    assert c.due("Liveness") == 70
    c.attempt("Liveness", "Success")
    c.attempt("Liveness", "Success")
    assert c.log == ["70 Liveness", "77 Liveness"], "the grid too begins there"


def test_14_2_7_a_hook_may_have_taken_longer_than_the_delay() -> None:
    c = Instance(started=0, now=33, liveness=plan(delay=20, period=7))
    assert c.log == ["33 Liveness"]
    c.answer("Liveness", "Success")
    assert c.due("Liveness") == 34


def test_14_2_8_and_33_19_nothing_else_is_probed_until_the_container_has_started_up() -> None:
    c = Instance(startup=plan(period=10, failure=5), readiness=plan(period=2), liveness=plan(period=3, spread=0.5))
    assert (c.due("Readiness"), c.due("Liveness")) == (None, None)
    c.answer("Startup", "Failure")
    c.attempt("Startup", "Failure")
    assert c.log == ["0 Startup", "10 Startup"]
    assert (c.result("Readiness"), c.result("Liveness")) == ("Failure", "Success")
    c.wait()
    c.now = 20.25
    c.answer("Startup", "Success")
    assert c.log[3:] == ["20.25 Readiness"], "readiness is what somebody waits for: at once"
    assert c.due("Liveness") == 22.5, "liveness keeps to its grid"
    assert (c.due("Startup"), c.probes["Startup"].run) == (None, 0)
    assert probe.is_started(c.probes) and not probe.is_ready(c.probes)


def test_14_2_8_startup_is_not_probed_any_more_once_started() -> None:
    c = Instance(startup=plan())
    c.answer("Startup", "Success")
    assert probe.deadline(c.probes) is None
    assert probe.is_ready(c.probes), "there is no readiness probe"


def test_14_2_8_initial_delays_hold_after_startup_too() -> None:
    c = Instance(startup=plan(), readiness=plan(delay=8), liveness=plan(delay=9))
    c.answer("Startup", "Success")
    assert (c.due("Readiness"), c.due("Liveness")) == (8, 9)


@pytest.mark.parametrize("name", NAMES)
def test_14_2_9_and_33_23_a_prober_error_changes_nothing(name: ProbeName) -> None:
    c = Instance(**{name.lower(): plan(failure=2, success=1)})
    c.answer(name, "Failure", "refused")
    before = c.probes[name]
    for _ in range(5):
        c.attempt(name, "Unknown", "no such container")
        assert (c.result(name), c.outcome(name), c.probes[name].run) == (before.result, "Failure", 1)
    assert c.kills == []
    assert c.warnings[1:] == [f"Unhealthy: {name} probe errored and resulted in unknown state: no such container"] * 5
    c.attempt(name, "Failure", "refused")
    assert c.result(name) == "Failure", "so the one before it and the one after are two in a row"


def test_14_2_10_another_outcome_begins_a_new_run() -> None:
    c = Instance(liveness=plan(failure=3))
    for outcome in ("Failure", "Failure", "Success", "Failure", "Failure"):
        c.attempt("Liveness", outcome)
    assert (c.result("Liveness"), c.kills) == ("Success", [])
    c.attempt("Liveness", "Failure")
    assert (c.result("Liveness"), c.kills) == ("Failure", ["50 Liveness"])


def test_14_2_11_below_the_threshold_the_result_stays() -> None:
    c = Instance(readiness=plan(success=3, failure=2))
    seen = []
    for outcome in ("Success", "Success", "Success", "Failure", "Success", "Failure", "Failure", "Success"):
        c.attempt("Readiness", outcome)
        seen.append(c.result("Readiness"))
    assert seen == ["Failure", "Failure", "Success", "Success", "Success", "Success", "Failure", "Failure"]


def test_14_2_12_a_failed_liveness_probe_is_on_hold_and_kills() -> None:
    c = Instance(liveness=plan(failure=2, grace=5))
    c.attempt("Liveness", "Failure", "HTTP probe failed with statuscode: 500")
    c.attempt("Liveness", "Failure", "HTTP probe failed with statuscode: 500")
    assert c.kills == ["10 Liveness"]
    assert (c.due("Liveness"), c.probes["Liveness"].run, probe.deadline(c.probes)) == (None, 0, None)
    assert c.warnings == ["Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500"] * 2
    assert probe.is_ready(c.probes), "liveness says nothing about readiness"


def test_14_2_12_a_failed_startup_probe_is_on_hold_and_kills() -> None:
    c = Instance(startup=plan(failure=2), liveness=plan(), readiness=plan())
    c.attempt("Startup", "Failure")
    c.attempt("Startup", "Failure")
    assert c.kills == ["10 Startup"]
    assert probe.deadline(c.probes) is None
    assert not probe.is_started(c.probes) and not probe.is_ready(c.probes)


def test_14_2_12_readiness_goes_on_after_a_failure_and_while_liveness_kills() -> None:
    c = Instance(readiness=plan(failure=1), liveness=plan(failure=1, spread=0.1))
    c.answer("Readiness", "Failure")
    assert c.due("Readiness") == 10
    c.attempt("Liveness", "Failure")
    assert c.kills == ["1 Liveness"]
    assert (c.due("Liveness"), c.due("Readiness")) == (None, 10)


# 14.3: the kubelet tries readiness as soon as it sees a container that is not ready.


def test_14_3_and_33_21_readiness_is_tried_early_and_then_on_its_grid() -> None:
    """The kubelet tries it at every status generation while it is unready, which shifts its ticks."""
    c = Instance(started=100, readiness=plan(period=10, spread=0.6))
    for _ in range(3):
        c.attempt("Readiness", "Failure")
    assert c.log == ["100.3 Readiness", "106 Readiness", "116 Readiness"]


def test_14_3_with_a_short_period_the_first_attempt_is_the_grids_first_point() -> None:
    c = Instance(readiness=plan(period=0.25, spread=0.5))
    c.attempt("Readiness", "Failure")
    c.attempt("Readiness", "Failure")
    assert c.log == ["0.125 Readiness", "0.375 Readiness"]


def test_14_3_startup_too_is_tried_early_but_never_more_often() -> None:
    """The time that a container has is failureThreshold times periodSeconds."""
    c = Instance(startup=plan(period=10, spread=0.6, failure=3))
    for _ in range(3):
        c.attempt("Startup", "Failure")
    assert c.log == ["0.3 Startup", "10.3 Startup", "20.3 Startup"]
    assert c.kills == ["20.3 Startup"]


# 14.4 and 14.5: what it means for the container.


def test_14_4_started() -> None:
    assert probe.is_started(NO_PROBES)
    c = Instance(startup=plan())
    assert not probe.is_started(c.probes)
    c.answer("Startup", "Success")
    assert probe.is_started(c.probes)


def test_14_5_ready() -> None:
    assert probe.is_ready(NO_PROBES)
    c = Instance(readiness=plan())
    assert not probe.is_ready(c.probes)
    c.answer("Readiness", "Success")
    assert probe.is_ready(c.probes)
    assert probe.is_ready(Instance(liveness=plan()).probes)


# 14.6: what an outcome counts as, and what is said of it.


@pytest.mark.parametrize(
    ("outcome", "message", "counts", "event"),
    [
        ("Success", "", "Success", None),
        (
            "Success",
            "Probe terminated redirects",
            "Success",
            "ProbeWarning: {} probe warning: Probe terminated redirects",
        ),
        ("Failure", "refused", "Failure", "Unhealthy: {} probe failed: refused"),
        ("Failure", "", "Failure", "Unhealthy: {} probe failed: "),
        ("Unknown", "", "Failure", None),
        ("Unknown", "no port", "", "Unhealthy: {} probe errored and resulted in unknown state: no port"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_14_6_outcomes(name: ProbeName, outcome: Outcome, message: str, counts: str, event: str | None) -> None:
    c = Instance(**{name.lower(): plan()})
    c.attempt(name, outcome, message)
    assert c.outcome(name) == counts
    assert c.warnings == ([] if event is None else [event.format(name)])


def test_14_6_each_failing_attempt_is_told_not_only_the_last() -> None:
    c = Instance(readiness=plan(failure=3))
    for _ in range(4):
        c.attempt("Readiness", "Failure", "not yet")
    assert c.warnings == ["Unhealthy: Readiness probe failed: not yet"] * 4


# Worked sequences.


def test_30_5_liveness_that_always_fails() -> None:
    c = Instance(started=3, liveness=plan(period=10, failure=3))
    for _ in range(3):
        c.attempt("Liveness", "Failure", "no")
    assert c.log == ["3 Liveness", "13 Liveness", "23 Liveness"]
    assert (len(c.warnings), c.kills, probe.deadline(c.probes)) == (3, ["23 Liveness"], None)


def test_30_7_readiness() -> None:
    c = Instance(readiness=plan(period=10, success=1, failure=3))
    assert not probe.is_ready(c.probes)
    c.answer("Readiness", "Success")
    assert probe.is_ready(c.probes)
    for ready in (True, True, False):
        c.attempt("Readiness", "Failure")
        assert probe.is_ready(c.probes) is ready
    c.attempt("Readiness", "Success")
    assert probe.is_ready(c.probes)
    assert c.kills == []


# 6.3 and 7: what is said when a probe kills.


@pytest.mark.parametrize(
    ("init", "restarted", "text"),
    [
        (False, True, "Container web failed liveness probe, will be restarted"),
        (False, False, "Container web failed liveness probe"),
        (True, True, "Init container web failed liveness probe"),
    ],
)
def test_6_3_kill_messages(init: bool, restarted: bool, text: str) -> None:
    assert probe.kill_message("web", "Liveness", init=init, restarted=restarted) == text
    startup = probe.kill_message("web", "Startup", init=init, restarted=restarted)
    assert startup == text.replace("liveness", "startup")


# The spec.


def test_plans_are_read_from_the_spec() -> None:
    run = ExecAction(command=("true",))
    container = Container(
        name="web",
        image="busybox",
        startup_probe=Probe(exec=run, initial_delay_seconds=1, period_seconds=2, failure_threshold=30),
        liveness_probe=Probe(exec=run, termination_grace_period_seconds=7),
    )
    plans = probe.plans_of(make_pod(container), container)
    assert list(plans) == ["Startup", "Liveness"]
    startup, liveness = plans["Startup"], plans["Liveness"]
    assert (startup.initial_delay, startup.period, startup.success_threshold, startup.failure_threshold) == (
        1,
        2,
        1,
        30,
    )
    assert (liveness.initial_delay, liveness.period, liveness.success_threshold, liveness.failure_threshold) == (
        0,
        10,
        1,
        3,
    )
    assert (startup.grace, liveness.grace) == (None, 7)
    assert startup.spread == probe.spread_of("u1", "web", "Startup") != liveness.spread


def test_an_annotation_makes_a_period_shorter_than_a_second() -> None:
    run = Probe(exec=ExecAction(command=("true",)), period_seconds=5)
    container = Container(name="web", image="busybox", liveness_probe=run, readiness_probe=run)
    pod = make_pod(container, annotations={"nsrunner.dev/probe-period-ms.web.readiness": "250"})
    plans = probe.plans_of(pod, container)
    assert (plans["Readiness"].period, plans["Liveness"].period) == (0.25, 5)


def test_a_probe_that_the_container_does_not_have_is_not_answered() -> None:
    c = Instance(liveness=plan())
    for name in ("Readiness", "Startup"):
        change = probe.answered(c.probes, c.plans, name, "Failure", "x", 1)
        assert change == probe.Change(probes=c.probes)


def test_an_answer_without_a_question_is_not_counted() -> None:
    c = Instance(liveness=plan(failure=1))
    c.answer("Liveness", "Success")
    assert probe.answered(c.probes, c.plans, "Liveness", "Failure", "x", 1) == probe.Change(probes=c.probes)


# Properties.

OUTCOMES = st.sampled_from(["Success", "Failure"])


def naive(outcomes: list[str], success: int, failure: int, initial: str) -> list[str]:
    """The result after each outcome: the last one that came often enough in a row."""
    results, result = [], initial
    for end in range(1, len(outcomes) + 1):
        last = outcomes[end - 1]
        need = success if last == "Success" else failure
        if end >= need and all(outcome == last for outcome in outcomes[end - need : end]):
            result = last
        results.append(result)
    return results


@given(outcomes=st.lists(OUTCOMES, max_size=40), success=st.integers(1, 5), failure=st.integers(1, 5))
def test_thresholds_of_readiness(outcomes: list[Outcome], success: int, failure: int) -> None:
    c = Instance(readiness=plan(success=success, failure=failure))
    results = []
    for outcome in outcomes:
        c.attempt("Readiness", outcome)
        results.append(c.result("Readiness"))
    assert results == naive(list(outcomes), success, failure, "Failure")


@given(outcomes=st.lists(OUTCOMES, max_size=40), failure=st.integers(1, 5))
def test_liveness_kills_at_its_first_run_of_failures_and_only_then(outcomes: list[Outcome], failure: int) -> None:
    c = Instance(liveness=plan(failure=failure))
    expected = "".join(outcome[0] for outcome in outcomes).find("F" * failure)
    for index, outcome in enumerate(outcomes):
        assert c.kills == []
        c.attempt("Liveness", outcome)
        if c.kills:
            assert index == expected + failure - 1
            assert probe.deadline(c.probes) is None
            return
    assert expected == -1


@given(
    outcomes=st.lists(st.sampled_from(["Success", "Failure", "Unknown"]), max_size=30),
    errors=st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_prober_errors_are_as_if_they_had_not_been(outcomes: list[Outcome], errors: list[bool]) -> None:
    with_errors, without = Instance(readiness=plan(success=2)), Instance(readiness=plan(success=2))
    for outcome, error in zip(outcomes, errors, strict=False):
        if error:
            with_errors.attempt("Readiness", "Unknown", "cannot exec")
        with_errors.attempt("Readiness", outcome)
        without.attempt("Readiness", outcome)
        assert with_errors.result("Readiness") == without.result("Readiness")
        assert with_errors.probes["Readiness"].run == without.probes["Readiness"].run


PLANS = st.builds(
    plan,
    delay=st.integers(0, 30),
    period=st.sampled_from([0.01, 0.1, 0.25, 1, 3, 10, 60]),
    success=st.integers(1, 3),
    failure=st.integers(1, 4),
    spread=st.floats(0, 1, exclude_max=True),
)


@settings(deadline=None)
@given(
    plans=st.fixed_dictionaries({}, optional={"startup": PLANS, "readiness": PLANS, "liveness": PLANS}),
    started=st.floats(0, 1e7),
    script=st.data(),
)
def test_whatever_happens(plans: dict[str, ProbePlan], started: float, script: st.DataObject) -> None:
    """Never two attempts of a probe at once, none before its delay, none while suspended or on hold; whoever is not on
    hold has a next attempt, within a period; values survive JSON."""
    c = Instance(started=started, now=started + script.draw(st.sampled_from([0.0, 0.5, 40.0])), **plans)
    seen = 0
    for _ in range(script.draw(st.integers(0, 40))):
        saved = json.loads(msgspec.json.encode(c.probes))
        assert msgspec.convert(saved, dict[str, ProbeValue]) == c.probes
        for line in c.log[seen:]:
            name = line.split()[1]
            assert c.now >= started + c.plans[name].initial_delay
            assert name == "Startup" or probe.is_started(c.probes)
        seen = len(c.log)
        for name, value in c.probes.items():
            held = (
                (name == "Startup" and value.result != "Unknown")
                or (name == "Liveness" and value.result == "Failure")
                or (name != "Startup" and not probe.is_started(c.probes))
            )
            assert (value.due is not None) + (value.begun is not None) == (0 if held else 1)
            assert value.due is None or value.due > c.now
        due = probe.deadline(c.probes)
        if c.under_way and (due is None or script.draw(st.booleans())):
            name = script.draw(st.sampled_from(c.under_way))
            c.now = min(c.now + script.draw(st.sampled_from([0.0, 0.003, 1.0, 25.0])), due or 1e9)
            c.answer(
                name,
                script.draw(st.sampled_from(["Success", "Failure", "Unknown"])),
                script.draw(st.sampled_from(["", "m"])),
            )
        elif due is not None:
            c.now = due + script.draw(st.sampled_from([0.0, 0.001, 0.7, 100.0]))
            c._take(probe.tick(c.probes, c.plans, c.now))
        else:
            return
