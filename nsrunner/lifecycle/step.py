"""What the actions of a container's machine share: their surroundings, the ways to wait, and what follows an end."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nsrunner.lifecycle.backoff import CrashBackOff, try_restart
from nsrunner.lifecycle.events import Now
from nsrunner.lifecycle.outbox import Outbox
from nsrunner.lifecycle.policy import ContainerPlan, restarts
from nsrunner.lifecycle.probe import Change
from nsrunner.lifecycle.text import go_duration
from nsrunner.lifecycle.value import ContainerState as S
from nsrunner.lifecycle.value import ContainerValue, Instance, Then

__all__ = ["RETRY_DELAY", "Step", "after_end", "again", "back_off", "permission", "probing", "rest", "waiting"]

RETRY_DELAY: Final = 10.0
"""Seconds after which what failed without a back-off of its own is tried again (the kubelet takes 10 to 15)."""


class Step(Struct, frozen=True):
    """What an action is given besides the value and the input."""

    plan: ContainerPlan
    now: Now
    out: Outbox

    def warn(self, reason: str, message: str) -> None:
        self.out.record("Warning", reason, message, self.plan.field_path)

    def tell(self, reason: str, message: str) -> None:
        self.out.record("Normal", reason, message, self.plan.field_path)


def waiting(value: ContainerValue, state: S, due: float, reason: str, message: str) -> ContainerValue:
    """A state that ends at ``due``, with a reason to show."""
    return replace(rest(value, state), due=due, reason=reason, message=message)


def rest(value: ContainerValue, state: S) -> ContainerValue:
    """A state without a deadline and without a reason to show."""
    return replace(
        value,
        state=state,
        due=None,
        retry_at=None,
        until=None,
        since=None,
        then=Then.END,
        reason="",
        message="",
        early=None,
        backoff_before=None,
    )


def probing(value: ContainerValue, change: Change, at: Step) -> ContainerValue:
    """Do what comes of an input to the probes; but a kill is the caller's."""
    name = at.plan.name
    for probe in change.cancel:
        at.out.cancel_probe(name, probe)
    for warning in change.warnings:
        at.warn(warning.reason, warning.message)
    for probe in change.run:
        assert value.current is not None
        at.out.run_probe(name, value.current.attempt, probe)
    return value if change.probes is value.probes else replace(value, probes=change.probes)


def permission(value: ContainerValue, at: Step) -> tuple[CrashBackOff | None, float | None]:
    """Whether the container may start now: its crash-loop entry after that, and, if not, from when on it may.

    An instance that was killed to be restarted is not held against it in the start that follows at once: the kubelet
    judges by what it knew before the kill, which is the end of the instance before (kubelet-semantics 9). What the
    death of the sandbox took along is not held against the container at all.
    """
    if value.spared:
        return value.backoff, None
    dead = value.current
    if value.killed:
        entry, until = _judge(value, value.previous, at)
        if until is None:
            return entry, None
    return _judge(value, dead, at)


def _judge(value: ContainerValue, dead: Instance | None, at: Step) -> tuple[CrashBackOff | None, float | None]:
    if dead is None or dead.finished is None or dead.removed:
        return value.backoff, None
    return try_restart(
        value.backoff, key=at.plan.key, finished=dead.finished.mono, now=at.now.mono, limits=at.plan.limits
    )


def back_off(value: ContainerValue, until: float, at: Step) -> ContainerValue:
    """Wait for the end of the crash-loop back-off."""
    assert value.backoff is not None
    name, pod = at.plan.name, at.plan.pod
    at.warn("BackOff", f"Back-off restarting failed container {name} in pod {pod}")
    message = f"back-off {go_duration(value.backoff.delay)} restarting failed container={name} pod={pod}"
    return waiting(value, S.BACK_OFF, until, "CrashLoopBackOff", message)


def again(value: ContainerValue, at: Step) -> ContainerValue:
    """``current`` is dead and to be followed by another, as soon as may be. A reason to show stays until then."""
    _, until = permission(value, at)
    if until is not None:
        return back_off(value, until, at)
    return replace(rest(value, S.QUEUED), reason=value.reason, message=value.message)


def after_end(value: ContainerValue, at: Step) -> ContainerValue:
    """``current`` is dead and the pod lives: what now?"""
    dead = value.current
    assert dead is not None and dead.finished is not None
    return again(value, at) if restarts(at.plan, dead.exit_code, dead.reason) else rest(value, S.ENDED)
