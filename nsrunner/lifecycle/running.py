"""What happens while a container runs, and how it ends: probes, exits, the death of its sandbox.

Actions of the table in :mod:`nsrunner.lifecycle.container`.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from nsrunner.lifecycle import probe, records
from nsrunner.lifecycle.events import ContainerExited, ContainerFailed, ContainerStarted, ProbeDone
from nsrunner.lifecycle.orders import ProbeDue, Redefine, Reset, SandboxLost
from nsrunner.lifecycle.policy import OOM_KILLED, RESTARTING_ALL
from nsrunner.lifecycle.probe import NO_PROBES, Change
from nsrunner.lifecycle.records import UNSEEN_EXIT_CODE
from nsrunner.lifecycle.starting import record_failure, record_start, start_failed
from nsrunner.lifecycle.step import Step, after_end, again, probing, rest
from nsrunner.lifecycle.stopping import begin_stop, redefine
from nsrunner.lifecycle.value import ContainerState as S
from nsrunner.lifecycle.value import ContainerValue, Instance, Then

__all__ = [
    "exited",
    "lost",
    "lost_ended",
    "lost_running",
    "lost_starting",
    "probe_done",
    "probe_done_stopping",
    "probe_due",
    "reset",
    "start_failed_to_stop",
    "started_to_stop",
    "stopped",
]


# Probes.


def probe_due(value: ContainerValue, event: ProbeDue, at: Step) -> ContainerValue:
    return probing(value, probe.tick(value.probes, at.plan.probes, at.now.mono), at)


def _answered(value: ContainerValue, event: ProbeDone, at: Step) -> Change:
    return probe.answered(value.probes, at.plan.probes, event.probe, event.result, event.message, at.now.mono)


def probe_done(value: ContainerValue, event: ProbeDone, at: Step) -> ContainerValue:
    change = _answered(value, event, at)
    value = probing(value, change, at)
    if change.kill is None:
        return value
    plan = at.plan
    # There is no exit code yet, so OnFailure restarts whatever it will be, and rules have no say (6.3).
    then = Then.DECIDE if plan.restart_policy == "Never" else Then.RESTART
    message = probe.kill_message(plan.name, change.kill, init=plan.init, restarted=then is Then.RESTART)
    grace = plan.probes[change.kill].grace
    return begin_stop(value, at.now.mono + (plan.grace if grace is None else grace), then, message, at)


def probe_done_stopping(value: ContainerValue, event: ProbeDone, at: Step) -> ContainerValue:
    """Of readiness: the others have been cancelled."""
    return probing(value, _answered(value, event, at), at)


# Ends.


def _record_end(value: ContainerValue, event: ContainerExited, at: Step) -> ContainerValue:
    """A hook that was under way has failed with the container."""
    assert value.current is not None
    hook = at.out.hook_under_way(at.plan.name)
    if hook is not None:
        at.warn(f"Failed{hook}Hook", f"{hook}Hook failed")
    at.out.abandon(at.plan.name)
    return replace(value, current=records.finished(value.current, event), probes=NO_PROBES)


def exited(value: ContainerValue, event: ContainerExited, at: Step) -> ContainerValue:
    return after_end(_record_end(value, event, at), at)


def stopped(value: ContainerValue, event: ContainerExited, at: Step) -> ContainerValue:
    return _follow(_record_end(value, event, at), at)


def _follow(value: ContainerValue, at: Step) -> ContainerValue:
    """``current``, which was being stopped, is dead."""
    match value.then:
        case Then.END:
            return rest(value, S.ENDED)
        case Then.DECIDE:
            return after_end(value, at)
        case Then.RESTART:
            return again(replace(value, killed=True), at)
        case Then.RESET:
            return _reset(value, at, culprit=False)


def started_to_stop(value: ContainerValue, event: ContainerStarted, at: Step) -> ContainerValue:
    value = record_start(value, event, at)
    assert value.current is not None
    if value.current.finished is not None:
        return _follow(value, at)
    if value.then is Then.RESTART:
        return redefine(value, Redefine(), at)
    return begin_stop(value, value.until, value.then, f"Stopping container {at.plan.name}", at)


def start_failed_to_stop(value: ContainerValue, event: ContainerFailed, at: Step) -> ContainerValue:
    if value.then is Then.RESTART:
        return start_failed(value, event, at)
    return _follow(record_failure(value, event, at), at)


# All containers start anew.


def reset(value: ContainerValue, event: Reset, at: Step) -> ContainerValue:
    """Nothing of it runs."""
    at.out.abandon(at.plan.name)
    return _reset(value, at, culprit=event.culprit)


def _reset(value: ContainerValue, at: Step, *, culprit: bool) -> ContainerValue:
    """As if it had never run. But the start of the one that set it off counts as a restart, with its back-off: the pod
    is not to go round and round as fast as it can."""
    return replace(rest(records.reset(value, at.plan.name, at.out), S.IDLE), killed=not culprit)


# The death of the sandbox.


_ONE_LOOK: Final = 1.0
"""Seconds between two looks of the kubelet at what runs: what ends within them has ended together."""


def lost(value: ContainerValue, event: SandboxLost, at: Step) -> ContainerValue:
    """Nothing of it runs."""
    at.out.abandon(at.plan.name)
    if event.renew and (value.state is S.PULLING or _taken_along(value, at)):
        value = replace(value, spared=True)
    if value.state is S.PULLING:
        value = replace(value, backoff=value.backoff_before)
    if event.renew and at.plan.init:
        # Initialisation starts anew, so what the init containers left goes.
        value = records.purge(value, at.plan.name, at.out)
    elif value.current is not None:
        value = replace(value, current=replace(value.current, stale=True))
    over = at.plan.ephemeral and value.current is not None
    return replace(rest(value, S.IDLE if event.renew and not over else S.ENDED), probes=NO_PROBES)


def _taken_along(value: ContainerValue, at: Step) -> bool:
    """Whether ``current`` died of the sandbox's death: the kernel kills what is in a pid namespace before the death of
    its first process can be seen."""
    dead = value.current
    if dead is None or dead.finished is None or dead.finished.mono < at.now.mono - _ONE_LOOK:
        return False
    return dead.exit_code == UNSEEN_EXIT_CODE and dead.reason not in (OOM_KILLED, RESTARTING_ALL)


def lost_running(value: ContainerValue, event: SandboxLost, at: Step) -> ContainerValue:
    assert value.current is not None
    return lost(replace(value, current=records.unseen(value.current, at.now)), event, at)


def lost_starting(value: ContainerValue, event: SandboxLost, at: Step) -> ContainerValue:
    """Whether it ran, nobody will tell: its attempt is used up."""
    dead = value.early
    if dead is None:
        dead = records.unseen(Instance(attempt=value.next_attempt, container_id="", started=at.now), at.now)
        value = replace(value, backoff=value.backoff_before)
    return lost(records.add(value, dead, at.plan.name, at.out), event, at)


def lost_ended(value: ContainerValue, event: SandboxLost, at: Step) -> ContainerValue:
    """A regular container that has done its work has done it for any other sandbox (kubelet-semantics 5)."""
    plan, dead = at.plan, value.current
    done = dead is not None and dead.exit_code == 0 and plan.restart_policy == "OnFailure"
    return value if done and not plan.init else lost(value, event, at)
