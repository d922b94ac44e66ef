"""The instances that come next (:mod:`nsrunner.lifecycle.upcoming`), prepared in time and taken back in time.

The shim holds each before its program until its start is asked for. That start is planned anew, with the objects of
that moment: where anything differs, the shim makes its world anew, too. So nothing is decided here.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from msgspec import Struct

from nsrunner.lifecycle.upcoming import Upcoming
from nsrunner.model.types import AnyContainer
from nsrunner.supervisor.ledger import Ledger
from nsrunner.supervisor.link import ShimLink
from nsrunner.supervisor.plan_types import ContainerPlan
from nsrunner.supervisor.references import refers

__all__ = ["Foresight", "may_be_prepared"]


class _Ready(Struct):
    attempt: int
    id: str = ""
    """Of the container that the shim was told of; empty until then."""


def may_be_prepared(container: AnyContainer, each: Upcoming) -> bool:
    """Not what may be another one by the time of its start: a subPath is what the containers have made of it by then,
    and what a ConfigMap or Secret says is not known for as long as another instance runs."""
    if each.after is not None:
        return not refers(container)
    return not any(mount.sub_path or mount.sub_path_expr for mount in container.volume_mounts)


class Foresight:
    """What is prepared of one pod besides its first instances.

    ``specs`` are its containers by name, ``plan`` makes the plan of one's instance with this attempt; ``spawn`` runs a
    coroutine beside the caller.
    """

    def __init__(
        self,
        ledger: Ledger,
        link: ShimLink,
        *,
        specs: Mapping[str, AnyContainer],
        plan: Callable[[str, int], Awaitable[ContainerPlan]],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._ledger = ledger
        self._link = link
        self._specs = specs
        self._plan = plan
        self._spawn = spawn
        self._revision = -1
        """Of the machine, when it was looked at last."""
        self._upcoming: Mapping[str, Upcoming] = {}
        self._ready: dict[str, _Ready] = {}
        self._timer: asyncio.TimerHandle | None = None

    def look(self, revision: int, upcoming: Callable[[], Mapping[str, Upcoming]], now: float) -> None:
        """After something has happened: prepares what is worth it, now and later. ``now`` is monotonic time; with the
        same revision, nothing else comes next than before."""
        if revision == self._revision:
            return
        self._revision = revision
        self._upcoming = upcoming()
        for name, ready in tuple(self._ready.items()):
            following = self._upcoming.get(name)
            if following is None or following.attempt != ready.attempt:
                self._take_back(name)
        self._advance(now)

    def asked_for(self, container: str) -> None:
        """The start of its next instance is on its way to the shim, which sees to what was prepared."""
        self._ready.pop(container, None)

    def changed(self, specs: Mapping[str, AnyContainer]) -> None:
        """The pod is another from here on: what was prepared is not what will be started."""
        self._specs = specs
        for name in tuple(self._ready):
            self._take_back(name)

    def end(self) -> None:
        """No more of it: the shim is let go."""
        self._upcoming = {}
        self._ready.clear()
        self._set_timer(math.inf, 0)

    def _advance(self, now: float) -> None:
        following = math.inf
        for name, each in self._upcoming.items():
            if name in self._ready or not may_be_prepared(self._specs[name], each):
                continue
            if each.at <= now:
                self._ready[name] = ready = _Ready(each.attempt)
                self._spawn(self._prepare(name, each, ready))
            else:
                following = min(following, each.at)
        self._set_timer(following, now)

    def _set_timer(self, at: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at < math.inf:
            self._timer = asyncio.get_running_loop().call_later(at - now, self._advance, at)

    async def _prepare(self, name: str, each: Upcoming, ready: _Ready) -> None:
        try:
            plan = await self._plan(name, each.attempt)
        except Exception:  # noqa: BLE001 - whatever it is, a bug too: the start says it
            return
        after = None if each.after is None else self._ledger.identity(name, each.after)
        sandbox = self._link.sandbox
        if self._ready.get(name) is not ready or sandbox is None or (after is None) != (each.after is None):
            return
        ready.id = plan.spec.id
        sandbox.prepare_container(plan.spec, after=after or "")

    def _take_back(self, name: str) -> None:
        ready, sandbox = self._ready.pop(name), self._link.sandbox
        if ready.id and sandbox is not None:
            sandbox.forget_container(ready.id)
