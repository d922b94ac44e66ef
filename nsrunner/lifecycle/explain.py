"""Why a container waits, when it is tried again, and what would change that: for ``describe`` and for people who ask.

Pure: what it says follows from the value and the spec alone.
"""

from __future__ import annotations

import math
from typing import Final, assert_never

from msgspec import Struct

from nsrunner.lifecycle.backoff import EXPIRY, MAXIMUM
from nsrunner.lifecycle.events import Now
from nsrunner.lifecycle.policy import ContainerPlan, Kind
from nsrunner.lifecycle.step import RETRY_DELAY
from nsrunner.lifecycle.text import go_duration, timestamp
from nsrunner.lifecycle.value import ContainerState as S
from nsrunner.lifecycle.value import ContainerValue, Instance

__all__ = ["Wait", "explain"]

_WAITS: Final = (S.BACK_OFF, S.PULL_WAIT, S.CREATE_WAIT)


class Wait(Struct, frozen=True, kw_only=True):
    """A container that waits for its next start."""

    reason: str
    """As in ``status.state.waiting``: CrashLoopBackOff, ImagePullBackOff, ..."""
    why: str
    """A sentence."""
    next_start: float
    """Wall time."""
    left: float
    """Seconds until then."""
    afterwards: str
    """A sentence: what the wait after this one will be."""
    resets: tuple[str, ...] = ()
    """What makes the delays begin anew, each a noun phrase; none where they do not grow."""

    @property
    def lines(self) -> tuple[str, ...]:
        """All of it as text, a sentence a line."""
        start = f"Next start at {timestamp(self.next_start)}, in {go_duration(math.ceil(self.left))}."
        resets = (f"What would reset the delay: {'; '.join(self.resets)}.",) if self.resets else ()
        return (self.why, start, self.afterwards, *resets)


def explain(plan: ContainerPlan, value: ContainerValue, now: Now) -> Wait | None:
    """None for a container that does not wait for a time to come."""
    due = value.due if value.retry_at is None else value.retry_at
    if value.state not in _WAITS or due is None:
        return None
    left = max(0.0, due - now.mono)
    next_start = now.wall + left
    match value.state:
        case S.BACK_OFF:
            return _crash_loop(plan, value, next_start, left)
        case S.PULL_WAIT:
            return _no_image(plan, value, next_start, left)
        case _:
            return Wait(
                reason=value.reason,
                why=f"It could not be started: {value.message}",
                next_start=next_start,
                left=left,
                afterwards=f"It is tried every {go_duration(RETRY_DELAY)}: what never ran does not back off.",
            )


def _no_image(plan: ContainerPlan, value: ContainerValue, next_start: float, left: float) -> Wait:
    resets: tuple[str, ...] = ()
    afterwards = f"It is looked for every {go_duration(RETRY_DELAY)}."
    if value.reason in ("ErrImagePull", "ImagePullBackOff"):
        afterwards = f"Each failed pull doubles the delay, up to {go_duration(MAXIMUM)}."
        resets = ("another image", f"{go_duration(EXPIRY)} without a failed pull")
    return Wait(
        reason=value.reason,
        why=f'There is no image "{plan.image}": {value.message}',
        next_start=next_start,
        left=left,
        afterwards=afterwards,
        resets=resets,
    )


def _crash_loop(plan: ContainerPlan, value: ContainerValue, next_start: float, left: float) -> Wait:
    dead, entry = value.current, value.backoff
    assert dead is not None and dead.finished is not None and entry is not None and value.due is not None
    following = min(2 * entry.delay, plan.limits.maximum)
    if value.due < dead.finished.mono + entry.delay:
        # The entry goes before the delay has passed.
        afterwards = f"The delay begins anew then, with {go_duration(plan.limits.initial)}."
    elif following > entry.delay:
        afterwards = f"The delay after that will be {go_duration(following)}; it doubles up to {_most(plan)}."
    else:
        afterwards = f"The delay stays {_most(plan)}."
    return Wait(
        reason=value.reason,
        why=f"It {_ended(dead)}, and {_policy(plan, dead)}; {go_duration(entry.delay)} must pass after its end.",
        next_start=next_start,
        left=left,
        afterwards=afterwards,
        resets=(
            f"a run of more than {go_duration(plan.limits.reset)}",
            "another image or other resources",
            "a new pod",
        ),
    )


def _most(plan: ContainerPlan) -> str:
    return go_duration(plan.limits.maximum)


def _ended(dead: Instance) -> str:
    assert dead.finished is not None
    ran = round(dead.finished.mono - dead.started.mono, 1)
    return f"ended with exit code {dead.exit_code} ({dead.reason}) after {go_duration(ran)}"


def _policy(plan: ContainerPlan, dead: Instance) -> str:
    """What makes it start again."""
    if plan.kind is not Kind.SIDECAR and any(rule.matches(dead.exit_code) for rule in plan.rules):
        return "a restart rule for this exit code starts it again"
    match plan.kind:
        case Kind.SIDECAR:
            return "a sidecar is always started again"
        case Kind.INIT:
            return "an init container is started again until it succeeds"
        case Kind.REGULAR | Kind.EPHEMERAL:
            return f"restart policy {plan.restart_policy} starts it again"
        case never:
            assert_never(never)
