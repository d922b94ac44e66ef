"""A pod's probes that do without tasks: which they are, their attempts under way, and what becomes of those that need a
task after all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from nsrunner.errors import HostError
from nsrunner.lifecycle.commands import ProbeName, RunProbe
from nsrunner.lifecycle.events import Event, ProbeDone
from nsrunner.model.types import AnyContainer
from nsrunner.supervisor.failures import failure
from nsrunner.supervisor.probes.dial import Network
from nsrunner.supervisor.probes.outcome import Outcome, ProbeError, done
from nsrunner.supervisor.probes.poller import Poller
from nsrunner.supervisor.probes.quick import Attempt, QuickProbe, Redirect, follow_redirect, quick_probe
from nsrunner.supervisor.probes.run import TRIES, probe_of

__all__ = ["QuickProbes"]


class QuickProbes:
    """``post`` takes the events. ``spawn`` runs the rest of an attempt in a task, ``again`` makes an attempt with so
    many tries that are left of it."""

    def __init__(
        self,
        uid: str,
        *,
        post: Callable[[Event], None],
        spawn: Callable[[int, Coroutine[Any, Any, None]], None],
        again: Callable[[RunProbe, AnyContainer, int], Awaitable[ProbeDone]],
    ) -> None:
        self._uid = uid
        self._post = post
        self._spawn = spawn
        self._again = again
        self._network: Network | None = None
        self._probes: dict[tuple[str, ProbeName], QuickProbe | None] = {}
        """Of this sandbox; None for those that need a task."""
        self._attempts: dict[int, Attempt] = {}
        self._poller: Poller | None = None
        """While there is a sandbox with quick probes, or an attempt that outlives it."""

    def begin(self, command: RunProbe, container: AnyContainer, network: Network) -> bool:
        """Begins an attempt; False: it needs a task. ``network`` is the sandbox's, until :meth:`sandbox_ends`."""
        key = command.container, command.probe
        try:
            probe = self._probes[key]
        except KeyError:
            probe = self._probes[key] = self._quick_probe(command, container, network)
        if probe is None or self._poller is None:
            return False
        attempt = Attempt(probe, self._poller, partial(self._answered, command, container, probe))
        self._attempts[command.id] = attempt
        attempt.begin()
        return True

    def cancel(self, id: int) -> None:
        attempt = self._attempts.pop(id, None)
        if attempt is not None:
            attempt.cancel()
            self._let_go()

    def end(self) -> None:
        """Nobody waits for anything any more."""
        for id in tuple(self._attempts):
            self.cancel(id)
        self.sandbox_ends()

    def sandbox_ends(self) -> None:
        """Connections that are under way fail by themselves."""
        self._network = None
        for probe in self._probes.values():
            if probe is not None:
                probe.line.close()
        self._probes.clear()
        self._let_go()

    def _let_go(self) -> None:
        if self._poller is not None and self._network is None and not self._attempts:
            self._poller.release()
            self._poller = None

    def _quick_probe(self, command: RunProbe, container: AnyContainer, network: Network) -> QuickProbe | None:
        try:
            probe = quick_probe(probe_of(container, command.probe), container, network)
            if probe is not None:
                self._network = network
                self._poller = self._poller or Poller.acquire()
        except (ProbeError, OSError, HostError):
            return None
        return probe

    def _answered(
        self, command: RunProbe, container: AnyContainer, probe: QuickProbe, result: Outcome | Redirect | Exception
    ) -> None:
        """What came of an attempt."""
        del self._attempts[command.id]
        if self._network is None:
            self._let_go()
        if isinstance(result, Outcome):
            self._post(done(command, result.result, result.message))
        elif isinstance(result, ProbeError):
            self._post(done(command, "Unknown", str(result)))
        elif isinstance(result, Exception):
            self._post(failure(command, result, self._uid))
        else:
            self._spawn(command.id, self._follow(command, container, probe, result))

    async def _follow(self, command: RunProbe, container: AnyContainer, probe: QuickProbe, redirect: Redirect) -> None:
        """The rest of an attempt that was not quick."""
        event: Event
        try:
            if self._network is None:
                raise ProbeError("the pod has no sandbox")
            outcome = await follow_redirect(probe, self._network, redirect)
            event = done(command, outcome.result, outcome.message)
        except ProbeError as error:
            event = done(command, "Unknown", str(error))
            if redirect.tries < TRIES:
                event = await self._again(command, container, TRIES - redirect.tries)
        except Exception as error:  # noqa: BLE001 - every attempt ends in an event, also when it is a bug of ours
            event = failure(command, error, self._uid)
        self._post(event)
