"""Which instances of a pod there are, which of them run, and in which order the machine hears of their ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from nsrunner.lifecycle.events import ContainerExited, Event, SandboxDied

__all__ = ["Ledger", "RunningContainer", "is_ending"]

log = logging.getLogger(__name__)

_KILLED: Final = 137
_PATIENCE: Final = 5.0
"""Seconds in which the news of a sandbox's death must follow the ends that it caused."""
_PF_EXITING: Final = 0x4


def is_ending(pid: int) -> bool:
    """The process is on its way out, or gone (proc(5): flags in /proc/PID/stat)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return True
    return fields[0] in (b"Z", b"X") or int(fields[6]) & _PF_EXITING != 0


class RunningContainer(Struct, frozen=True):
    """What an exec, a log reader or a test needs to know of a container's live instance."""

    attempt: int
    id: str
    pid: int
    """Of its first process, in the host's PID namespace."""


class Ledger:
    """The instances of one pod. ``post`` hands events to its machine."""

    def __init__(self, post: Callable[[Event], None]) -> None:
        self._post = post
        self._sandbox: int | None = None
        """Attempt of the one that stands."""
        self._pause = 0
        self._ids: dict[tuple[str, int], str] = {}
        self._running: dict[str, RunningContainer] = {}
        self._instances: dict[tuple[str, int], bool] = {}
        self._held: list[ContainerExited] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> Mapping[str, RunningContainer]:
        """The live instances by container name."""
        return MappingProxyType(self._running)

    @property
    def instances(self) -> Mapping[tuple[str, int], bool]:
        """All instances whose logs are there, by container and attempt: whether they run."""
        return MappingProxyType(self._instances)

    def identity(self, container: str, attempt: int) -> str | None:
        """The id of an instance whose start was asked for."""
        return self._ids.get((container, attempt))

    # --- what happens -------------------------------------------------------------------------------------------------

    def sandbox_stands(self, attempt: int, pause_pid: int) -> None:
        self._sandbox = attempt
        self._pause = pause_pid

    def known(self, container: str, attempt: int, identity: str, pid: int | None) -> None:
        """An instance that another process has started; ``pid``: of its first process, None when it does not run. An
        end that nobody has told of yet comes as any other."""
        self._ids[container, attempt] = identity
        self._instances[container, attempt] = pid is not None
        if pid is not None:
            self._running[container] = RunningContainer(attempt, identity, pid)

    def starting(self, container: str, attempt: int, identity: str) -> None:
        self._ids[container, attempt] = identity

    def started(self, container: str, attempt: int, pid: int) -> None:
        if self._instances.setdefault((container, attempt), True):  # its end has not come before this answer
            self._running[container] = RunningContainer(attempt, self._ids[container, attempt], pid)

    def exited(self, event: ContainerExited) -> None:
        """An instance has ended. When the end of the sandbox killed it, the machine must hear of that first: it would
        start the container again, in a sandbox that is no more."""
        live = self._running.get(event.container)
        if live is not None and live.attempt == event.attempt:
            del self._running[event.container]
        self._instances[event.container, event.attempt] = False
        if event.exit_code != _KILLED or self._sandbox is None or not is_ending(self._pause):
            self._post(event)
            return
        self._held.append(event)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PATIENCE, self._release)

    def sandbox_died(self, attempt: int | None = None) -> bool:
        """The sandbox is gone with everything in it (None: whichever stood). The machine is told once; whether it is
        now."""
        news = self._sandbox is not None and attempt in (None, self._sandbox)
        if self._sandbox is not None and news:
            attempt, self._sandbox = self._sandbox, None
            self._nothing_runs()
            self._post(SandboxDied(attempt=attempt))
        self._release()
        return news

    def sandbox_ends(self) -> None:
        """It is being stopped: from here on its death is no news."""
        self._sandbox = None
        self._release()

    def sandbox_stopped(self) -> None:
        self._nothing_runs()

    def removed(self, container: str, attempt: int) -> str | None:
        """Forgets an instance and returns its id."""
        self._instances.pop((container, attempt), None)
        return self._ids.pop((container, attempt), None)

    def _nothing_runs(self) -> None:
        self._running.clear()
        self._instances.update(dict.fromkeys(self._instances, False))

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, []
        for event in held:
            self._post(event)
