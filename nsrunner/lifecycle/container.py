"""The machine of one container: every start, end and wait of it, in one total table.

States are :class:`~nsrunner.lifecycle.value.ContainerState`, inputs the events that concern the container and the pod's
orders (:mod:`nsrunner.lifecycle.orders`). It never asks which other containers there are: the pod gives the turns.

Not modelled yet, each with its place: probes (an input that ends RUNNING with a reason, and what RUNNING means for
``ready``), hooks (a state between STARTING and RUNNING, one before STOPPING), container-level restart rules
(:mod:`nsrunner.lifecycle.policy`), sidecars and ephemeral containers (other plans, other rows).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nsrunner.lifecycle import records
from nsrunner.lifecycle.backoff import try_restart
from nsrunner.lifecycle.events import ContainerExited, ContainerFailed, ContainerStarted, ImageReady, Now, SignalSent
from nsrunner.lifecycle.orders import Due, PullFailed, SandboxLost, Stop, Turn, Want
from nsrunner.lifecycle.outbox import Outbox
from nsrunner.lifecycle.policy import ContainerPlan, restarts
from nsrunner.lifecycle.table import Row, Table, column, look_up
from nsrunner.lifecycle.termination import MINIMUM_STOP, sooner
from nsrunner.lifecycle.text import go_duration
from nsrunner.lifecycle.value import ContainerState as S
from nsrunner.lifecycle.value import ContainerValue, Instance

__all__ = ["ALIVE", "INPUTS", "RETRY_DELAY", "TABLE", "Step", "step"]

RETRY_DELAY: Final = 10.0
"""Seconds after which what failed without a back-off of its own is tried again (the kubelet takes 10 to 15)."""

ALIVE: Final = frozenset({S.STARTING, S.ABORTING, S.RUNNING, S.STOPPING, S.KILLING})
"""States in which a process of the container may exist."""


INPUTS: Final = (
    Want,
    Turn,
    ImageReady,
    PullFailed,
    ContainerStarted,
    ContainerFailed,
    ContainerExited,
    SignalSent,
    Due,
    Stop,
    SandboxLost,
)


class Step(Struct, frozen=True):
    """What an action is given besides the value and the input."""

    plan: ContainerPlan
    now: Now
    out: Outbox

    def warn(self, reason: str, message: str) -> None:
        self.out.record("Warning", reason, message, self.plan.field_path)

    def tell(self, reason: str, message: str) -> None:
        self.out.record("Normal", reason, message, self.plan.field_path)


def step(value: ContainerValue, event: object, at: Step) -> ContainerValue:
    """The value after an input. Raises IllegalEvent, having done nothing."""
    row = look_up(TABLE, f'container "{at.plan.name}"', value.state, event)
    if row is None:
        return value
    after: ContainerValue = row.do(value, event, at)
    assert after.state in row.to, (value.state, event, after.state)
    return after


# What several actions share.


def _waiting(value: ContainerValue, state: S, due: float, reason: str, message: str) -> ContainerValue:
    return replace(value, state=state, due=due, retry_at=None, reason=reason, message=message, early=None)


def _rest(value: ContainerValue, state: S) -> ContainerValue:
    """A state without a deadline and without a reason to show."""
    return replace(value, state=state, due=None, retry_at=None, kill_at=None, reason="", message="", early=None)


def _back_off(value: ContainerValue, until: float, at: Step) -> ContainerValue:
    assert value.backoff is not None
    name, pod = at.plan.name, at.plan.pod
    at.warn("BackOff", f"Back-off restarting failed container {name} in pod {pod}")
    message = f"back-off {go_duration(value.backoff.delay)} restarting failed container={name} pod={pod}"
    return _waiting(value, S.BACK_OFF, until, "CrashLoopBackOff", message)


def _after_end(value: ContainerValue, at: Step) -> ContainerValue:
    """``current`` is dead and the pod lives: what now?"""
    dead = value.current
    assert dead is not None and dead.finished is not None
    if not restarts(at.plan, dead.exit_code, dead.reason):
        return _rest(value, S.ENDED)
    _, until = try_restart(
        value.backoff, key=at.plan.key, finished=dead.finished.mono, now=at.now.mono, maximum=at.plan.maximum
    )
    if until is not None:
        return _back_off(value, until, at)
    return replace(value, state=S.QUEUED, due=None, early=None)


# Actions, in the order of a container's life.


def _want(value: ContainerValue, event: Want, at: Step) -> ContainerValue:
    return replace(value, state=S.QUEUED)


def _turn(value: ContainerValue, event: Turn, at: Step) -> ContainerValue:
    dead = value.current
    if dead is not None and dead.finished is not None and not dead.removed:
        backoff, until = try_restart(
            value.backoff, key=at.plan.key, finished=dead.finished.mono, now=at.now.mono, maximum=at.plan.maximum
        )
        value = replace(value, backoff=backoff)
        if until is not None:
            return _back_off(value, until, at)
    if event.refused is not None:
        return _pull_back_off(value, event.refused.until, f"ErrImagePull: {event.refused.error}", at)
    at.out.ensure_image(at.plan.name)
    return replace(value, state=S.PULLING)


def _image_ready(value: ContainerValue, event: ImageReady, at: Step) -> ContainerValue:
    present = f'Container image "{at.plan.image}" already present on machine and can be accessed by the pod'
    at.tell("Pulled", event.message or present)
    at.out.start(at.plan.name, value.next_attempt)
    return replace(value, state=S.STARTING, image_id=event.image_id)


def _pull_failed(value: ContainerValue, event: PullFailed, at: Step) -> ContainerValue:
    match event.reason:
        case "ErrImagePull":
            at.warn("Failed", f'Failed to pull image "{at.plan.image}": {event.message}')
        case "ErrImageNeverPull":
            at.warn("ErrImageNeverPull", event.message)
        case _:
            at.warn("InspectFailed", event.message)
    at.warn("Failed", f"Error: {event.reason}")
    look_at = min(event.retry_at, at.now.mono + RETRY_DELAY)
    return replace(_waiting(value, S.PULL_WAIT, look_at, event.reason, event.message), retry_at=event.retry_at)


def _pull_back_off(value: ContainerValue, until: float, error: str, at: Step) -> ContainerValue:
    text = f'Back-off pulling image "{at.plan.image}"'
    at.tell("BackOff", text)
    at.warn("Failed", "Error: ImagePullBackOff")
    return replace(_waiting(value, S.PULL_WAIT, until, "ImagePullBackOff", f"{text}: {error}"), retry_at=until)


def _pull_due(value: ContainerValue, event: Due, at: Step) -> ContainerValue:
    """The kubelet shows the error of the pull until its next look, then the back-off until the next pull."""
    assert value.retry_at is not None
    if value.retry_at > at.now.mono:
        return _pull_back_off(value, value.retry_at, f"{value.reason}: {value.message}", at)
    return replace(value, state=S.QUEUED, due=None, retry_at=None)


def _retry_due(value: ContainerValue, event: Due, at: Step) -> ContainerValue:
    return replace(value, state=S.QUEUED, due=None)


def _is_running(value: ContainerValue, event: ContainerStarted, at: Step) -> ContainerValue:
    """The start was answered: a record exists."""
    at.tell("Created", "Container created")
    at.tell("Started", "Container started")
    running = records.started(event, image_id=value.image_id, early=value.early)
    return replace(records.add(value, running, at.plan.name, at.out), reason="", message="")


def _started(value: ContainerValue, event: ContainerStarted, at: Step) -> ContainerValue:
    ended = value.early is not None
    value = _is_running(value, event, at)
    return _after_end(value, at) if ended else _rest(value, S.RUNNING)


def _started_to_stop(value: ContainerValue, event: ContainerStarted, at: Step) -> ContainerValue:
    ended = value.early is not None
    value = _is_running(value, event, at)
    if ended:
        return _rest(value, S.ENDED)
    kill_at = None if value.kill_at is None else max(value.kill_at, at.now.mono + MINIMUM_STOP)
    return _end_running(value, kill_at, at)


def _failed_record(value: ContainerValue, event: ContainerFailed, at: Step) -> ContainerValue:
    """The events of a failed start; and the record that RunContainerError leaves."""
    if event.reason != "RunContainerError":
        at.warn("Failed", f"Error: {event.message}")
        return value
    at.tell("Created", "Container created")
    at.warn("Failed", f"Error: {event.message}")
    dead = records.start_error(event, image_id=value.image_id, now=at.now)
    return records.add(value, dead, at.plan.name, at.out)


def _start_failed(value: ContainerValue, event: ContainerFailed, at: Step) -> ContainerValue:
    value = _failed_record(value, event, at)
    if event.reason == "RunContainerError":
        return _after_end(replace(value, reason=event.reason, message=event.message), at)
    return _waiting(value, S.CREATE_WAIT, at.now.mono + RETRY_DELAY, event.reason, event.message)


def _start_failed_to_stop(value: ContainerValue, event: ContainerFailed, at: Step) -> ContainerValue:
    return _rest(_failed_record(value, event, at), S.ENDED)


def _exit_before_answer(value: ContainerValue, event: ContainerExited, at: Step) -> ContainerValue:
    return replace(value, early=records.ended(event, container_id="", image_id=value.image_id))


def _record_exit(value: ContainerValue, event: ContainerExited) -> ContainerValue:
    assert value.current is not None
    return replace(value, current=records.finished(value.current, event))


def _exited(value: ContainerValue, event: ContainerExited, at: Step) -> ContainerValue:
    return _after_end(_record_exit(value, event), at)


def _exited_for_good(value: ContainerValue, event: ContainerExited, at: Step) -> ContainerValue:
    return _rest(_record_exit(value, event), S.ENDED)


# The end of the pod, or of its sandbox.


def _cancel(value: ContainerValue, event: Stop, at: Step) -> ContainerValue:
    at.out.abandon(at.plan.name)
    return _rest(value, S.ENDED)


def _abort(value: ContainerValue, event: Stop, at: Step) -> ContainerValue:
    return replace(value, state=S.ABORTING, kill_at=event.kill_at)


def _abort_sooner(value: ContainerValue, event: Stop, at: Step) -> ContainerValue:
    return replace(value, kill_at=sooner(value.kill_at, event.kill_at))


def _end_running(value: ContainerValue, kill_at: float | None, at: Step) -> ContainerValue:
    assert value.current is not None
    at.tell("Killing", f"Stopping container {at.plan.name}")
    if kill_at is None:
        return _kill(value, None, at)
    at.out.signal(at.plan.name, value.current.attempt, "TERM")
    return replace(_rest(value, S.STOPPING), due=kill_at)


def _stop(value: ContainerValue, event: Stop, at: Step) -> ContainerValue:
    return _end_running(value, event.kill_at, at)


def _stop_sooner(value: ContainerValue, event: Stop, at: Step) -> ContainerValue:
    due = sooner(value.due, event.kill_at)
    return _kill(value, event, at) if due is None else replace(value, due=due)


def _kill(value: ContainerValue, event: object, at: Step) -> ContainerValue:
    assert value.current is not None
    at.out.signal(at.plan.name, value.current.attempt, "KILL")
    return _rest(value, S.KILLING)


def _term_sent(value: ContainerValue, event: SignalSent, at: Step) -> ContainerValue:
    if event.error:
        at.out.record("Warning", "FailedKillPod", f"error killing pod: {event.error}")
    return value


def _kill_sent(value: ContainerValue, event: SignalSent, at: Step) -> ContainerValue:
    value = _term_sent(value, event, at)
    return replace(value, due=at.now.mono + RETRY_DELAY) if event.error else value


def _lost(value: ContainerValue, event: SandboxLost, at: Step) -> ContainerValue:
    """Nothing of it ran."""
    at.out.abandon(at.plan.name)
    if event.renew and at.plan.init:
        # Initialisation starts anew, so what the init containers left goes.
        value = records.purge(value, at.plan.name, at.out)
    return _rest(value, S.IDLE if event.renew else S.ENDED)


def _lost_running(value: ContainerValue, event: SandboxLost, at: Step) -> ContainerValue:
    assert value.current is not None
    return _lost(replace(value, current=records.unseen(value.current, at.now)), event, at)


def _lost_starting(value: ContainerValue, event: SandboxLost, at: Step) -> ContainerValue:
    """Whether it ran, nobody will tell: its attempt is used up."""
    dead = value.early
    if dead is None:
        dead = records.unseen(Instance(attempt=value.next_attempt, container_id="", started=at.now), at.now)
    return _lost(records.add(value, dead, at.plan.name, at.out), event, at)


def _lost_ended(value: ContainerValue, event: SandboxLost, at: Step) -> ContainerValue:
    """A regular container that needs no further start needs none in another sandbox either (kubelet-semantics 5)."""
    return _lost(value, event, at) if at.plan.init else value


_AFTER_END: Final = (S.QUEUED, S.BACK_OFF, S.ENDED)
_NOT_BEGUN: Final = (S.IDLE, S.QUEUED, S.PULLING, S.PULL_WAIT, S.CREATE_WAIT, S.BACK_OFF)
"""States in which there is no process, but may be one later."""

TABLE: Final[Table[S]] = {
    **column(S, Want, {S.IDLE: Row(_want, (S.QUEUED,))}),
    **column(S, Turn, {S.QUEUED: Row(_turn, (S.PULLING, S.PULL_WAIT, S.BACK_OFF))}),
    **column(S, ImageReady, {S.PULLING: Row(_image_ready, (S.STARTING,))}),
    **column(S, PullFailed, {S.PULLING: Row(_pull_failed, (S.PULL_WAIT,))}),
    **column(
        S,
        ContainerStarted,
        {
            S.STARTING: Row(_started, (S.RUNNING, *_AFTER_END)),
            S.ABORTING: Row(_started_to_stop, (S.STOPPING, S.KILLING, S.ENDED)),
        },
    ),
    **column(
        S,
        ContainerFailed,
        {
            S.STARTING: Row(_start_failed, (S.CREATE_WAIT, *_AFTER_END)),
            S.ABORTING: Row(_start_failed_to_stop, (S.ENDED,)),
        },
    ),
    **column(
        S,
        ContainerExited,
        {
            S.STARTING: Row(_exit_before_answer, (S.STARTING,)),
            S.ABORTING: Row(_exit_before_answer, (S.ABORTING,)),
            S.RUNNING: Row(_exited, _AFTER_END),
            S.STOPPING: Row(_exited_for_good, (S.ENDED,)),
            S.KILLING: Row(_exited_for_good, (S.ENDED,)),
        },
    ),
    **column(
        S,
        SignalSent,
        {S.STOPPING: Row(_term_sent, (S.STOPPING,)), S.KILLING: Row(_kill_sent, (S.KILLING,))},
        ignored=(S.ENDED,),
    ),
    **column(
        S,
        Due,
        {
            S.PULL_WAIT: Row(_pull_due, (S.PULL_WAIT, S.QUEUED)),
            S.CREATE_WAIT: Row(_retry_due, (S.QUEUED,)),
            S.BACK_OFF: Row(_retry_due, (S.QUEUED,)),
            S.STOPPING: Row(_kill, (S.KILLING,)),
            S.KILLING: Row(_kill, (S.KILLING,)),
        },
    ),
    **column(
        S,
        Stop,
        {
            **dict.fromkeys(_NOT_BEGUN, Row(_cancel, (S.ENDED,))),
            S.STARTING: Row(_abort, (S.ABORTING,)),
            S.ABORTING: Row(_abort_sooner, (S.ABORTING,)),
            S.RUNNING: Row(_stop, (S.STOPPING, S.KILLING)),
            S.STOPPING: Row(_stop_sooner, (S.STOPPING, S.KILLING)),
        },
        ignored=(S.KILLING, S.ENDED),
    ),
    **column(
        S,
        SandboxLost,
        {
            **dict.fromkeys(_NOT_BEGUN, Row(_lost, (S.IDLE, S.ENDED))),
            S.STARTING: Row(_lost_starting, (S.IDLE, S.ENDED)),
            S.ABORTING: Row(_lost_starting, (S.ENDED,)),
            S.RUNNING: Row(_lost_running, (S.IDLE, S.ENDED)),
            S.STOPPING: Row(_lost_running, (S.ENDED,)),
            S.KILLING: Row(_lost_running, (S.ENDED,)),
            S.ENDED: Row(_lost_ended, (S.IDLE, S.ENDED)),
        },
    ),
}
"""What each input does in each state."""
