"""What a living pod does next: whose turn it is to start, and when there is nothing left to do (kubelet-semantics 6-8).

Init containers run one after the other; when the last has succeeded the regular containers are wanted, all at once.
Starts, with the image pulls that belong to them, are strictly serial: those that become possible at the same time go in
spec order, later ones queue behind them.

The place where sidecars will be let through (running and started instead of ended) and kept alive, and where a hanging
postStart will hold the turn.
"""

from __future__ import annotations

from typing import Final

from nsrunner.lifecycle.draft import Draft
from nsrunner.lifecycle.orders import Turn, Want
from nsrunner.lifecycle.policy import succeeded
from nsrunner.lifecycle.value import ContainerState as S

__all__ = ["give_turns", "nothing_left", "want_next"]

_TAKES_TURN: Final = frozenset({S.PULLING, S.STARTING, S.ABORTING})


def want_next(at: Draft) -> None:
    """Ask those containers to run whose predecessors are done."""
    for plan in at.plan.init:
        value = at.value.containers[plan.name]
        if value.state is S.IDLE:
            at.tell(plan.name, Want())
        if value.state is not S.ENDED or _failed(at, plan.name):
            return
    for plan in at.plan.regular:
        if at.value.containers[plan.name].state is S.IDLE:
            at.tell(plan.name, Want())


def nothing_left(at: Draft) -> bool:
    """Whether no container of the pod will ever start again: the pod is to be stopped."""
    if any(_failed(at, plan.name) for plan in at.plan.init):
        return True
    return all(at.value.containers[plan.name].state is S.ENDED for plan in at.plan.regular)


def _failed(at: Draft, init: str) -> bool:
    value = at.value.containers[init]
    last = value.current
    return value.state is S.ENDED and last is not None and not succeeded(last.exit_code, last.reason, init=True)


def give_turns(at: Draft) -> None:
    """Begin the next start, unless one is under way."""
    containers = at.value.containers
    queued = [name for name in containers if containers[name].state is S.QUEUED]
    first = [name for name in at.value.queue if name in queued]
    queue = first + [name for name in queued if name not in first]
    while queue and not any(value.state in _TAKES_TURN for value in at.value.containers.values()):
        name = queue.pop(0)
        backoff = at.value.pulls.get(at.plan.containers[name].image)
        at.tell(name, Turn(refused=backoff if backoff is not None and at.now.mono < backoff.until else None))
    at.change(queue=tuple(queue))
