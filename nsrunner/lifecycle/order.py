"""What a living pod does next: whose turn it is to start, and when there is nothing left to do (kubelet-semantics 6-8).

All containers queue for their start from the beginning, in spec order; those that are to be started again queue behind
them, ephemeral ones before all others. Init containers come one after the other: a plain one has passed when it has
succeeded, a sidecar when it has started; regular containers come when the last has passed. Starts, with the image pulls
that belong to them, are strictly serial. A postStart hook holds up those that come after its container in the spec, and
nobody else.
"""

from __future__ import annotations

from typing import Final

from nsrunner.lifecycle.container import ALIVE, RUNS
from nsrunner.lifecycle.draft import Draft
from nsrunner.lifecycle.orders import Go, Reset, Turn, Want
from nsrunner.lifecycle.policy import ContainerPlan, restarts_all, succeeded
from nsrunner.lifecycle.probe import is_started
from nsrunner.lifecycle.value import ContainerState as S
from nsrunner.lifecycle.value import ContainerValue

__all__ = ["give_turns", "let_go", "nothing_left", "restart_all", "want"]

_TAKES_TURN: Final = frozenset({S.PULLING, S.STARTING, S.ABORTING})


def want(at: Draft) -> None:
    """Ask all to run who do not run yet; each begins when those that it needs have passed and its turn has come."""
    for plan in at.plan.ephemeral if at.value.restarting else at.plan.containers.values():
        if at.value.containers[plan.name].state is S.IDLE:
            at.tell(plan.name, Want())


def _passed(at: Draft, init: tuple[ContainerPlan, ...]) -> int:
    """How many init containers need not be waited for (kubelet-semantics 7).

    The last one that has a record tells how far things are; those before it have passed once, and a sidecar among them
    that has died is started again beside what goes on. While regular containers run, all have passed.
    """
    values = at.value.containers
    if any(values[plan.name].state in RUNS for plan in at.plan.regular):
        return len(init)
    for index in range(len(init) - 1, -1, -1):
        value = values[init[index].name]
        if _has_record(value):
            return index + (_goes_on(value) if init[index].sidecar else value.state is S.ENDED)
    return 0


def _has_record(value: ContainerValue) -> bool:
    current = value.current
    return current is not None and not current.removed and not current.reset


def _goes_on(sidecar: ContainerValue) -> bool:
    """Whether those that come after a sidecar may start."""
    return sidecar.state is S.RUNNING and is_started(sidecar.probes)


def nothing_left(at: Draft) -> bool:
    """Whether no container of the pod will ever start again: the pod is to be stopped."""
    if at.value.restarting:
        return False
    if any(_failed(at, plan) for plan in at.plan.init):
        return True
    return all(at.value.containers[plan.name].state is S.ENDED for plan in at.plan.regular)


def _failed(at: Draft, init: ContainerPlan) -> bool:
    value = at.value.containers[init.name]
    last = value.current
    return value.state is S.ENDED and last is not None and not succeeded(last.exit_code, last.reason, init=True)


def give_turns(at: Draft) -> None:
    """Begin the next start, unless one is under way."""
    queued = [name for name, value in at.value.containers.items() if value.state is S.QUEUED]
    if not queued and not at.value.queue:
        return
    before = [name for name in at.value.queue if name in queued]
    queue = before + [name for name in queued if name not in before]
    queue.sort(key=lambda name: not at.plan.containers[name].ephemeral)
    for name in tuple(queue):
        if any(value.state in _TAKES_TURN for value in at.value.containers.values()):
            break
        if _may_start(at, at.plan.containers[name]):
            queue.remove(name)
            backoff = at.value.pulls.get(at.plan.containers[name].image)
            at.tell(name, Turn(refused=backoff if backoff is not None and at.now.mono < backoff.until else None))
    at.change(queue=tuple(queue))


def _may_start(at: Draft, plan: ContainerPlan) -> bool:
    """Whether a container that queues may begin: those before it in the spec have no postStart hook under way, and its
    predecessors have passed."""
    if plan.ephemeral:
        return True
    for other in at.plan.containers.values():
        if other is plan:
            break
        if at.value.containers[other.name].state is S.POST_START:
            return False
    init = at.plan.init
    passed = _passed(at, init)
    return passed == len(init) or plan in init[: passed + 1]


def restart_all(at: Draft) -> None:
    """See to RestartAllContainers (kubelet-semantics 6.5): begin it when a container's end asks for it, and end it when
    all are as if they had never run."""
    if not (at.plan.has_restart_all_rule or at.value.restarting):
        return
    plans = [*at.plan.init, *at.plan.regular]
    culprits = [plan for plan in plans if _asks_for_all(plan, at.value.containers[plan.name])]
    if culprits:
        at.change(restarting=True)
        for plan in plans:
            at.tell(plan.name, Reset(culprit=plan in culprits))
    if at.value.restarting and all(at.value.containers[plan.name].state is S.IDLE for plan in plans):
        at.change(restarting=False)


def _asks_for_all(plan: ContainerPlan, value: ContainerValue) -> bool:
    dead = value.current
    if not plan.rules or dead is None or dead.finished is None or value.killed:
        return False
    old = dead.removed or dead.reset or dead.stale
    return not old and restarts_all(plan, dead.exit_code)


def let_go(at: Draft) -> None:
    """Sidecars end in the reverse order of their start, after the regular containers (kubelet-semantics 10.2)."""
    if any(at.value.containers[plan.name].state in ALIVE for plan in at.plan.regular):
        return
    for plan in reversed(at.plan.init):
        if not plan.sidecar:
            continue
        if at.value.containers[plan.name].state is S.LAST:
            at.tell(plan.name, Go())
        if at.value.containers[plan.name].state in ALIVE:
            return
