"""The machine of one container: what each input does in each of its states, in one total table.

States are :class:`~nsrunner.lifecycle.value.ContainerState`, inputs the events that concern the container and the pod's
orders (:mod:`nsrunner.lifecycle.orders`). It never asks which other containers there are: the pod gives the turns. The
actions are in :mod:`~nsrunner.lifecycle.starting`, :mod:`~nsrunner.lifecycle.running` and
:mod:`~nsrunner.lifecycle.stopping`.
"""

from __future__ import annotations

from typing import Final

from nsrunner.lifecycle import running, starting, stopping
from nsrunner.lifecycle.events import (
    ContainerExited,
    ContainerFailed,
    ContainerStarted,
    HookDone,
    ImageReady,
    ProbeDone,
    SignalSent,
)
from nsrunner.lifecycle.orders import (
    Due,
    Go,
    ProbeDue,
    PullFailed,
    Redefine,
    Reset,
    SandboxLost,
    Stop,
    Turn,
    Want,
)
from nsrunner.lifecycle.step import Step
from nsrunner.lifecycle.table import Row, Table, column, look_up
from nsrunner.lifecycle.value import ContainerState as S
from nsrunner.lifecycle.value import ContainerValue

__all__ = ["ALIVE", "INPUTS", "RUNS", "TABLE", "step"]

RUNS: Final = frozenset({S.POST_START, S.RUNNING, S.PRE_STOP, S.LAST, S.STOPPING, S.KILLING})
"""States in which there is an instance that has not ended."""
ALIVE: Final = RUNS | {S.STARTING, S.ABORTING}
"""States in which a process of the container may exist."""

INPUTS: Final = (
    Want,
    Turn,
    ImageReady,
    PullFailed,
    ContainerStarted,
    ContainerFailed,
    HookDone,
    ProbeDue,
    ProbeDone,
    ContainerExited,
    SignalSent,
    Due,
    Stop,
    Go,
    Reset,
    Redefine,
    SandboxLost,
)


def step(value: ContainerValue, event: object, at: Step) -> ContainerValue:
    """The value after an input. Raises IllegalEvent, having done nothing."""
    row = look_up(TABLE, f'container "{at.plan.name}"', value.state, event)
    if row is None:
        return value
    after: ContainerValue = row.do(value, event, at)
    assert after.state in row.to, (value.state, event, after.state)
    return after


_AFTER_END: Final = (S.QUEUED, S.BACK_OFF, S.ENDED)
_AFTER_STOP: Final = (*_AFTER_END, S.IDLE)
_NOT_BEGUN: Final = (S.IDLE, S.QUEUED, S.PULLING, S.PULL_WAIT, S.CREATE_WAIT, S.BACK_OFF)
"""States in which there is no process, but may be one later."""
_BEGUN: Final = (S.POST_START, S.RUNNING)
_BEING_STOPPED: Final = (S.PRE_STOP, S.LAST, S.STOPPING, S.KILLING)

TABLE: Final[Table[S]] = {
    **column(S, Want, {S.IDLE: Row(starting.want, (S.QUEUED,))}),
    **column(S, Turn, {S.QUEUED: Row(starting.turn, (S.PULLING, S.PULL_WAIT, S.BACK_OFF))}),
    **column(S, ImageReady, {S.PULLING: Row(starting.image_ready, (S.STARTING,))}),
    **column(S, PullFailed, {S.PULLING: Row(starting.pull_failed, (S.PULL_WAIT,))}),
    **column(
        S,
        ContainerStarted,
        {
            S.STARTING: Row(starting.started, (S.POST_START, S.RUNNING, *_AFTER_END)),
            S.ABORTING: Row(running.started_to_stop, (*_BEING_STOPPED, *_AFTER_STOP)),
        },
    ),
    **column(
        S,
        ContainerFailed,
        {
            S.STARTING: Row(starting.start_failed, (S.CREATE_WAIT, *_AFTER_END)),
            S.ABORTING: Row(running.start_failed_to_stop, (S.CREATE_WAIT, *_AFTER_STOP)),
        },
    ),
    **column(
        S,
        HookDone,
        {
            S.POST_START: Row(starting.post_start_done, (S.RUNNING, S.PRE_STOP, S.STOPPING)),
            S.PRE_STOP: Row(stopping.pre_stop_done, (S.LAST, S.STOPPING)),
            S.STOPPING: Row(stopping.late_hook, (S.STOPPING,)),
            S.KILLING: Row(stopping.late_hook, (S.KILLING,)),
        },
    ),
    **column(
        S,
        ProbeDue,
        {state: Row(running.probe_due, (state,)) for state in (S.RUNNING, *_BEING_STOPPED)},
    ),
    **column(
        S,
        ProbeDone,
        {
            S.RUNNING: Row(running.probe_done, (S.RUNNING, S.PRE_STOP, S.STOPPING)),
            **{state: Row(running.probe_done_stopping, (state,)) for state in _BEING_STOPPED},
        },
    ),
    **column(
        S,
        ContainerExited,
        {
            S.STARTING: Row(starting.exit_before_answer, (S.STARTING,)),
            S.ABORTING: Row(starting.exit_before_answer, (S.ABORTING,)),
            **dict.fromkeys(_BEGUN, Row(running.exited, _AFTER_END)),
            S.LAST: Row(running.stopped, (S.ENDED,)),
            **dict.fromkeys((S.PRE_STOP, S.STOPPING, S.KILLING), Row(running.stopped, _AFTER_STOP)),
        },
    ),
    **column(
        S,
        SignalSent,
        {S.STOPPING: Row(stopping.term_sent, (S.STOPPING,)), S.KILLING: Row(stopping.kill_sent, (S.KILLING,))},
    ),
    **column(
        S,
        Due,
        {
            S.PULL_WAIT: Row(starting.pull_due, (S.PULL_WAIT, S.QUEUED)),
            S.CREATE_WAIT: Row(starting.retry_due, (S.QUEUED,)),
            S.BACK_OFF: Row(starting.retry_due, (S.QUEUED,)),
            S.PRE_STOP: Row(stopping.overdue, (S.STOPPING,)),
            S.LAST: Row(stopping.overdue, (S.STOPPING,)),
            S.STOPPING: Row(stopping.kill, (S.KILLING,)),
            S.KILLING: Row(stopping.kill, (S.KILLING,)),
        },
    ),
    **column(
        S,
        Stop,
        {
            **dict.fromkeys(_NOT_BEGUN, Row(stopping.cancel, (S.ENDED,))),
            S.STARTING: Row(stopping.abort, (S.ABORTING,)),
            S.ABORTING: Row(stopping.abort_sooner, (S.ABORTING,)),
            **dict.fromkeys(_BEGUN, Row(stopping.stop, _BEING_STOPPED)),
            S.PRE_STOP: Row(stopping.stop_sooner, (S.PRE_STOP, S.KILLING)),
            S.LAST: Row(stopping.stop_sooner, (S.LAST, S.KILLING)),
            S.STOPPING: Row(stopping.stop_term_sooner, (S.STOPPING, S.KILLING)),
            S.KILLING: Row(stopping.stop_killing, (S.KILLING,)),
        },
        ignored=(S.ENDED,),
    ),
    **column(S, Go, {S.LAST: Row(stopping.go, (S.STOPPING,))}),
    **column(
        S,
        Reset,
        {
            **dict.fromkeys((*_NOT_BEGUN, S.ENDED), Row(running.reset, (S.IDLE,))),
            **dict.fromkeys((S.STARTING, S.ABORTING), Row(stopping.reset_starting, (S.ABORTING,))),
            **dict.fromkeys(_BEGUN, Row(stopping.reset_running, (S.STOPPING,))),
            **dict.fromkeys((S.PRE_STOP, S.STOPPING), Row(stopping.reset_stopping, (S.STOPPING,))),
            S.KILLING: Row(stopping.reset_killing, (S.KILLING,)),
        },
    ),
    **column(
        S,
        Redefine,
        {
            S.PULLING: Row(starting.redefine_pulling, (S.QUEUED,)),
            S.PULL_WAIT: Row(starting.redefine_pulling, (S.QUEUED,)),
            S.BACK_OFF: Row(starting.redefine_backed_off, (S.QUEUED,)),
            S.STARTING: Row(stopping.redefine_starting, (S.STARTING, S.ABORTING)),
            **{state: Row(stopping.redefine, (state, S.PRE_STOP, S.STOPPING)) for state in _BEGUN},
        },
        ignored=(S.IDLE, S.QUEUED, S.ABORTING, S.CREATE_WAIT, *_BEING_STOPPED, S.ENDED),
    ),
    **column(
        S,
        SandboxLost,
        {
            **dict.fromkeys(_NOT_BEGUN, Row(running.lost, (S.IDLE, S.ENDED))),
            S.STARTING: Row(running.lost_starting, (S.IDLE, S.ENDED)),
            S.ABORTING: Row(running.lost_starting, (S.IDLE, S.ENDED)),
            **dict.fromkeys((*_BEGUN, S.PRE_STOP, S.STOPPING, S.KILLING), Row(running.lost_running, (S.IDLE, S.ENDED))),
            S.LAST: Row(running.lost_running, (S.ENDED,)),
            S.ENDED: Row(running.lost_ended, (S.IDLE, S.ENDED)),
        },
    ),
}
"""What each input does in each state."""
