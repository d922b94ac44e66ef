"""How a container is stopped: preStop hook, turn, TERM, KILL (kubelet-semantics 10).

Actions of the table in :mod:`nsrunner.lifecycle.container`. ``due`` is the end of the grace period until TERM is sent,
and then the instant of the KILL. What a hook, and then the wait for a sidecar's turn, has taken is deducted from the
grace period in whole seconds, as the kubelet does it.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec.structs import replace

from nsrunner.lifecycle import probe
from nsrunner.lifecycle.events import HookDone, SignalSent
from nsrunner.lifecycle.orders import Due, Go, Redefine, Reset, Stop
from nsrunner.lifecycle.policy import Kind
from nsrunner.lifecycle.step import RETRY_DELAY, Step, probing, rest
from nsrunner.lifecycle.termination import MINIMUM_STOP, sooner
from nsrunner.lifecycle.value import ContainerState as S
from nsrunner.lifecycle.value import ContainerValue, Then

__all__ = [
    "abort",
    "abort_sooner",
    "begin_stop",
    "cancel",
    "go",
    "kill",
    "kill_sent",
    "late_hook",
    "overdue",
    "pre_stop_done",
    "redefine",
    "redefine_starting",
    "reset_killing",
    "reset_running",
    "reset_starting",
    "reset_stopping",
    "stop",
    "stop_killing",
    "stop_sooner",
    "stop_term_sooner",
    "term_sent",
]

_ROUNDING: Final = 1e-6
"""Seconds by which the difference of two times may be too small, far from zero."""


def begin_stop(value: ContainerValue, until: float | None, then: Then, message: str, at: Step) -> ContainerValue:
    """Stop what runs; the grace period ends at ``until``, None: there is none. A reason to show stays.

    A postStart hook under way is given up; liveness and startup are not probed any more.
    """
    name = at.plan.name
    at.tell("Killing", message)
    at.out.cancel_hook(name)
    value = probing(value, probe.stop(value.probes), at)
    value = replace(value, due=until, until=None, since=at.now.mono, then=then)
    if until is None:
        return _kill(value, at)
    if at.plan.pre_stop and until > at.now.mono:
        assert value.current is not None
        at.out.run_hook(name, value.current.attempt, "PreStop")
        return replace(value, state=S.PRE_STOP)
    return _after_hook(value, at)


def _after_hook(value: ContainerValue, at: Step) -> ContainerValue:
    if at.plan.sidecar and value.then is Then.END:
        return replace(value, state=S.LAST, since=at.now.mono)
    return _term(value, at)


def _term(value: ContainerValue, at: Step) -> ContainerValue:
    assert value.current is not None and value.due is not None
    at.out.signal(at.plan.name, value.current.attempt, at.plan.stop_signal)
    return replace(value, state=S.STOPPING, since=None, due=max(value.due, at.now.mono + MINIMUM_STOP))


def _deducted(value: ContainerValue, at: Step) -> ContainerValue:
    """The state took so long; but of begun seconds only whole ones are deducted from the grace period."""
    assert value.due is not None and value.since is not None
    elapsed = at.now.mono - value.since
    whole = math.floor(elapsed + _ROUNDING)
    return replace(value, due=value.due + max(0.0, elapsed - whole))


def pre_stop_done(value: ContainerValue, event: HookDone, at: Step) -> ContainerValue:
    return _after_hook(_deducted(late_hook(value, event, at), at), at)


def late_hook(value: ContainerValue, event: HookDone, at: Step) -> ContainerValue:
    """A preStop hook that fails changes nothing but that it is told."""
    if event.error:
        at.warn("FailedPreStopHook", "PreStopHook failed")
    return value


def go(value: ContainerValue, event: Go, at: Step) -> ContainerValue:
    return _term(_deducted(value, at), at)


def overdue(value: ContainerValue, event: Due, at: Step) -> ContainerValue:
    """The grace period is used up, by the hook (which is left to itself) or by the wait."""
    return _term(value, at)


def kill(value: ContainerValue, event: Due, at: Step) -> ContainerValue:
    return _kill(value, at)


def _kill(value: ContainerValue, at: Step) -> ContainerValue:
    assert value.current is not None
    at.out.signal(at.plan.name, value.current.attempt, "KILL")
    return replace(value, state=S.KILLING, since=None, due=None)


def term_sent(value: ContainerValue, event: SignalSent, at: Step) -> ContainerValue:
    if event.error:
        at.out.record("Warning", "FailedKillPod", f"error killing pod: {event.error}")
    return value


def kill_sent(value: ContainerValue, event: SignalSent, at: Step) -> ContainerValue:
    value = term_sent(value, event, at)
    return replace(value, due=at.now.mono + RETRY_DELAY) if event.error else value


# The pod ends.


def cancel(value: ContainerValue, event: Stop, at: Step) -> ContainerValue:
    at.out.abandon(at.plan.name)
    return rest(value, S.ENDED)


def stop(value: ContainerValue, event: Stop, at: Step) -> ContainerValue:
    return begin_stop(value, event.until, Then.END, f"Stopping container {at.plan.name}", at)


def abort(value: ContainerValue, event: Stop, at: Step) -> ContainerValue:
    return replace(value, state=S.ABORTING, until=event.until, then=Then.END)


def abort_sooner(value: ContainerValue, event: Stop, at: Step) -> ContainerValue:
    until = event.until if value.then is Then.RESTART else sooner(value.until, event.until)
    return replace(value, until=until, then=Then.END)


def stop_sooner(value: ContainerValue, event: Stop, at: Step) -> ContainerValue:
    return _stop_by(value, event.until, at)


def stop_term_sooner(value: ContainerValue, event: Stop, at: Step) -> ContainerValue:
    return _stop_by(value, None if event.until is None else max(event.until, at.now.mono + MINIMUM_STOP), at)


def _stop_by(value: ContainerValue, until: float | None, at: Step) -> ContainerValue:
    due = sooner(value.due, until)
    value = replace(value, due=due, then=Then.END)
    return _kill(value, at) if due is None else value


def stop_killing(value: ContainerValue, event: Stop, at: Step) -> ContainerValue:
    return replace(value, then=Then.END)


# All containers start anew: no grace period, no hook.


def reset_starting(value: ContainerValue, event: Reset, at: Step) -> ContainerValue:
    return replace(value, state=S.ABORTING, until=at.now.mono, then=Then.RESET)


def reset_running(value: ContainerValue, event: Reset, at: Step) -> ContainerValue:
    return begin_stop(value, at.now.mono, Then.RESET, f"Stopping container {at.plan.name}", at)


def reset_stopping(value: ContainerValue, event: Reset, at: Step) -> ContainerValue:
    assert value.due is not None
    value = replace(value, due=min(value.due, at.now.mono + MINIMUM_STOP), then=Then.RESET)
    return _term(value, at) if value.state is S.PRE_STOP else value


def reset_killing(value: ContainerValue, event: Reset, at: Step) -> ContainerValue:
    return replace(value, then=Then.RESET)


# Another image. A plain init container that has begun comes to its end as it is (7).


def redefine(value: ContainerValue, event: Redefine, at: Step) -> ContainerValue:
    if at.plan.kind is Kind.INIT:
        return value
    changed = f"{'Init container' if at.plan.init else 'Container'} {at.plan.name} definition changed"
    message = changed if at.plan.init else f"{changed}, will be restarted"
    return begin_stop(value, at.now.mono + at.plan.grace, Then.RESTART, message, at)


def redefine_starting(value: ContainerValue, event: Redefine, at: Step) -> ContainerValue:
    if at.plan.kind is Kind.INIT:
        return value
    return replace(value, state=S.ABORTING, then=Then.RESTART)
