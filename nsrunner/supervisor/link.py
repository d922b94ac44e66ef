"""A pod's shim as one process has it: made or found again, listened to, given up, and told what may be forgotten."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar, assert_never

from nsrunner.errors import SandboxError
from nsrunner.lifecycle.events import ContainerExited, Event, SandboxDied
from nsrunner.sandbox.records import ContainerExit, SandboxDeath
from nsrunner.sandbox.state import RegisteredPod
from nsrunner.sandbox.transport import LACKS
from nsrunner.supervisor.ledger import Ledger
from nsrunner.supervisor.ports import Sandbox, Shims
from nsrunner.supervisor.termination import container_exited

__all__ = ["ShimLink"]

T = TypeVar("T")

log = logging.getLogger(__name__)

_AGAIN: Final = 1.0
"""Seconds between two attempts to reach a shim."""
_PATIENCE: Final = 10.0
"""Seconds that a shim has for its first answer when its pod is to go."""


class ShimLink:
    """``policy`` gives a container's terminationMessagePolicy; ``spawn`` runs a coroutine beside the caller."""

    def __init__(
        self,
        registered: RegisteredPod,
        *,
        shims: Shims,
        ledger: Ledger,
        policy: Callable[[str], str | None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        silence: Callable[[bool], None],
    ) -> None:
        self.sandbox: Sandbox | None = None
        """The connection to the shim; None while there is no shim."""
        self._registered = registered
        self._shims = shims
        self._ledger = ledger
        self._policy = policy
        self._spawn = spawn
        self._silence = silence
        self._impatience: asyncio.TimerHandle | None = None
        self._lost_a_shim = False
        self._untaken: dict[tuple[str, int], tuple[Sandbox, int]] = {}
        """Records of which the machine has not heard yet, by container (empty: the sandbox) and attempt."""

    async def launch(self, first: Callable[[Sandbox], T]) -> tuple[Sandbox, T]:
        """A new shim; ``first`` sends what comes first. Raises SandboxError."""
        self.sandbox, result = await self._shims.launch(self._registered, first, self._silence)
        self.listen()
        return self.sandbox, result

    async def connect(self) -> Sandbox | None:
        """The shim of a pod that another process ran; None: it is gone, and so is everything that ran in it. Call
        :meth:`listen` when the ledger knows what ran. Waits for a shim that is silent, until :meth:`hurry`."""
        try:
            self.sandbox = await self._reached()
        except SandboxError as error:
            log.info("pod %s: its shim is gone: %s", self._registered.uid, error)
            await self._reap()
        finally:
            if self._impatience is not None:
                self._impatience.cancel()
        return self.sandbox

    async def _reached(self) -> Sandbox:
        """What we lack for that costs no pod its shim: it is tried again."""
        out_of_reach = False
        try:
            while True:
                try:
                    return await self._shims.connect(self._registered, self._silence)
                except SandboxError as error:
                    if error.errno not in LACKS:
                        raise
                    if not out_of_reach:
                        out_of_reach = True
                        log.warning("pod %s: its shim cannot be reached: %s", self._registered.uid, error)
                        self._silence(True)
                await asyncio.sleep(_AGAIN)
        finally:
            if out_of_reach:
                self._silence(False)

    def hurry(self) -> None:
        """The pod is to go: a shim that is being connected to is killed when it does not answer soon."""
        if self._impatience is None:
            loop = asyncio.get_running_loop()
            self._impatience = loop.call_later(_PATIENCE, self._shims.end, self._registered)

    def listen(self) -> None:
        """Takes the shim's records from here on, those first that nobody has acknowledged."""
        assert self.sandbox is not None, "there is a shim"
        self._spawn(self._take_records(self.sandbox))

    def taken(self, event: Event) -> None:
        """The event is in the machine that is saved: the shim may forget the record from which it came."""
        match event:
            case ContainerExited():
                key = (event.container, event.attempt)
            case SandboxDied():
                key = ("", event.attempt)
            case _:
                return
        found = self._untaken.pop(key, None)
        if found is not None:
            sandbox, record = found
            sandbox.acknowledge(record)

    async def give_up(self, sandbox: Sandbox) -> None:
        """A shim that does not answer: everything of it dies, and the next sandbox gets a new one."""
        if self.sandbox is sandbox:
            self.sandbox = None
        await sandbox.kill()
        await self._reap()
        self._ledger.sandbox_died()

    async def remove(self, id: int) -> None:
        """Everything of the pod, by its shim or without one. Raises SandboxError when something stays."""
        sandbox, self.sandbox = self.sandbox, None
        if sandbox is not None:
            try:
                await sandbox.remove_pod(id)
            except SandboxError:
                await sandbox.kill()
            else:
                if not self._lost_a_shim:
                    return  # otherwise links to logs are left, of which the successor knows nothing
        await self._shims.remove(self._registered)

    async def remove_log(self, container: str, attempt: int) -> None:
        """Of an instance that the present shim has never known. Raises SandboxError."""
        await self._shims.remove_log(self._registered, container, attempt)

    async def close(self) -> None:
        """Lets go of the shim, which decides by the pod's owner what becomes of the pod."""
        if self.sandbox is not None:
            await self.sandbox.close()

    async def _reap(self) -> None:
        self._lost_a_shim = True
        try:
            await self._shims.reap(self._registered)
        except SandboxError as error:
            log.error("pod %s: %s", self._registered.uid, error)

    async def _take_records(self, sandbox: Sandbox) -> None:
        """Events from the shim's records, in their order, until the shim is gone."""
        async for record in sandbox.records():
            match record:
                case ContainerExit():
                    self._untaken[record.name, record.attempt] = (sandbox, record.record)
                    self._ledger.exited(await self._exited(record))
                case SandboxDeath(record=0):
                    if self.sandbox is sandbox:
                        self.sandbox = None
                        await self._reap()
                        self._ledger.sandbox_died()
                case SandboxDeath():
                    self._untaken["", record.attempt] = (sandbox, record.record)
                    if not self._ledger.sandbox_died(record.attempt):
                        self.taken(SandboxDied(attempt=record.attempt))  # it is being stopped: no news
                case _:
                    assert_never(record)

    async def _exited(self, record: ContainerExit) -> ContainerExited:
        directory = os.path.join(self._registered.paths.logs, record.name)
        return await container_exited(record, self._policy(record.name), directory)
