"""One pod under supervision: events go in by a queue, the machine decides, the performer acts.

The task waits for the pod's end: events are taken by callbacks of the loop, the machine's deadline by a timer. Effects
run beside it, so that a slow one delays nothing but its own answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import msgspec

from nsrunner.errors import SandboxError
from nsrunner.lifecycle.commands import (
    AnsweredCommand,
    CancelHook,
    CancelProbe,
    Command,
    RecordEvent,
    RunProbe,
)
from nsrunner.lifecycle.events import (
    ContainerExited,
    DeleteRequested,
    Event,
    ProbeDone,
    SandboxDied,
    Tick,
)
from nsrunner.lifecycle.observer import Observer
from nsrunner.lifecycle.pod import PodMachine
from nsrunner.lifecycle.pod import Settings as LifecycleSettings
from nsrunner.model.types import Pod, PodStatus
from nsrunner.sandbox.state import RegisteredPod
from nsrunner.supervisor.alarm import Alarm, Beats
from nsrunner.supervisor.events import KubeEvent, Recorder
from nsrunner.supervisor.ledger import RunningContainer
from nsrunner.supervisor.perform import Performer
from nsrunner.supervisor.plan import Node
from nsrunner.supervisor.plan_admit import acceptance
from nsrunner.supervisor.ports import Clock, Journal, ObjectReader, Process, Shims
from nsrunner.supervisor.saving import Saving
from nsrunner.supervisor.silence import SILENT, SILENT_REASON, unknown, unknown_conditions

__all__ = ["PodTask"]

log = logging.getLogger(__name__)

_QUIET = (Tick, ProbeDone)
"""Events of which nobody hears that they came, unless the machine's revision changes."""
_NEVER = (None, None)


class PodTask:
    """A pod from its acceptance to its removal. ``run()`` is the task; the rest may be called from the same loop.

    ``changed`` is called after each event that may have changed anything, ``published`` with each Kubernetes Event;
    ``observer`` sees all that the machine is told.
    """

    def __init__(
        self,
        pod: Pod,
        registered: RegisteredPod,
        *,
        node: Node,
        shims: Shims,
        objects: ObjectReader,
        clock: Clock,
        beats: Beats,
        settings: LifecycleSettings,
        fallback_host: bool,
        changed: Callable[[], None],
        published: Callable[[KubeEvent], None],
        journal: Journal | None = None,
        object_saved: bool = True,
        observer: Observer | None = None,
        saved: Mapping[str, Any] | None = None,
    ) -> None:
        """``saved``: of the machine of a process that ran the pod until it died; ``object_saved``: the journal has the
        object already. Raises BadValue."""
        self.pod = pod
        self.registered = registered
        self._clock = clock
        self._changed = changed
        self._observer = observer
        self._machine = PodMachine(pod, settings) if saved is None else PodMachine.restore(pod, saved, settings)
        self._recorder = Recorder(
            namespace=pod.metadata.namespace or "",
            pod=pod.metadata.name or "",
            uid=registered.uid,
            sink=published,
        )
        self._performer = Performer(
            pod,
            registered,
            node=node,
            shims=shims,
            objects=objects,
            fallback_host=fallback_host,
            post=self.post,
            post_now=self._post_now,
            record=self._record,
            spawn=self._spawn,
            silence=self._heard,
        )
        self._queue: deque[Event] = deque([acceptance(pod, node)] if saved is None else ())
        self._resumes = saved is not None
        self._resumed = asyncio.Event()
        self._resting = False
        """There is nothing to do until an event comes."""
        self._alarm = Alarm(beats, self._on_time)
        self._over: asyncio.Future[None] | None = None
        self._effects: asyncio.TaskGroup | None = None
        self._broken: str | None = None
        self._removed = asyncio.Event()
        self._let_go = False
        self._saving = Saving(
            self._machine, journal, registered.paths.run, object_saved=object_saved, taken=self._performer.taken
        )
        self._silent = False

    # --- what others ask ----------------------------------------------------------------------------------------------

    @property
    def status(self) -> PodStatus:
        """What the API shows now; computed at the call."""
        status = self._machine.status()
        if self._broken is None:
            return unknown(status) if self._silent else status
        return msgspec.structs.replace(status, phase="Failed", reason="InternalError", message=self._broken)

    @property
    def object(self) -> Pod:
        """The whole pod as the API shows it now, with its status; computed at the call."""
        shown = self._machine.object()
        if self._broken is None and not self._silent:
            return shown
        return msgspec.structs.replace(shown, status=self.status)

    @property
    def phase(self) -> str:
        """status.phase, without the cost of the rest."""
        if self._broken is not None:
            return "Failed"
        return self._machine.phase if not self._silent or self.finished else "Unknown"

    @property
    def conditions(self) -> dict[str, str]:
        """status.conditions as type to status, without the cost of the rest."""
        value = self._machine.value
        given = {condition.type: condition.status for condition in self.pod.status.conditions}
        given |= {condition.type: condition.status for condition in (*value.foreign, *value.conditions)}
        return unknown_conditions(given) if self._silent else given

    @property
    def finished(self) -> bool:
        """Nothing of it runs, and nothing ever will. Logs and volumes may still be there."""
        return self._machine.finished if self._broken is None else self.removed

    @property
    def removed(self) -> bool:
        """Nothing of it is left, or nothing that is this process's affair any more (:attr:`let_go`)."""
        return self._removed.is_set()

    @property
    def let_go(self) -> bool:
        """This process ends and leaves the pod to its shim."""
        return self._let_go

    @property
    def deleted(self) -> bool:
        """It was asked to go."""
        return self._machine.deleted

    @property
    def running(self) -> Mapping[str, RunningContainer]:
        """The live instances by container name."""
        return self._performer.ledger.running

    @property
    def instances(self) -> Mapping[tuple[str, int], bool]:
        """All instances whose logs are there, by container and attempt: whether they run."""
        return self._performer.ledger.instances

    @property
    def events(self) -> tuple[KubeEvent, ...]:
        """The Kubernetes Events so far."""
        return self._recorder.events

    @property
    def next_starts(self) -> dict[str, float]:
        """Of the containers that wait to be started (again): the wall time of that, in seconds since the epoch."""
        now, machine = self._clock.now(), self._machine
        starts = {name: machine.next_start(name) for name in machine.value.containers}
        return {name: now.wall + max(0.0, mono - now.mono) for name, mono in starts.items() if mono is not None}

    def delete(self, grace_seconds: int | None) -> None:
        """Asks for the end of the pod; a later call may only shorten the grace period (:class:`DeleteRequested`)."""
        self.post(DeleteRequested(grace_seconds=grace_seconds))

    async def wait_resumed(self) -> None:
        """Until it is known how the pod is that another process has left."""
        await self._resumed.wait()

    async def wait_removed(self) -> None:
        await self._removed.wait()

    async def exec(
        self,
        container: str,
        argv: tuple[str, ...],
        *,
        env: tuple[str, ...] = (),
        stdin: int,
        stdout: int,
        stderr: int,
    ) -> Process:
        """Starts a command in a running container (:meth:`Performer.exec`)."""
        return await self._performer.exec(container, argv, env=env, stdin=stdin, stdout=stdout, stderr=stderr)

    # --- the task -----------------------------------------------------------------------------------------------------

    def post(self, event: Event) -> None:
        """Hands an event to the machine, after those that wait already, in a later turn of the loop."""
        self._queue.append(event)
        if isinstance(event, DeleteRequested) and self._resumes and not self._resumed.is_set():
            self._performer.hurry()
        if self._resting and self._over is not None:
            self._resting = False
            self._over.get_loop().call_soon(self._work)

    def _post_now(self, event: Event) -> None:
        """The same in this turn, for callbacks of the loop, which nobody waits for."""
        self._queue.append(event)
        if self._resting:
            self._resting = False
            self._work()

    async def run(self) -> None:
        """From PodAdded until nothing of the pod is left. Cancelled: lets go of the pod, whose shim ends it when this
        process was its owner."""
        self._over = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.TaskGroup() as self._effects:
                if self._resumes:
                    try:
                        await self._resume()
                    except Exception as error:  # noqa: BLE001 - a bug costs the pod, not the other pods of the process
                        self._break("resume", error)
                self._resumed.set()
                self._work()
                try:
                    await self._over
                finally:
                    self._performer.foresight.end()
                await self._performer.detach()  # ends the taking of records
        except asyncio.CancelledError:
            self._let_go = True
            raise
        finally:
            self._effects = None
            self._resting = False
            self._alarm.set(*_NEVER)
            self._saving.end()
            await self._performer.detach()
            self._resumed.set()
            self._removed.set()
            self._changed()

    async def _resume(self) -> None:
        """Where the process before left off: what it had asked for and got no answer to is asked for again, with the
        same ids, so that the shim gives its first answer where it has one."""
        asked = self._machine.unanswered
        if self.deleted:
            self._performer.hurry()
        sandbox = await self._performer.reconnect()
        died = self._performer.resume(self._machine.value, sandbox)
        if died is not None:
            self._take(died)  # before the commands, some of which are pointless then
        unanswered = {command.id for command in self._machine.unanswered}
        for command in asked:
            if command.id in unanswered:
                self._begin(command)
        self._changed()

    def _work(self) -> None:
        """Takes all events that wait, then rests until the next one, be it a Tick."""
        if self._effects is None or self._over is None or self._over.done():
            return
        try:
            while self._queue:
                self._take(self._queue.popleft())
            if self._machine.removed or self.removed:
                self._over.set_result(None)
                return
            self._alarm.set(*(self._machine.next_deadlines() if self._broken is None else _NEVER))
            self._performer.foresight.look(self._machine.revision, self._machine.upcoming, self._clock.now().mono)
        except Exception as error:  # noqa: BLE001 - it ends the task, where it is seen
            self._over.set_exception(error)
            return
        self._resting = True

    def _on_time(self) -> None:
        self._post_now(Tick())

    def _take(self, event: Event) -> None:
        """One event: through the machine, and its commands on their way."""
        if self._broken is not None:
            return
        revision = self._machine.revision
        try:
            now = self._clock.now()
            commands = self._machine.handle(event, now)
            if self._observer is not None:
                self._observer.saw(self._machine, event, now, commands)
            if self._machine.pod is not self.pod:
                self.pod = self._machine.pod
                self._saving.object_changed()
                self._performer.changed(self.pod)
            if self._matters(event, commands, revision):
                self._saving.save(event)
        except Exception as error:  # noqa: BLE001 - a bug costs the pod, not the other pods of the process
            self._break(event, error)
            return
        for command in commands:
            if type(command) is RunProbe:
                self._performer.begin(command)
            elif isinstance(command, RecordEvent):
                self._record(command)
            elif isinstance(command, CancelHook | CancelProbe):
                self._performer.cancel(command)
            else:
                self._begin(command)
        if self._machine.revision != revision or type(event) not in _QUIET:
            self._changed()

    def _begin(self, command: AnsweredCommand) -> None:
        if (answer := self._performer.at_once(command)) is not None:
            self._queue.append(answer)
        else:
            self._performer.begin(command)

    def _matters(self, event: Event, commands: list[Command], revision: int) -> bool:
        """Whether the journal has to know. Not of probes that go on saying what they said: what a process that is
        killed may lose of them is that an attempt was under way, which is made anew, and how much further their
        outcome has outrun its threshold. ``revision``: the machine's before the event."""
        if type(event) in (ContainerExited, SandboxDied):
            return True  # be it old news: the shim keeps its record until then
        if self._machine.revision != revision or any(type(command) is not RunProbe for command in commands):
            return True
        if type(event) is ProbeDone:
            probe = self._machine.value.containers[event.container].probes.get(event.probe)
            return probe is not None and (probe.run <= 1 or probe.outcome != probe.result)
        return False

    def _break(self, event: Event | str, error: Exception) -> None:
        """A bug: the pod fails where everybody sees it, and is removed."""
        log.error("pod %s: %s", self.registered.uid, event, exc_info=error)
        self._saving.end()
        self._broken = f"nsrunner's own mistake, please report it: {error}"
        self._record(RecordEvent(type="Warning", reason="InternalError", message=self._broken))
        self._spawn(self._destroy())
        self._changed()

    async def _destroy(self) -> None:
        try:
            await self._performer.destroy()
        except SandboxError as error:
            log.error("pod %s: something of it is left: %s", self.registered.uid, error)
        finally:
            self._removed.set()
            self.post(Tick())  # wakes the task, which ends

    def _heard(self, silent: bool) -> None:
        """The shim does not answer any more; or it does again, or is gone, of which the machine hears."""
        self._silent = silent
        if silent:
            self._record(RecordEvent(type="Warning", reason=SILENT_REASON, message=SILENT))
        self._changed()

    def _record(self, command: RecordEvent) -> None:
        self._recorder.record(command, self._clock.now())

    def _spawn(self, effect: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._effects is not None, "effects begin in run()"
        return self._effects.create_task(effect)
