"""The probes of one container instance: when attempts begin, what their outcomes add up to (kubelet-semantics 14).

A :data:`Probes` is a value that lives as long as one run of the container: :func:`begin` makes it when the container
runs (after its postStart hook), :func:`end` is its end, whatever ended the run. In between :func:`tick` is called at
:func:`deadline`, :func:`answered` with each ProbeDone, :func:`stop` when the container is told to end. Each of them
returns a :class:`Change`: the value after it, and what the caller is to do. All are total: what does not apply changes
nothing.

The attempts of a probe lie on a grid: the container's start, plus initialDelaySeconds, plus an offset by which probes
of different containers keep apart, plus whole periods. Besides, readiness is tried once as soon as it may be, as the
kubelet does when it first sees the container running (14.3). An attempt that outlasts its period delays the next one.

What the kubelet does because it polls, or by accident, is not done: its ticks count from the worker's creation and
survive restarts of the container, and so does the number of equal outcomes in a row.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from nsrunner.lifecycle.commands import ProbeName
from nsrunner.model.tuning import probe_period
from nsrunner.model.types import AnyContainer, Pod, Probe

__all__ = [
    "NO_PROBES",
    "Change",
    "Outcome",
    "ProbePlan",
    "ProbePlans",
    "ProbeValue",
    "Probes",
    "Warn",
    "answered",
    "begin",
    "deadline",
    "end",
    "is_ready",
    "is_started",
    "is_tardy",
    "kill_message",
    "plans_of",
    "rested",
    "spread_of",
    "stop",
    "tick",
]

Outcome: TypeAlias = Literal["Success", "Failure", "Unknown"]

_HURRY: Final = 0.5
"""Seconds after which startup and readiness are tried at the latest once they may be: somebody waits for them, but a
thousand containers that start together should not be probed together."""
_TARDY: Final = 1.0
"""Seconds by which an attempt must be late, and by a period, to be left out: everything has stood still (the machine
slept, nobody was there to probe), and what has become due meanwhile is not to come all at once."""

_INITIAL: Final[dict[ProbeName, Outcome]] = {"Startup": "Unknown", "Readiness": "Failure", "Liveness": "Success"}


class ProbePlan(Struct, frozen=True, kw_only=True):
    """The part of a probe's spec that decides when it runs and what it means. Times are seconds."""

    initial_delay: float
    period: float
    success_threshold: int
    failure_threshold: int
    grace: int | None
    """terminationGracePeriodSeconds of the probe."""
    spread: float
    """Where in its period the probe's attempts lie: from 0 to less than 1."""


ProbePlans: TypeAlias = Mapping[ProbeName, ProbePlan]
"""Those probes that the container has."""


class ProbeValue(Struct, frozen=True, kw_only=True):
    """One probe of a running container."""

    result: Outcome
    """What the thresholds have made of the outcomes so far."""
    started: float
    """Monotonic time of the container's start."""
    outcome: Literal["", "Success", "Failure"] = ""
    """Of the last attempt."""
    run: int = 0
    """How many times in a row it was that."""
    due: float | None = None
    """Monotonic time at which the next attempt begins; None while one is under way, and while there is to be none."""
    begun: float | None = None
    """When the attempt under way began."""


Probes: TypeAlias = dict[str, ProbeValue]
"""By type; empty for a container without probes and for one that does not run. Never changed in place."""

NO_PROBES: Final[Probes] = {}


class Warn(Struct, frozen=True, kw_only=True):
    """A Warning event about the container."""

    reason: str
    message: str


class Change(Struct, frozen=True, kw_only=True):
    """What comes of one input."""

    probes: Probes
    run: tuple[ProbeName, ...] = ()
    """Attempts to begin now: a RunProbe each."""
    cancel: tuple[ProbeName, ...] = ()
    """Attempts under way of which nothing more will be heard: a CancelProbe each."""
    warnings: tuple[Warn, ...] = ()
    kill: ProbeName | None = None
    """Liveness or Startup: the probe for which the container is to be killed now, with the probe's ``grace`` where it
    has one (10.1), and :func:`kill_message`. Probing of these two has stopped then; readiness goes on until the end."""


# What probes there are.


def plans_of(pod: Pod, container: AnyContainer) -> ProbePlans:
    """The probes of one container, also where the API's defaults were not applied."""
    specs: tuple[tuple[ProbeName, Probe | None], ...] = (
        ("Startup", container.startup_probe),
        ("Readiness", container.readiness_probe),
        ("Liveness", container.liveness_probe),
    )
    return {
        probe: ProbePlan(
            initial_delay=spec.initial_delay_seconds,
            period=probe_period(pod.metadata.annotations, container.name, probe.lower()) or spec.period_seconds or 10,
            success_threshold=spec.success_threshold or 1,
            failure_threshold=spec.failure_threshold or 3,
            grace=spec.termination_grace_period_seconds,
            spread=spread_of(pod.metadata.uid or "", container.name, probe),
        )
        for probe, spec in specs
        if spec is not None
    }


def spread_of(uid: str, container: str, probe: ProbeName) -> float:
    """A fraction in [0, 1) that is always the same for a probe and evenly distributed over pods."""
    return zlib.crc32(f"{uid}/{container}/{probe}".encode()) / 2**32


def _hurries(probe: ProbeName) -> bool:
    return probe != "Liveness"


def _offset(probe: ProbeName, plan: ProbePlan) -> float:
    """Where the grid lies. Startup's whole grid is early, so that failureThreshold times periodSeconds is the time that
    a container has."""
    return plan.spread * (min(plan.period, _HURRY) if probe == "Startup" else plan.period)


def _next(probe: ProbeName, plan: ProbePlan, started: float, after: float) -> float:
    """The first point of the grid that comes after an instant."""
    first = started + plan.initial_delay + _offset(probe, plan)
    if after < first:
        return first
    number = math.floor((after - first) / plan.period) + 1
    if first + number * plan.period <= after:
        # The quotient came out just below a whole number.
        number += 1
    return first + number * plan.period


def _first(probe: ProbeName, plan: ProbePlan, started: float) -> float:
    """The very first attempt, of a container that was probed from its start on."""
    early = plan.spread * min(plan.period, _HURRY)
    return started + plan.initial_delay + (early if _hurries(probe) else _offset(probe, plan))


def is_tardy(value: ProbeValue, plan: ProbePlan, now: float) -> bool:
    """Whether an attempt whose time has come is to be left out."""
    return value.due is not None and now - value.due >= max(plan.period, _TARDY)


def rested(value: ProbeValue, probe: ProbeName, plan: ProbePlan, now: float) -> float:
    """When the next attempt begins after the one under way. The point of the grid that it has overrun, if any, is made
    up for, but not more than one."""
    assert value.begun is not None
    return max(now, _next(probe, plan, value.started, value.begun))


# Inputs.


def begin(plans: ProbePlans, started: float, now: float) -> Change:
    """The container runs. ``started`` is its start, ``now`` may be later: a postStart hook came between."""
    waits = "Startup" in plans
    probes: Probes = {
        probe: ProbeValue(
            result=_INITIAL[probe],
            started=started,
            due=None if waits and probe != "Startup" else max(now, _first(probe, plan, started)),
        )
        for probe, plan in plans.items()
    }
    return tick(probes, plans, now)


def deadline(probes: Probes) -> float | None:
    """Monotonic time at which :func:`tick` has something to do."""
    soonest = None
    for value in probes.values():
        if value.due is not None and (soonest is None or value.due < soonest):
            soonest = value.due
    return soonest


def tick(probes: Probes, plans: ProbePlans, now: float) -> Change:
    """Begin the attempts whose time has come."""
    after = dict(probes)
    run: list[ProbeName] = []
    for probe, plan in plans.items():
        value = probes.get(probe)
        if value is None or value.due is None or value.due > now:
            continue
        if is_tardy(value, plan, now):
            after[probe] = replace(value, due=_next(probe, plan, value.started, now))
        else:
            after[probe] = replace(value, due=None, begun=now)
            run.append(probe)
    return Change(probes=after if after != probes else probes, run=tuple(run))


def answered(probes: Probes, plans: ProbePlans, probe: ProbeName, outcome: Outcome, message: str, now: float) -> Change:
    """An attempt has its outcome (14.2, 14.6).

    Success with a message is a warning. Unknown with a message is a prober error: the probe could not be made, and
    nothing is known of the container. Unknown without one counts as a failure, of which nobody is told.
    """
    value, plan = probes.get(probe), plans.get(probe)
    if value is None or plan is None or value.begun is None:
        return Change(probes=probes)
    value = replace(value, begun=None, due=rested(value, probe, plan, now))
    if outcome == "Unknown" and message:
        text = f"{probe} probe errored and resulted in unknown state: {message}"
        return _also_due(Change(probes={**probes, probe: value}, warnings=(_unhealthy(text),)), plans, now)
    warnings: tuple[Warn, ...] = ()
    if outcome == "Success" and message:
        warnings = (Warn(reason="ProbeWarning", message=f"{probe} probe warning: {message}"),)
    elif outcome == "Failure":
        warnings = (_unhealthy(f"{probe} probe failed: {message}"),)
    counted: Literal["Success", "Failure"] = "Success" if outcome == "Success" else "Failure"
    run = value.run + 1 if counted == value.outcome else 1
    value = replace(value, outcome=counted, run=run)
    reached = run >= (plan.success_threshold if counted == "Success" else plan.failure_threshold)
    if reached:
        value = replace(value, result=counted)
    kill: ProbeName | None = None
    after = {**probes, probe: value}
    if reached and (probe == "Startup" or (probe == "Liveness" and counted == "Failure")):
        # On hold until the next instance.
        after[probe] = replace(value, run=0, due=None)
        if counted == "Success":
            after = _resumed(after, plans, now)
        else:
            kill = probe
    return _also_due(Change(probes=after, warnings=warnings, kill=kill), plans, now)


def _unhealthy(message: str) -> Warn:
    return Warn(reason="Unhealthy", message=message)


def _resumed(probes: Probes, plans: ProbePlans, now: float) -> Probes:
    """The container has started up: the other probes begin."""
    after = dict(probes)
    for probe, plan in plans.items():
        if probe == "Startup" or probe not in probes:
            continue
        value = probes[probe]
        soon = value.started + plan.initial_delay if _hurries(probe) else _next(probe, plan, value.started, now)
        after[probe] = replace(value, due=max(now, soon))
    return after


def _also_due(change: Change, plans: ProbePlans, now: float) -> Change:
    """Along with the attempts that begin at the same instant."""
    ticked = tick(change.probes, plans, now)
    return Change(probes=ticked.probes, run=ticked.run, warnings=change.warnings, kill=change.kill)


def stop(probes: Probes) -> Change:
    """The container is told to end, for whatever reason: liveness and startup are not probed any more, and their
    attempts under way are cancelled. Readiness goes on until the container is dead (10.3)."""
    after = dict(probes)
    cancel: list[ProbeName] = []
    for probe in ("Startup", "Liveness"):
        value = probes.get(probe)
        if value is not None and (value.due is not None or value.begun is not None):
            after[probe] = replace(value, due=None, begun=None)
            if value.begun is not None:
                cancel.append("Startup" if probe == "Startup" else "Liveness")
    return Change(probes=after if after != probes else probes, cancel=tuple(cancel))


def end(probes: Probes) -> Change:
    """The container is dead."""
    under_way: list[ProbeName] = [probe for probe in _INITIAL if probe in probes and probes[probe].begun is not None]
    return Change(probes=NO_PROBES, cancel=tuple(under_way))


# What they say of a running container.


def is_started(probes: Probes) -> bool:
    """``started`` of a running container (14.4)."""
    return "Startup" not in probes or probes["Startup"].result == "Success"


def is_ready(probes: Probes) -> bool:
    """``ready`` of a running container that is not a plain init container (14.5)."""
    return is_started(probes) and ("Readiness" not in probes or probes["Readiness"].result == "Success")


def kill_message(name: str, probe: ProbeName, *, init: bool, restarted: bool) -> str:
    """Of the event Killing. ``restarted``: the policy lets the container start again (6.3); never said of a sidecar."""
    if init:
        return f"Init container {name} failed {probe.lower()} probe"
    return f"Container {name} failed {probe.lower()} probe{', will be restarted' if restarted else ''}"
