"""A pod's hooks and probes that are under way: each in a task of its own, which ends in one event or is cancelled.
The probes of which there may be thousands a second do without the task (:mod:`nsrunner.supervisor.probes.quick`).

What they need is imported when the first one is to run: a pod without them pays nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from nsrunner.lifecycle.commands import ProbeName, RecordEvent, RunHook, RunProbe
from nsrunner.lifecycle.events import Event, HookDone, ProbeDone
from nsrunner.model.types import AnyContainer, Pod
from nsrunner.supervisor.failures import failure
from nsrunner.supervisor.ports import Process

if TYPE_CHECKING:
    from nsrunner.supervisor.probes.command import Start
    from nsrunner.supervisor.probes.dial import Network
    from nsrunner.supervisor.probes.outcome import Outcome
    from nsrunner.supervisor.probes.poller import Poller
    from nsrunner.supervisor.probes.quick import Attempt, QuickProbe, Redirect

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
        self._quick: dict[tuple[str, ProbeName], QuickProbe | None] = {}
        """Of this sandbox; None for those that need a task."""
        self._attempts: dict[int, Attempt] = {}
        self._poller: Poller | None = None
        """While there is a sandbox with quick probes, or an attempt that outlives it."""

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
        self._quick.clear()
        self._let_go()

    def _let_go(self) -> None:
        if self._poller is not None and self._network is None and not self._attempts:
            self._poller.release()
            self._poller = None

    # --- what is under way --------------------------------------------------------------------------------------------

    def begun(self, id: int, task: asyncio.Task[None]) -> None:
        """The task that carries out a RunHook or RunProbe."""
        self._tasks[id] = task
        task.add_done_callback(lambda _: self._tasks.pop(id, None))

    def cancel(self, id: int) -> None:
        task, attempt = self._tasks.get(id), self._attempts.pop(id, None)
        if task is not None:
            task.cancel()
        if attempt is not None:
            attempt.cancel()
            self._let_go()

    def end(self) -> None:
        """Nobody waits for anything any more."""
        for id in tuple(self._attempts):
            self.cancel(id)
        for task in tuple(self._tasks.values()):
            task.cancel()
        self.sandbox_ends()

    def quick(self, command: RunProbe, container: AnyContainer) -> bool:
        """Begins an attempt that needs no task; False: it needs one."""
        network = self._network
        if network is None:
            return False
        key = command.container, command.probe
        if key not in self._quick:
            self._quick[key] = self._quick_probe(command, container, network)
        probe = self._quick[key]
        if probe is None or self._poller is None:
            return False
        from nsrunner.supervisor.probes.quick import Attempt

        attempt = Attempt(probe, network, self._poller, partial(self._answered, command, container, probe))
        self._attempts[command.id] = attempt
        attempt.begin()
        return True

    def _quick_probe(self, command: RunProbe, container: AnyContainer, network: Network) -> QuickProbe | None:
        from nsrunner.supervisor.probes.outcome import ProbeError
        from nsrunner.supervisor.probes.poller import Poller
        from nsrunner.supervisor.probes.quick import quick_probe
        from nsrunner.supervisor.probes.run import probe_of

        try:
            probe = quick_probe(probe_of(container, command.probe), container, network)
            if probe is not None and self._poller is None:
                self._poller = Poller.acquire()
        except (ProbeError, OSError):
            return None
        return probe

    def _answered(
        self, command: RunProbe, container: AnyContainer, probe: QuickProbe, result: Outcome | Redirect | Exception
    ) -> None:
        """What came of a quick attempt."""
        from nsrunner.supervisor.probes.outcome import Outcome, ProbeError

        self._attempts.pop(command.id, None)
        if self._network is None:
            self._let_go()
        if isinstance(result, Outcome):
            self._post(_done(command, result.result, result.message))
        elif isinstance(result, ProbeError):
            self._post(_done(command, "Unknown", str(result)))
        elif isinstance(result, Exception):
            self._post(failure(command, result, self.pod.metadata.uid or ""))
        else:
            self.begun(command.id, self._spawn(self._follow(command, container, probe, result)))

    async def _follow(self, command: RunProbe, container: AnyContainer, probe: QuickProbe, redirect: Redirect) -> None:
        """The rest of an attempt that was not quick."""
        from nsrunner.supervisor.probes.outcome import ProbeError
        from nsrunner.supervisor.probes.quick import follow_redirect
        from nsrunner.supervisor.probes.run import TRIES

        event: Event
        try:
            if self._network is None:
                raise ProbeError("the pod has no sandbox")
            outcome = await follow_redirect(probe, self._network, redirect)
            event = _done(command, outcome.result, outcome.message)
        except ProbeError as error:
            event = _done(command, "Unknown", str(error))
            if redirect.tries < TRIES:
                event = await self.probe(command, container, tries=TRIES - redirect.tries)
        except Exception as error:  # noqa: BLE001 - every attempt ends in an event, also when it is a bug of ours
            event = failure(command, error, self.pod.metadata.uid or "")
        self._post(event)

    async def probe(self, command: RunProbe, container: AnyContainer, tries: int = 0) -> ProbeDone:
        """One attempt, bounded by the probe's timeout. ``tries``: how often, when the prober errs; 0: as usual."""
        from nsrunner.supervisor.probes.outcome import ProbeError
        from nsrunner.supervisor.probes.run import TRIES, probe_of, run_probe

        try:
            probe = probe_of(container, command.probe)
            start = self._start(command.container, command.attempt)
            outcome = await run_probe(probe, container, network=self._network, start=start, tries=tries or TRIES)
        except ProbeError as error:
            return _done(command, "Unknown", str(error))
        return _done(command, outcome.result, outcome.message)

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


def _done(command: RunProbe, result: Literal["Success", "Failure", "Unknown"], message: str) -> ProbeDone:
    return ProbeDone(
        id=command.id,
        container=command.container,
        attempt=command.attempt,
        probe=command.probe,
        result=result,
        message=message,
    )


def _uses_network(container: AnyContainer) -> bool:
    """Whether one of its probes or hooks connects to anything."""
    probes = (container.startup_probe, container.readiness_probe, container.liveness_probe)
    if any(probe is not None and probe.exec is None for probe in probes):
        return True
    lifecycle = container.lifecycle
    hooks = (lifecycle.post_start, lifecycle.pre_stop) if lifecycle is not None else ()
    return any(hook is not None and hook.http_get is not None for hook in hooks)
