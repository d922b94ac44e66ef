"""What each event does to a pod: the actions of the table in :mod:`nsrunner.lifecycle.pod_table`.

An action works on a :class:`~nsrunner.lifecycle.draft.Draft`; what has become possible by it, :func:`advance` does.
"""

from __future__ import annotations

from typing import Final

from nsrunner.lifecycle import container, order, probe, records
from nsrunner.lifecycle.backoff import after_failed_pull
from nsrunner.lifecycle.conditions import set_foreign
from nsrunner.lifecycle.draft import Draft
from nsrunner.lifecycle.events import (
    ConditionSet,
    ContainerExited,
    ContainerFailed,
    ContainerStarted,
    DeleteRequested,
    HookDone,
    ImageFailed,
    ImageReady,
    PodAdded,
    PodRejected,
    PodRemoved,
    ProbeDone,
    SandboxDied,
    SandboxFailed,
    SandboxReady,
    SandboxStopped,
    SignalSent,
    SpecChanged,
    Tick,
)
from nsrunner.lifecycle.orders import Due, ProbeDue, PullFailed, Redefine, SandboxLost, Stop
from nsrunner.lifecycle.policy import PodPlan, plan_of
from nsrunner.lifecycle.step import RETRY_DELAY
from nsrunner.lifecycle.termination import MINIMUM_GRACE, shrunk
from nsrunner.lifecycle.value import ContainerState, ContainerValue, Deletion, PodValue
from nsrunner.lifecycle.value import PodState as S

__all__ = [
    "added",
    "advance",
    "condition_set",
    "deadlines",
    "delete",
    "delete_stopped",
    "died",
    "died_in_the_making",
    "died_terminating",
    "died_unwanted",
    "exited",
    "exited_before",
    "image_failed",
    "last_attempt",
    "mark_deleted",
    "rejected",
    "remains_gone",
    "removed",
    "sandbox_failed",
    "sandbox_failed_unwanted",
    "sandbox_ready",
    "sandbox_unwanted",
    "spec_changed",
    "stopped",
    "tell",
    "tick",
]

DEADLINE_MESSAGE: Final = "Pod was active on the node longer than the specified deadline"

_LIVING: Final = (S.CREATING, S.SANDBOX_WAIT, S.ACTIVE, S.RENEWING)
"""States of a pod that was accepted and has not begun to end."""


# Deadlines.


def _active_until(value: PodValue, plan: PodPlan) -> float | None:
    """activeDeadlineSeconds, counted from status.startTime (kubelet-semantics 16), while it can still strike."""
    if plan.active_deadline is None or value.added is None or value.state not in _LIVING:
        return None
    return value.added.mono + plan.active_deadline


def deadlines(value: PodValue, plan: PodPlan) -> tuple[float | None, float | None]:
    """The soonest time at which something happens by itself, and that of the next attempt of a probe."""
    soonest = _active_until(value, plan)
    if value.state is S.SANDBOX_WAIT:
        soonest = _sooner(soonest, value.due)
    attempt = None
    for known in value.containers.values():
        if known.due is not None:
            soonest = _sooner(soonest, known.due)
        if known.probes:
            attempt = _sooner(attempt, probe.deadline(known.probes))
    return soonest, attempt


def _sooner(one: float | None, other: float | None) -> float | None:
    if one is None or (other is not None and other < one):
        return other
    return one


# What several actions share.


def last_attempt(value: ContainerValue) -> int:
    """Of the newest instance that may exist."""
    starting = value.state in (ContainerState.STARTING, ContainerState.ABORTING)
    return value.next_attempt if starting else value.next_attempt - 1


def advance(at: Draft) -> None:
    """Whatever has become possible."""
    if at.state is S.ACTIVE:
        order.restart_all(at)
        order.want(at)
        if order.nothing_left(at):
            _end(at, at.plan.grace)
        else:
            order.give_turns(at)
    if at.state is S.TERMINATING:
        order.let_go(at)
        if not any(known.state in container.ALIVE for known in at.value.containers.values()):
            _stop_sandbox(at, S.STOPPING)


def _create_sandbox(at: Draft) -> None:
    attempt = at.value.sandbox + 1
    at.out.create_sandbox(attempt)
    at.change(state=S.CREATING, sandbox=attempt, due=None)


def _stop_sandbox(at: Draft, state: S) -> None:
    at.out.stop_sandbox(at.value.sandbox)
    at.change(state=state)


def _end(at: Draft, grace: int, *, at_once: bool = False) -> None:
    """The pod is to stop, with this grace period; or, when it is stopping already, perhaps sooner."""
    grace = shrunk(at.value.grace, grace)
    at.tell_all(Stop(until=None if at_once else at.now.mono + grace))
    at.change(grace=grace, queue=(), due=None, restarting=False)
    match at.state:
        case S.NEW | S.SANDBOX_WAIT:
            _conclude(at)
        case S.CREATING:
            at.change(state=S.ABORTING)
        case S.ACTIVE:
            at.change(state=S.TERMINATING)
        case S.RENEWING:
            at.change(state=S.STOPPING)


def _conclude(at: Draft) -> None:
    """Nothing of the pod runs any more."""
    if at.value.deletion is not None:
        at.out.remove_pod()
        at.change(state=S.REMOVING)
    else:
        at.change(state=S.STOPPED)


# Actions.


def added(at: Draft, event: PodAdded) -> None:
    at.change(added=at.now)
    _create_sandbox(at)


def rejected(at: Draft, event: PodRejected) -> None:
    at.out.record("Warning", event.reason, event.message)
    at.change(added=at.now, rejected=True, reason=event.reason, message=f"Pod was rejected: {event.message}")
    _conclude(at)


def delete(at: Draft, event: DeleteRequested) -> None:
    mark_deleted(at, event)
    _end(at, _asked_grace(at, event), at_once=event.grace_seconds == 0)


def delete_stopped(at: Draft, event: DeleteRequested) -> None:
    mark_deleted(at, event)
    _conclude(at)


def mark_deleted(at: Draft, event: DeleteRequested) -> None:
    """As the API server does it: later requests count when they are shorter, from the time of the first one."""
    grace, before = _asked_grace(at, event), at.value.deletion
    if before is None:
        at.change(deletion=Deletion(asked=at.now.wall, grace=grace))
    elif grace < before.grace:
        at.change(deletion=Deletion(asked=before.asked, grace=grace))


def _asked_grace(at: Draft, event: DeleteRequested) -> int:
    grace = at.plan.grace if event.grace_seconds is None else event.grace_seconds
    return grace if grace >= 0 else MINIMUM_GRACE


def tick(at: Draft, event: Tick) -> None:
    active_until = _active_until(at.value, at.plan)
    if active_until is not None and active_until <= at.now.mono:
        at.out.record("Normal", "DeadlineExceeded", DEADLINE_MESSAGE)
        at.change(reason="DeadlineExceeded", message=DEADLINE_MESSAGE)
        _end(at, at.plan.grace)
    for name in at.value.containers:
        due = at.value.containers[name].due
        if due is not None and due <= at.now.mono:
            at.tell(name, Due())
        due = probe.deadline(at.value.containers[name].probes)
        if due is not None and due <= at.now.mono:
            at.tell(name, ProbeDue())
    if at.state is S.SANDBOX_WAIT and at.value.due is not None and at.value.due <= at.now.mono:
        _create_sandbox(at)


def sandbox_ready(at: Draft, event: SandboxReady) -> None:
    at.change(state=S.ACTIVE, pod_ip=event.pod_ip)


def sandbox_unwanted(at: Draft, event: SandboxReady) -> None:
    _stop_sandbox(at, S.STOPPING)


def _warn_sandbox(at: Draft, reason: str, message: str) -> None:
    prefix = "Failed to create pod sandbox: " if reason == "FailedCreatePodSandBox" else ""
    at.out.record("Warning", reason, prefix + message)


def sandbox_failed(at: Draft, event: SandboxFailed) -> None:
    _warn_sandbox(at, event.reason, event.message)
    at.change(state=S.SANDBOX_WAIT, due=at.now.mono + RETRY_DELAY)


def sandbox_failed_unwanted(at: Draft, event: SandboxFailed) -> None:
    """The kubelet says nothing of it either."""
    _conclude(at)


def died_in_the_making(at: Draft, event: SandboxDied) -> None:
    at.out.abandon_sandbox()
    _warn_sandbox(at, "FailedCreatePodSandBox", "the sandbox died while it was being made")
    at.change(due=at.now.mono + RETRY_DELAY)
    _stop_sandbox(at, S.RENEWING)


def died_unwanted(at: Draft, event: SandboxDied) -> None:
    at.out.abandon_sandbox()
    _stop_sandbox(at, S.STOPPING)


def died(at: Draft, event: SandboxDied) -> None:
    """Everything starts anew; but with restartPolicy Never, what ran once does not run again (kubelet-semantics 5)."""
    ran = any(value.next_attempt or value.state is ContainerState.STARTING for value in at.value.containers.values())
    renew = not (at.plan.restart_policy == "Never" and ran)
    at.tell_all(SandboxLost(renew=renew))
    at.change(queue=(), restarting=False)
    if not renew:
        at.change(state=S.TERMINATING, grace=at.plan.grace)
        return
    at.out.record("Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
    before, now = at.value.sandbox_died, at.now.mono
    # One death is mended at once. A sandbox that keeps dying is not made in a tight loop.
    at.change(sandbox_died=now, due=now + RETRY_DELAY if before is not None and now - before < RETRY_DELAY else None)
    _stop_sandbox(at, S.RENEWING)


def died_terminating(at: Draft, event: SandboxDied) -> None:
    at.tell_all(SandboxLost(renew=False))


def remains_gone(at: Draft, event: SandboxStopped) -> None:
    if at.value.due is not None and at.value.due > at.now.mono:
        at.change(state=S.SANDBOX_WAIT)
    else:
        _create_sandbox(at)


def stopped(at: Draft, event: SandboxStopped) -> None:
    _conclude(at)


def spec_changed(at: Draft, event: SpecChanged) -> None:
    """Ephemeral containers may have come, and with another image a container is another one (2.5, 6.3)."""
    before = at.plan.containers
    at.plan = plan_of(event.pod, maximum=at.plan.maximum)
    at.change(containers={name: at.value.containers.get(name, ContainerValue()) for name in at.plan.containers})
    for name, plan in at.plan.containers.items():
        if name in before and before[name].image != plan.image:
            at.tell(name, Redefine())


def condition_set(at: Draft, event: ConditionSet) -> None:
    at.change(foreign=set_foreign(at.value.foreign, event, at.now.wall))


def tell(at: Draft, event: ImageReady | ContainerStarted | ContainerFailed | HookDone | ProbeDone | SignalSent) -> None:
    at.tell(event.container, event)


def image_failed(at: Draft, event: ImageFailed) -> None:
    now = at.now.mono
    retry_at = now + RETRY_DELAY
    if event.reason == "ErrImagePull":
        image = at.plan.containers[event.container].image
        entry = after_failed_pull(at.value.pulls.get(image), error=event.message, now=now)
        at.change(pulls={**at.value.pulls, image: entry})
        retry_at = entry.until
    at.tell(event.container, PullFailed(reason=event.reason, message=event.message, retry_at=retry_at))


def exited(at: Draft, event: ContainerExited) -> None:
    value = at.value.containers[event.container]
    if value.state in container.ALIVE and event.attempt == last_attempt(value):
        at.tell(event.container, event)
    else:
        exited_before(at, event)


def exited_before(at: Draft, event: ContainerExited) -> None:
    """Of an instance that is over: known already, or the true end of one that was written off."""
    containers = at.value.containers
    amended = records.amend(containers[event.container], event)
    at.change(containers={**containers, event.container: amended})


def removed(at: Draft, event: PodRemoved) -> None:
    at.change(state=S.REMOVED)
