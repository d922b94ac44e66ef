"""Which instance of a container comes next, and from when on it is worth being ready: for whoever can build its world
before the start is asked for.

Pure, and nothing depends on it: the machine neither waits for what is prepared nor remembers it, so it is no command.
Whoever prepares looks again after each event, and takes back what is not among these any more.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from nsrunner.lifecycle.policy import ContainerPlan, Kind, PodPlan
from nsrunner.lifecycle.value import ContainerState as S
from nsrunner.lifecycle.value import ContainerValue, PodState, PodValue

__all__ = ["LEAD", "Upcoming", "upcoming"]

LEAD: Final = 0.25
"""Seconds before the end of a back-off. Long enough for the containers of many pods that crashed together; short enough
that what a container sees of its volumes and its image is as fresh as when a runtime creates it and starts it then."""

_MAY_CRASH: Final = (S.STARTING, S.POST_START, S.RUNNING)
_ON_ITS_WAY: Final = (S.QUEUED, S.PULLING)


class Upcoming(Struct, frozen=True, kw_only=True):
    """An instance whose start will be asked for, unless something comes between."""

    attempt: int
    after: int | None = None
    """Attempt of the one that it follows at once, should that end by itself; None: no process of the container is
    left."""
    at: float
    """Monotonic time from which on it is worth being ready. Infinite: too late to begin; what is ready is kept."""


def upcoming(plan: PodPlan, value: PodValue) -> dict[str, Upcoming]:
    """By container; empty for a pod whose end has begun."""
    if value.state is not PodState.ACTIVE or value.restarting:
        return {}
    found = ((name, _next(plan.containers[name], known)) for name, known in value.containers.items())
    return {name: each for name, each in found if each is not None}


def _next(plan: ContainerPlan, value: ContainerValue) -> Upcoming | None:
    if value.state is S.BACK_OFF and value.due is not None:
        return Upcoming(attempt=value.next_attempt, at=value.due - LEAD)
    if value.state in _ON_ITS_WAY:
        return Upcoming(attempt=value.next_attempt, at=math.inf)
    if value.state in _MAY_CRASH and _always_restarts(plan):
        running = value.next_attempt - (value.state is not S.STARTING)
        return Upcoming(attempt=running + 1, after=running, at=_immediate_from(plan, value))
    return None


def _always_restarts(plan: ContainerPlan) -> bool:
    """Whatever its exit code: what is ready after a success that ends a container was for nothing."""
    return plan.kind is Kind.SIDECAR or (
        plan.kind is Kind.REGULAR and plan.restart_policy == "Always" and not plan.rules
    )


def _immediate_from(plan: ContainerPlan, value: ContainerValue) -> float:
    """When an end begins to be followed at once (:func:`nsrunner.lifecycle.backoff.try_restart`)."""
    entry = value.backoff
    return -math.inf if entry is None or entry.key != plan.key else entry.updated + plan.limits.reset
