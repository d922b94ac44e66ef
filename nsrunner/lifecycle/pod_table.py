"""What each event does in each state of a pod, in one total table.

States are :class:`~nsrunner.lifecycle.value.PodState`, inputs the events of :mod:`nsrunner.lifecycle.events`; the
actions are in :mod:`nsrunner.lifecycle.pod_actions`.
"""

from __future__ import annotations

from typing import Final

from nsrunner.lifecycle import pod_actions as do
from nsrunner.lifecycle.commands import (
    CreateSandbox,
    EnsureImage,
    RemoveContainer,
    RemovePod,
    RunHook,
    RunProbe,
    SignalContainer,
    StartContainer,
    StopSandbox,
)
from nsrunner.lifecycle.events import (
    ConditionSet,
    ContainerExited,
    ContainerFailed,
    ContainerRemoved,
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
from nsrunner.lifecycle.table import Row, Table, column
from nsrunner.lifecycle.value import PodState as S

__all__ = ["ANSWERS", "TABLE"]

ANSWERS: Final[dict[type, type]] = {
    SandboxReady: CreateSandbox,
    SandboxFailed: CreateSandbox,
    SandboxStopped: StopSandbox,
    ImageReady: EnsureImage,
    ImageFailed: EnsureImage,
    ContainerStarted: StartContainer,
    ContainerFailed: StartContainer,
    HookDone: RunHook,
    ProbeDone: RunProbe,
    SignalSent: SignalContainer,
    ContainerRemoved: RemoveContainer,
    PodRemoved: RemovePod,
}
"""Which command each answer is for."""


_GONE: Final = (S.STOPPED, S.REMOVING)
_OVER: Final = (S.STOPPING, S.STOPPED, S.REMOVING, S.REMOVED)
_HAS_CONTAINERS: Final = (S.ACTIVE, S.TERMINATING)
_GOES_ON: Final = (S.ACTIVE, S.TERMINATING, S.STOPPING)
_ENDS: Final = (S.TERMINATING, S.STOPPING)

TABLE: Final[Table[S]] = {
    **column(S, PodAdded, {S.NEW: Row(do.added, (S.CREATING,))}),
    **column(S, PodRejected, {S.NEW: Row(do.rejected, (S.STOPPED,))}),
    **column(
        S,
        DeleteRequested,
        {
            S.NEW: Row(do.delete, (S.REMOVING,)),
            S.CREATING: Row(do.delete, (S.ABORTING,)),
            S.SANDBOX_WAIT: Row(do.delete, (S.REMOVING,)),
            S.ACTIVE: Row(do.delete, _ENDS),
            S.RENEWING: Row(do.delete, (S.STOPPING,)),
            S.ABORTING: Row(do.delete, (S.ABORTING,)),
            S.TERMINATING: Row(do.delete, (S.TERMINATING,)),
            S.STOPPING: Row(do.mark_deleted, (S.STOPPING,)),
            S.STOPPED: Row(do.delete_stopped, (S.REMOVING,)),
        },
        ignored=(S.REMOVING, S.REMOVED),
    ),
    **column(
        S,
        Tick,
        {
            S.CREATING: Row(do.tick, (S.CREATING, S.ABORTING)),
            S.SANDBOX_WAIT: Row(do.tick, (S.SANDBOX_WAIT, S.CREATING, S.STOPPED)),
            S.ACTIVE: Row(do.tick, (S.ACTIVE, S.TERMINATING, S.STOPPING)),
            S.RENEWING: Row(do.tick, (S.RENEWING, S.STOPPING)),
            S.TERMINATING: Row(do.tick, (S.TERMINATING,)),
        },
        ignored=(S.NEW, S.ABORTING, *_OVER),
    ),
    **column(
        S,
        SandboxReady,
        {
            S.CREATING: Row(do.sandbox_ready, (S.ACTIVE,)),
            S.ABORTING: Row(do.sandbox_unwanted, (S.STOPPING,)),
        },
    ),
    **column(
        S,
        SandboxFailed,
        {
            S.CREATING: Row(do.sandbox_failed, (S.SANDBOX_WAIT,)),
            S.ABORTING: Row(do.sandbox_failed_unwanted, _GONE),
        },
    ),
    **column(
        S,
        SandboxDied,
        {
            S.CREATING: Row(do.died_in_the_making, (S.RENEWING,)),
            S.ABORTING: Row(do.died_unwanted, (S.STOPPING,)),
            S.ACTIVE: Row(do.died, (S.RENEWING, S.STOPPING)),
            S.TERMINATING: Row(do.died_terminating, (S.STOPPING,)),
        },
        ignored=(S.SANDBOX_WAIT, S.RENEWING, *_OVER),
    ),
    **column(
        S,
        SandboxStopped,
        {
            S.RENEWING: Row(do.remains_gone, (S.CREATING, S.SANDBOX_WAIT)),
            S.STOPPING: Row(do.stopped, _GONE),
        },
    ),
    **column(S, ImageReady, {S.ACTIVE: Row(do.tell, (S.ACTIVE,))}),
    **column(S, ImageFailed, {S.ACTIVE: Row(do.image_failed, (S.ACTIVE,))}),
    **column(S, ContainerStarted, {S.ACTIVE: Row(do.tell, _GOES_ON), S.TERMINATING: Row(do.tell, _ENDS)}),
    **column(S, ContainerFailed, {S.ACTIVE: Row(do.tell, _GOES_ON), S.TERMINATING: Row(do.tell, _ENDS)}),
    **column(
        S,
        ContainerExited,
        {
            **{state: Row(do.exited_before, (state,)) for state in S if state is not S.NEW},
            S.ACTIVE: Row(do.exited, _GOES_ON),
            S.TERMINATING: Row(do.exited, _ENDS),
        },
    ),
    **column(S, HookDone, {state: Row(do.tell, (state,)) for state in _HAS_CONTAINERS}),
    **column(S, ProbeDone, {state: Row(do.tell, (state,)) for state in _HAS_CONTAINERS}),
    **column(S, SignalSent, {state: Row(do.tell, (state,)) for state in _HAS_CONTAINERS}),
    **column(S, SpecChanged, {state: Row(do.spec_changed, (state,)) for state in S}),
    **column(S, ConditionSet, {state: Row(do.condition_set, (state,)) for state in S}),
    **column(S, ContainerRemoved, {}, ignored=[state for state in S if state is not S.NEW]),
    **column(S, PodRemoved, {S.REMOVING: Row(do.removed, (S.REMOVED,))}),
}
"""What each event does in each state of the pod."""
