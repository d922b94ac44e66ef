"""A pod's hooks and probes that are under way: each in a task of its own, which ends in one event or is cancelled.
The probes of which there may be thousands a second do without (:mod:`nsrunner.supervisor.probes.quick_probes`).

What they need is imported when the first one is to run: a pod without them pays nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from nsrunner.lifecycle.commands import RecordEvent, RunHook, RunProbe
from nsrunner.lifecycle.events import Event, HookDone, ProbeDone
from nsrunner.model.types import AnyContainer, Pod
from nsrunner.supervisor.ports import Process

if TYPE_CHECKING:
    from nsrunner.supervisor.probes.command import Start
    from nsrunner.supervisor.probes.dial import Network
    from nsrunner.supervisor.probes.quick_probes import QuickProbes

__all__ = ["MAX_OUTPUT", "Prober"]

MAX_OUTPUT: Final = 10 << 10
"""Bytes of a command's standard output and error together that are kept."""

Exec = Callable[[str, int, tuple[str, ...], float], Awaitable[Process]]
"""Container, attempt, command, seconds (0: no limit): starts a command whose output the shim collects."""


class Prober:
    """``exec`` starts commands, ``record`` publishes what a hook has to say. ``post`` takes the events of what goes on
    without a task, ``spawn`` runs what does need one after all."""

    def __init__(
        self,
        pod: Pod,
        *,
        exec: Exec,
        record: Callable[[RecordEvent], None],
        post: Callable[[Event], None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self.pod = pod
        self._exec = exec
        self._record = record
        self._post = post
        self._spawn = spawn
        self._network: Network | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._quick: QuickProbes | None = None
        """From the first probe on that could be one of those."""

    # --- the sandbox --------------------------------------------------------------------------------------------------

    def sandbox_stands(self, ip: str, pause: int) -> None:
        """``ip`` is the pod's own address, ``pause`` the process that holds its namespaces."""
        self.sandbox_ends()
        spec = self.pod.spec
        if not any(map(_uses_network, (*spec.init_containers, *spec.containers))):
            return
        from nsrunner.supervisor.probes.dial import Network

        try:
            self._network = Network(ip, None if spec.host_network else os.pidfd_open(pause))
        except ProcessLookupError:
            pass  # it died already, which is about to be told

    def sandbox_ends(self) -> None:
        """Connections that are under way fail by themselves."""
        if self._quick is not None:
            self._quick.sandbox_ends()
        if self._network is not None:
            self._network.close()
            self._network = None

    # --- what is under way --------------------------------------------------------------------------------------------

    def begun(self, id: int, task: asyncio.Task[None]) -> None:
        """The task that carries out a RunHook or RunProbe."""
        self._tasks[id] = task
        task.add_done_callback(lambda _: self._tasks.pop(id, None))

    def cancel(self, id: int) -> None:
        task = self._tasks.get(id)
        if task is not None:
            task.cancel()
        if self._quick is not None:
            self._quick.cancel(id)

    def end(self) -> None:
        """Nobody waits for anything any more."""
        if self._quick is not None:
            self._quick.end()
        for task in tuple(self._tasks.values()):
            task.cancel()
        self.sandbox_ends()

    def quick(self, command: RunProbe, container: AnyContainer) -> bool:
        """Begins an attempt that needs no task; False: it needs one."""
        if self._network is None:
            return False
        if self._quick is None:
            from nsrunner.supervisor.probes.quick_probes import QuickProbes

            uid = self.pod.metadata.uid or ""
            self._quick = QuickProbes(uid, post=self._post, spawn=self._begin, again=self.probe)
        return self._quick.begin(command, container, self._network)

    def _begin(self, id: int, effect: Coroutine[Any, Any, None]) -> None:
        self.begun(id, self._spawn(effect))

    async def probe(self, command: RunProbe, container: AnyContainer, tries: int = 0) -> ProbeDone:
        """One attempt, bounded by the probe's timeout. ``tries``: how often, when the prober errs; 0: as usual."""
        from nsrunner.supervisor.probes.outcome import ProbeError, done
        from nsrunner.supervisor.probes.run import TRIES, probe_of, run_probe

        try:
            probe = probe_of(container, command.probe)
            start = self._start(command.container, command.attempt)
            outcome = await run_probe(probe, container, network=self._network, start=start, tries=tries or TRIES)
        except ProbeError as error:
            return done(command, "Unknown", str(error))
        return done(command, outcome.result, outcome.message)

    async def hook(self, command: RunHook, container: AnyContainer) -> HookDone:
        """To its end, however long that takes."""
        from nsrunner.supervisor.hooks.run import hook_of, run_hook

        def warn(message: str) -> None:
            self._record(RecordEvent(type="Warning", reason="LifecycleHTTPFallback", message=message))

        error = await run_hook(
            hook_of(container, command.hook),
            container,
            self.pod,
            network=self._network,
            start=self._start(command.container, command.attempt),
            warn=warn,
        )
        return HookDone(
            id=command.id, container=command.container, attempt=command.attempt, hook=command.hook, error=error
        )

    def _start(self, container: str, attempt: int) -> Start:
        return lambda argv, seconds: self._exec(container, attempt, argv, seconds)


def _uses_network(container: AnyContainer) -> bool:
    """Whether one of its probes or hooks connects to anything."""
    probes = (container.startup_probe, container.readiness_probe, container.liveness_probe)
    if any(probe is not None and probe.exec is None for probe in probes):
        return True
    lifecycle = container.lifecycle
    hooks = (lifecycle.post_start, lifecycle.pre_stop) if lifecycle is not None else ()
    return any(hook is not None and hook.http_get is not None for hook in hooks)
