"""A pod's hooks and probes that are under way: each in a task of its own, which ends in one event or is cancelled.

What they need is imported when the first one is to run: a pod without them pays nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from nsrunner.lifecycle.commands import RecordEvent, RunHook, RunProbe
from nsrunner.lifecycle.events import HookDone, ProbeDone
from nsrunner.model.types import AnyContainer, Pod
from nsrunner.supervisor.ports import Process

if TYPE_CHECKING:
    from nsrunner.supervisor.probes.command import Start
    from nsrunner.supervisor.probes.dial import Network

__all__ = ["MAX_OUTPUT", "Prober"]

MAX_OUTPUT: Final = 10 << 10
"""Bytes of a command's standard output and error together that are kept."""

Exec = Callable[[str, int, tuple[str, ...], float], Awaitable[Process]]
"""Container, attempt, command, seconds (0: no limit): starts a command whose output the shim collects."""


class Prober:
    """``exec`` starts commands, ``record`` publishes what a hook has to say."""

    def __init__(self, pod: Pod, *, exec: Exec, record: Callable[[RecordEvent], None]) -> None:
        self.pod = pod
        self._exec = exec
        self._record = record
        self._network: Network | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}

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

    def end(self) -> None:
        """Nobody waits for anything any more."""
        for task in tuple(self._tasks.values()):
            task.cancel()
        self.sandbox_ends()

    async def probe(self, command: RunProbe, container: AnyContainer) -> ProbeDone:
        """One attempt, bounded by the probe's timeout."""
        from nsrunner.supervisor.probes.outcome import Outcome, ProbeError
        from nsrunner.supervisor.probes.run import probe_of, run_probe

        outcome: Outcome | None = None
        try:
            probe = probe_of(container, command.probe)
            start = self._start(command.container, command.attempt)
            outcome = await run_probe(probe, container, network=self._network, start=start)
            message = outcome.message
        except ProbeError as error:
            message = str(error)
        return ProbeDone(
            id=command.id,
            container=command.container,
            attempt=command.attempt,
            probe=command.probe,
            result=outcome.result if outcome is not None else "Unknown",
            message=message,
        )

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
