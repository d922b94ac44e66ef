"""What each event does to a pod: the actions and the total table of its machine.

States are :class:`~nsrunner.lifecycle.value.PodState`, inputs the events of :mod:`nsrunner.lifecycle.events`. An action
works on a :class:`~nsrunner.lifecycle.draft.Draft`; what has become possible by it, :func:`advance` does.

Not modelled yet: probes, hooks, sidecars, ephemeral containers, container-level restart rules, a changed spec.
"""

from __future__ import annotations

from typing import Final

from nsrunner.lifecycle import container, order, records
from nsrunner.lifecycle.backoff import after_failed_pull
from nsrunner.lifecycle.commands import (
    CreateSandbox,
    EnsureImage,
    RemoveContainer,
    RemovePod,
    SignalContainer,
    StartContainer,
    StopSandbox,
)
from nsrunner.lifecycle.container import RETRY_DELAY
from nsrunner.lifecycle.draft import Draft
from nsrunner.lifecycle.events import (
    ContainerExited,
    ContainerFailed,
    ContainerRemoved,
    ContainerStarted,
    DeleteRequested,
    ImageFailed,
    ImageReady,
    PodAdded,
    PodRejected,
    PodRemoved,
    SandboxDied,
    SandboxFailed,
    SandboxReady,
    SandboxStopped,
    SignalSent,
    Tick,
)
from nsrunner.lifecycle.orders import Due, PullFailed, SandboxLost, Stop
from nsrunner.lifecycle.policy import PodPlan
from nsrunner.lifecycle.table import Row, Table, column
from nsrunner.lifecycle.termination import MINIMUM_GRACE, kill_time, shrunk
from nsrunner.lifecycle.value import ContainerState, ContainerValue, Deletion, PodValue
from nsrunner.lifecycle.value import PodState as S

__all__ = ["ANSWERS", "TABLE", "advance", "deadlines", "last_attempt"]


# Deadlines.


def _active_until(value: PodValue, plan: PodPlan) -> float | None:
    """activeDeadlineSeconds, counted from status.startTime (kubelet-semantics 16), while it can still strike."""
    if plan.active_deadline is None or value.added is None or value.state not in _LIVING:
        return None
    return value.added.mono + plan.active_deadline


def deadlines(value: PodValue, plan: PodPlan) -> list[float]:
    """All times at which something happens by itself."""
    sandbox = value.due if value.state is S.SANDBOX_WAIT else None
    dues = [sandbox, _active_until(value, plan), *(known.due for known in value.containers.values())]
    return [due for due in dues if due is not None]


# What several actions share.


def last_attempt(value: ContainerValue) -> int:
    """Of the newest instance that may exist."""
    starting = value.state in (ContainerState.STARTING, ContainerState.ABORTING)
    return value.next_attempt if starting else value.next_attempt - 1


def advance(at: Draft) -> None:
    """Whatever has become possible."""
    if at.state is S.ACTIVE:
        order.want_next(at)
        if order.nothing_left(at):
            _end(at, at.plan.grace)
        else:
            order.give_turns(at)
    if at.state is S.TERMINATING and not any(c.state in container.ALIVE for c in at.value.containers.values()):
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
    at.tell_all(Stop(kill_at=None if at_once else kill_time(grace, at.now.mono)))
    at.change(grace=grace, queue=(), due=None)
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


def _added(at: Draft, event: PodAdded) -> None:
    at.change(added=at.now)
    _create_sandbox(at)


def _rejected(at: Draft, event: PodRejected) -> None:
    at.out.record("Warning", event.reason, event.message)
    at.change(added=at.now, rejected=True, reason=event.reason, message=f"Pod was rejected: {event.message}")
    _conclude(at)


def _delete(at: Draft, event: DeleteRequested) -> None:
    _mark_deleted(at, event)
    _end(at, _asked_grace(at, event), at_once=event.grace_seconds == 0)


def _delete_stopped(at: Draft, event: DeleteRequested) -> None:
    _mark_deleted(at, event)
    _conclude(at)


def _mark_deleted(at: Draft, event: DeleteRequested) -> None:
    """As the API server does it: later requests count when they are shorter, from the time of the first one."""
    grace, before = _asked_grace(at, event), at.value.deletion
    if before is None:
        at.change(deletion=Deletion(asked=at.now.wall, grace=grace))
    elif grace < before.grace:
        at.change(deletion=Deletion(asked=before.asked, grace=grace))


def _asked_grace(at: Draft, event: DeleteRequested) -> int:
    grace = at.plan.grace if event.grace_seconds is None else event.grace_seconds
    return grace if grace >= 0 else MINIMUM_GRACE


def _tick(at: Draft, event: Tick) -> None:
    active_until = _active_until(at.value, at.plan)
    if active_until is not None and active_until <= at.now.mono:
        at.out.record("Normal", "DeadlineExceeded", DEADLINE_MESSAGE)
        at.change(reason="DeadlineExceeded", message=DEADLINE_MESSAGE)
        _end(at, at.plan.grace)
        return
    for name, value in at.value.containers.items():
        if value.due is not None and value.due <= at.now.mono:
            at.tell(name, Due())
    if at.state is S.SANDBOX_WAIT and at.value.due is not None and at.value.due <= at.now.mono:
        _create_sandbox(at)


def _sandbox_ready(at: Draft, event: SandboxReady) -> None:
    at.change(state=S.ACTIVE, pod_ip=event.pod_ip)


def _sandbox_unwanted(at: Draft, event: SandboxReady) -> None:
    _stop_sandbox(at, S.STOPPING)


def _warn_sandbox(at: Draft, reason: str, message: str) -> None:
    prefix = "Failed to create pod sandbox: " if reason == "FailedCreatePodSandBox" else ""
    at.out.record("Warning", reason, prefix + message)


def _sandbox_failed(at: Draft, event: SandboxFailed) -> None:
    _warn_sandbox(at, event.reason, event.message)
    at.change(state=S.SANDBOX_WAIT, due=at.now.mono + RETRY_DELAY)


def _sandbox_failed_unwanted(at: Draft, event: SandboxFailed) -> None:
    """The kubelet says nothing of it either."""
    _conclude(at)


def _died_in_the_making(at: Draft, event: SandboxDied) -> None:
    at.out.abandon_sandbox()
    _warn_sandbox(at, "FailedCreatePodSandBox", "the sandbox died while it was being made")
    at.change(due=at.now.mono + RETRY_DELAY)
    _stop_sandbox(at, S.RENEWING)


def _died_unwanted(at: Draft, event: SandboxDied) -> None:
    at.out.abandon_sandbox()
    _stop_sandbox(at, S.STOPPING)


def _died(at: Draft, event: SandboxDied) -> None:
    """Everything starts anew; but with restartPolicy Never, what ran once does not run again (kubelet-semantics 5)."""
    ran = any(value.next_attempt or value.state is ContainerState.STARTING for value in at.value.containers.values())
    renew = not (at.plan.restart_policy == "Never" and ran)
    at.tell_all(SandboxLost(renew=renew))
    at.change(queue=())
    if not renew:
        at.change(state=S.TERMINATING, grace=at.plan.grace)
        return
    at.out.record("Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
    before, now = at.value.sandbox_died, at.now.mono
    # One death is mended at once. A sandbox that keeps dying is not made in a tight loop.
    at.change(sandbox_died=now, due=now + RETRY_DELAY if before is not None and now - before < RETRY_DELAY else None)
    _stop_sandbox(at, S.RENEWING)


def _died_terminating(at: Draft, event: SandboxDied) -> None:
    at.tell_all(SandboxLost(renew=False))


def _remains_gone(at: Draft, event: SandboxStopped) -> None:
    if at.value.due is not None and at.value.due > at.now.mono:
        at.change(state=S.SANDBOX_WAIT)
    else:
        _create_sandbox(at)


def _stopped(at: Draft, event: SandboxStopped) -> None:
    _conclude(at)


def _tell(at: Draft, event: ImageReady | ContainerStarted | ContainerFailed | SignalSent) -> None:
    at.tell(event.container, event)


def _image_failed(at: Draft, event: ImageFailed) -> None:
    now = at.now.mono
    retry_at = now + RETRY_DELAY
    if event.reason == "ErrImagePull":
        image = at.plan.containers[event.container].image
        entry = after_failed_pull(at.value.pulls.get(image), error=event.message, now=now)
        at.change(pulls={**at.value.pulls, image: entry})
        retry_at = entry.until
    at.tell(event.container, PullFailed(reason=event.reason, message=event.message, retry_at=retry_at))


def _exited(at: Draft, event: ContainerExited) -> None:
    value = at.value.containers[event.container]
    if value.state in container.ALIVE and event.attempt == last_attempt(value):
        at.tell(event.container, event)
    else:
        _exited_before(at, event)


def _exited_before(at: Draft, event: ContainerExited) -> None:
    """Of an instance that is over: known already, or the true end of one that was written off."""
    containers = at.value.containers
    amended = records.amend(containers[event.container], event)
    at.change(containers={**containers, event.container: amended})


def _removed(at: Draft, event: PodRemoved) -> None:
    at.change(state=S.REMOVED)


DEADLINE_MESSAGE: Final = "Pod was active on the node longer than the specified deadline"

_LIVING: Final = (S.CREATING, S.SANDBOX_WAIT, S.ACTIVE, S.RENEWING)
"""States of a pod that was accepted and has not begun to end."""

ANSWERS: Final[dict[type, type]] = {
    SandboxReady: CreateSandbox,
    SandboxFailed: CreateSandbox,
    SandboxStopped: StopSandbox,
    ImageReady: EnsureImage,
    ImageFailed: EnsureImage,
    ContainerStarted: StartContainer,
    ContainerFailed: StartContainer,
    SignalSent: SignalContainer,
    ContainerRemoved: RemoveContainer,
    PodRemoved: RemovePod,
}
"""Which command each answer is for."""


_GONE: Final = (S.STOPPED, S.REMOVING)
_OVER: Final = (S.STOPPING, S.STOPPED, S.REMOVING, S.REMOVED)
_GOES_ON: Final = (S.ACTIVE, S.STOPPING)
_ENDS: Final = (S.TERMINATING, S.STOPPING)

TABLE: Final[Table[S]] = {
    **column(S, PodAdded, {S.NEW: Row(_added, (S.CREATING,))}),
    **column(S, PodRejected, {S.NEW: Row(_rejected, (S.STOPPED,))}),
    **column(
        S,
        DeleteRequested,
        {
            S.NEW: Row(_delete, (S.REMOVING,)),
            S.CREATING: Row(_delete, (S.ABORTING,)),
            S.SANDBOX_WAIT: Row(_delete, (S.REMOVING,)),
            S.ACTIVE: Row(_delete, _ENDS),
            S.RENEWING: Row(_delete, (S.STOPPING,)),
            S.ABORTING: Row(_delete, (S.ABORTING,)),
            S.TERMINATING: Row(_delete, (S.TERMINATING,)),
            S.STOPPING: Row(_mark_deleted, (S.STOPPING,)),
            S.STOPPED: Row(_delete_stopped, (S.REMOVING,)),
        },
        ignored=(S.REMOVING, S.REMOVED),
    ),
    **column(
        S,
        Tick,
        {
            S.CREATING: Row(_tick, (S.CREATING, S.ABORTING)),
            S.SANDBOX_WAIT: Row(_tick, (S.SANDBOX_WAIT, S.CREATING, S.STOPPED)),
            S.ACTIVE: Row(_tick, (S.ACTIVE, S.TERMINATING, S.STOPPING)),
            S.RENEWING: Row(_tick, (S.RENEWING, S.STOPPING)),
            S.TERMINATING: Row(_tick, (S.TERMINATING,)),
        },
        ignored=(S.NEW, S.ABORTING, *_OVER),
    ),
    **column(
        S,
        SandboxReady,
        {S.CREATING: Row(_sandbox_ready, (S.ACTIVE,)), S.ABORTING: Row(_sandbox_unwanted, (S.STOPPING,))},
    ),
    **column(
        S,
        SandboxFailed,
        {S.CREATING: Row(_sandbox_failed, (S.SANDBOX_WAIT,)), S.ABORTING: Row(_sandbox_failed_unwanted, _GONE)},
    ),
    **column(
        S,
        SandboxDied,
        {
            S.CREATING: Row(_died_in_the_making, (S.RENEWING,)),
            S.ABORTING: Row(_died_unwanted, (S.STOPPING,)),
            S.ACTIVE: Row(_died, (S.RENEWING, S.STOPPING)),
            S.TERMINATING: Row(_died_terminating, (S.STOPPING,)),
        },
        ignored=(S.SANDBOX_WAIT, S.RENEWING, *_OVER),
    ),
    **column(
        S,
        SandboxStopped,
        {S.RENEWING: Row(_remains_gone, (S.CREATING, S.SANDBOX_WAIT)), S.STOPPING: Row(_stopped, _GONE)},
    ),
    **column(S, ImageReady, {S.ACTIVE: Row(_tell, (S.ACTIVE,))}),
    **column(S, ImageFailed, {S.ACTIVE: Row(_image_failed, (S.ACTIVE,))}),
    **column(S, ContainerStarted, {S.ACTIVE: Row(_tell, _GOES_ON), S.TERMINATING: Row(_tell, _ENDS)}),
    **column(S, ContainerFailed, {S.ACTIVE: Row(_tell, _GOES_ON), S.TERMINATING: Row(_tell, _ENDS)}),
    **column(
        S,
        ContainerExited,
        {
            **{state: Row(_exited_before, (state,)) for state in S if state is not S.NEW},
            S.ACTIVE: Row(_exited, _GOES_ON),
            S.TERMINATING: Row(_exited, _ENDS),
        },
    ),
    **column(S, SignalSent, {S.TERMINATING: Row(_tell, (S.TERMINATING,))}, ignored=_OVER),
    **column(S, ContainerRemoved, {}, ignored=[state for state in S if state is not S.NEW]),
    **column(S, PodRemoved, {S.REMOVING: Row(_removed, (S.REMOVED,))}),
}
"""What each event does in each state of the pod."""
