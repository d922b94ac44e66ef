"""The one place that turns the machine's commands into effects, and the shim's records into events.

Every command ends in exactly one event, whatever happens: what fails, and even what is a bug here, becomes the failure
event of that command. Nothing here decides what happens next.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, assert_never

from nsrunner.errors import SandboxError, UsageError
from nsrunner.lifecycle.commands import (
    AnsweredCommand,
    CancelHook,
    CancelProbe,
    CreateSandbox,
    EnsureImage,
    RecordEvent,
    RemoveContainer,
    RemovePod,
    RunHook,
    RunProbe,
    SignalContainer,
    StartContainer,
    StopSandbox,
)
from nsrunner.lifecycle.events import (
    ContainerFailed,
    ContainerRemoved,
    ContainerStarted,
    Event,
    ImageFailed,
    ImageReady,
    PodRemoved,
    SandboxDied,
    SandboxFailed,
    SandboxReady,
    SandboxStopped,
    SignalSent,
    User,
)
from nsrunner.lifecycle.value import PodState, PodValue
from nsrunner.model.types import AnyContainer, Pod
from nsrunner.sandbox.rootfs import ImageRoot
from nsrunner.sandbox.state import RegisteredPod
from nsrunner.sandbox.transport import unanswered
from nsrunner.supervisor.failures import container_failure, failure, sandbox_failure
from nsrunner.supervisor.foresight import Foresight
from nsrunner.supervisor.images import ImageProblem
from nsrunner.supervisor.ledger import Ledger
from nsrunner.supervisor.link import ShimLink
from nsrunner.supervisor.plan import (
    Node,
    SandboxPlan,
    plan_container,
    plan_exec,
    plan_sandbox,
)
from nsrunner.supervisor.plan_sandbox import all_containers
from nsrunner.supervisor.plan_types import ContainerPlan, CreateError
from nsrunner.supervisor.ports import ObjectReader, Process, Sandbox, Shims
from nsrunner.supervisor.prepare import Preparations
from nsrunner.supervisor.prober import MAX_OUTPUT, Prober
from nsrunner.supervisor.references import referenced
from nsrunner.supervisor.remarks import Remarks
from nsrunner.supervisor.signals import signal_number
from nsrunner.supervisor.targets import target_id
from nsrunner.supervisor.termination import as_now

__all__ = ["Performer"]

_LAST_COMMAND = 1 << 62
"""Id of the removal that no machine asked for: above all ids that machines choose, below those of the client itself."""


class Performer:
    """The effects of one pod.

    ``post`` takes the events (``post_now`` those of callbacks of the loop, at once), ``record`` the Kubernetes Events
    that come from plans; ``spawn`` runs a coroutine beside the caller, within the pod's task group; ``silence`` is
    called when the shim does not answer any more, and when it does again.
    """

    def __init__(
        self,
        pod: Pod,
        registered: RegisteredPod,
        *,
        node: Node,
        shims: Shims,
        objects: ObjectReader,
        fallback_host: bool,
        post: Callable[[Event], None],
        record: Callable[[RecordEvent], None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        silence: Callable[[bool], None],
        post_now: Callable[[Event], None] | None = None,
    ) -> None:
        self._pod = pod
        self._registered = registered
        self._node = node
        self._objects = objects
        self._post = post
        self._record = record
        self._spawn = spawn
        self._specs: dict[str, AnyContainer] = {container.name: container for container in all_containers(pod)}
        self._plan: SandboxPlan | None = None
        self._images: dict[str, ImageRoot] = {}
        self._preparations = Preparations(node, fallback_host=fallback_host)
        self._ledger = Ledger(post)
        self._link = ShimLink(
            registered,
            shims=shims,
            ledger=self._ledger,
            policy=lambda name: self._specs[name].termination_message_policy,
            spawn=spawn,
            silence=silence,
        )
        self._remarks = Remarks(record)
        self.foresight = Foresight(self._ledger, self._link, specs=self._specs, plan=self._planned, spawn=spawn)
        self._prober = Prober(pod, exec=self._exec_quietly, record=record, post=post_now or post, spawn=spawn)

    # --- for others than the machine ----------------------------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        """Which instances there are, and which run."""
        return self._ledger

    async def exec(
        self, container: str, argv: tuple[str, ...], *, env: tuple[str, ...], stdin: int, stdout: int, stderr: int
    ) -> Process:
        """Starts a command in a running container, for a caller who waits for its end: what keeps it from running is
        raised by the result. Raises UsageError when the container does not run, SandboxError when its shim is gone."""
        live = self._ledger.running.get(container)
        if live is None or self._link.sandbox is None:
            name = self._pod.metadata.name
            if container not in self._specs:
                raise UsageError(f"container {container} is not valid for pod {name}: it has {', '.join(self._specs)}")
            raise UsageError(f'container "{container}" in pod "{name}" is not running')
        spec = plan_exec(live.id, argv, env=env, attached=True)
        return await self._link.sandbox.exec(spec, stdin=stdin, stdout=stdout, stderr=stderr)

    async def destroy(self) -> None:
        """Ends and removes everything, whatever the machine thinks. Raises SandboxError when something stays."""
        await self._remove_pod(_LAST_COMMAND)

    async def detach(self) -> None:
        """Lets go of the shim, which decides by the pod's owner what becomes of the pod."""
        self._prober.end()
        await self._link.close()

    def taken(self, event: Event) -> None:
        """The machine has taken the event in, and is saved: whoever comes after this process will know of it."""
        self._link.taken(event)

    def changed(self, pod: Pod) -> None:
        """The pod's object is another from here on; its containers are the same, or more."""
        self._pod = pod
        self._specs = {container.name: container for container in all_containers(pod)}
        self._prober.pod = pod
        self.foresight.changed(self._specs)

    async def reconnect(self) -> Sandbox | None:
        """The shim of a pod that another process ran; None: it is gone. Waits for its answer until :meth:`hurry`."""
        return await self._link.connect()

    def hurry(self) -> None:
        """A shim that is waited for is killed when it does not answer soon: its pod is to go."""
        self._link.hurry()

    def resume(self, value: PodValue, sandbox: Sandbox | None) -> SandboxDied | None:
        """Takes over from a process that is gone: ``value`` is the machine's, ``sandbox`` the shim's connection (None:
        it is gone, too). Returns what the machine cannot know and has to be told first."""
        for name, spec in self._specs.items():
            if not isinstance(found := self._preparations.image(spec), ImageProblem):
                self._images[name] = found
        running = {info.container_id: info.pid for info in sandbox.snapshot.running} if sandbox is not None else {}
        for name, container in value.containers.items():
            for instance in (container.previous, container.current):
                if instance is not None and not instance.removed:
                    self._ledger.known(
                        name, instance.attempt, instance.container_id, running.get(instance.container_id)
                    )
        if sandbox is None:
            if value.sandbox < 0 or value.state is PodState.CREATING:  # it is made (again) by another shim
                return None
            return SandboxDied(attempt=value.sandbox)
        if value.sandbox >= 0 and sandbox.snapshot.sandbox_attempt == value.sandbox:
            self._stands(self._sandbox_plan(value.sandbox), value.sandbox, sandbox.snapshot.pause_pid)
        elif value.sandbox >= 0:
            self._ledger.sandbox_stands(value.sandbox, 0)  # what became of it is among the records
        self._link.listen()
        return None

    # --- commands -----------------------------------------------------------------------------------------------------

    def at_once(self, command: AnsweredCommand) -> Event | None:
        """The answer to a command that takes no time; None: give it to :meth:`perform`."""
        if not isinstance(command, EnsureImage):
            return None
        try:
            return self._ensure_image(command)
        except Exception as error:  # noqa: BLE001 - a bug here is this command's failure, not the pod's task's
            return failure(command, error, self._registered.uid)

    def begin(self, command: AnsweredCommand) -> None:
        """:meth:`perform` beside the caller."""
        if isinstance(command, RunProbe) and self._prober.quick(command, self._specs[command.container]):
            return
        if isinstance(command, StartContainer):
            self.foresight.asked_for(command.container)
        task = self._spawn(self.perform(command))
        if isinstance(command, RunHook | RunProbe):
            self._prober.begun(command.id, task)

    def cancel(self, command: CancelHook | CancelProbe) -> None:
        """Stops what was begun, if it still goes on: it posts nothing then."""
        self._prober.cancel(command.hook_id if isinstance(command, CancelHook) else command.probe_id)

    async def perform(self, command: AnsweredCommand) -> None:
        """Carries the command out and posts its event."""
        try:
            event = await self._perform(command)
        except Exception as error:  # noqa: BLE001 - every effect ends in an event, also when it is a bug of ours
            event = failure(command, error, self._registered.uid)
        self._post(event)

    async def _perform(self, command: AnsweredCommand) -> Event:
        match command:
            case CreateSandbox():
                return await self._create_sandbox(command)
            case StopSandbox():
                return await self._stop_sandbox(command)
            case EnsureImage():
                return self._ensure_image(command)
            case StartContainer():
                return await self._start_container(command)
            case RunHook():
                return await self._prober.hook(command, self._specs[command.container])
            case RunProbe():
                return await self._prober.probe(command, self._specs[command.container])
            case SignalContainer():
                return await self._signal_container(command)
            case RemoveContainer():
                return await self._remove_container(command)
            case RemovePod():
                await self._remove_pod(command.id)
                return PodRemoved(id=command.id)
            case _:
                assert_never(command)

    async def _create_sandbox(self, command: CreateSandbox) -> Event:
        plan = self._sandbox_plan(command.attempt)
        self._remarks.say(self._pod, plan.warnings)
        sandbox = self._link.sandbox
        try:
            create = partial(self._preparations.create, command.id, self._pod, plan)
            if sandbox is None:
                sandbox, creation = await self._link.launch(create)
            else:
                creation = create(sandbox)
            created = await creation
        except SandboxError as error:
            if sandbox is not None and unanswered(error):
                await self._link.give_up(sandbox)
            reason, message = sandbox_failure(error, plan.spec)
            return SandboxFailed(id=command.id, attempt=command.attempt, reason=reason, message=message)
        self._stands(plan, command.attempt, created.pause_pid)
        pod_ip = "" if self._pod.spec.host_network else next(iter(plan.pod_ips), "")
        return SandboxReady(id=command.id, attempt=command.attempt, pod_ip=pod_ip)

    def _sandbox_plan(self, attempt: int) -> SandboxPlan:
        return plan_sandbox(self._pod, self._node, owner=self._registered.owner, attempt=attempt)

    def _stands(self, plan: SandboxPlan, attempt: int, pause_pid: int) -> None:
        self._plan = plan
        self._ledger.sandbox_stands(attempt, pause_pid)
        self._prober.sandbox_stands(next(iter(plan.pod_ips), ""), pause_pid)

    async def _stop_sandbox(self, command: StopSandbox) -> Event:
        self._ledger.sandbox_ends()
        self._prober.sandbox_ends()
        sandbox = self._link.sandbox
        if sandbox is not None:
            try:
                await sandbox.stop_sandbox(command.id, command.attempt)
            except SandboxError:
                await self._link.give_up(sandbox)
        self._ledger.sandbox_stopped()
        return SandboxStopped(id=command.id, attempt=command.attempt)

    def _ensure_image(self, command: EnsureImage) -> Event:
        found = self._preparations.image(self._specs[command.container])
        if isinstance(found, ImageProblem):
            return ImageFailed(id=command.id, container=command.container, reason=found.reason, message=found.message)
        self._images[command.container] = found
        return ImageReady(id=command.id, container=command.container, image_id=found.image_id)

    async def _start_container(self, command: StartContainer) -> Event:
        if self._plan is None or (sandbox := self._link.sandbox) is None:
            raise SandboxError("start container", errno.ESRCH, detail="there is no sandbox")
        name, attempt = command.container, command.attempt
        prepared = self._preparations.take(self._pod, name, attempt, self._image(name))
        plan = prepared or await self._planned(name, attempt)
        self._remarks.say(self._pod, plan.warnings)
        self._ledger.starting(name, attempt, plan.spec.id)
        try:
            running = await sandbox.start_container(command.id, plan.spec)
        except SandboxError as error:
            if unanswered(error) and self._link.sandbox is sandbox:
                await self._link.give_up(sandbox)  # it may run by now, and nobody would know
            reason, message = container_failure(error, plan.spec)
            return ContainerFailed(
                id=command.id,
                container=name,
                attempt=attempt,
                reason=reason,
                message=message,
                container_id=plan.spec.id if reason == "RunContainerError" else "",
            )
        self._ledger.started(name, attempt, running.pid)
        who = plan.spec.credentials
        return ContainerStarted(
            id=command.id,
            container=name,
            attempt=attempt,
            container_id=plan.spec.id,
            started=as_now(running.started),
            user=User(uid=who.uid, gid=who.gid, groups=who.groups),
        )

    def _image(self, container: str) -> ImageRoot:
        """Raises CreateError."""
        image = self._images.get(container) or self._preparations.image(self._specs[container])
        if isinstance(image, ImageProblem):  # gone since it was found
            raise CreateError(image.message)
        return image

    async def _planned(self, name: str, attempt: int) -> ContainerPlan:
        """The plan of an instance as things are now. Raises SandboxError, ConfigError, CreateError."""
        if self._plan is None:
            raise SandboxError("start container", errno.ESRCH, detail="there is no sandbox")
        container = self._specs[name]
        references = await referenced(container, self._pod.metadata.namespace or "", self._objects)
        return plan_container(
            self._pod,
            name,
            self._node,
            attempt=attempt,
            sandbox=self._plan,
            image=self._image(name),
            config_maps=references.config_maps,
            secrets=references.secrets,
            target=target_id(self._pod, container, self._ledger),
        )

    async def _exec_quietly(self, container: str, attempt: int, argv: tuple[str, ...], seconds: float) -> Process:
        """For a probe or hook: its output is the shim's to collect. One with a limit is a probe, whose end means
        nothing to anybody else: it ends with the connection, and costs one answer, not an answer, a record and its
        acknowledgement."""
        identity = self._ledger.identity(container, attempt)
        if identity is None or self._link.sandbox is None:
            raise SandboxError("find the container", errno.ESRCH)
        spec = plan_exec(
            identity, argv, timeout_ms=round(seconds * 1000), output_limit=MAX_OUTPUT, attached=seconds > 0
        )
        return await self._link.sandbox.exec(spec)

    async def _signal_container(self, command: SignalContainer) -> Event:
        identity = self._ledger.identity(command.container, command.attempt)
        if identity is not None and self._link.sandbox is not None:
            whole = command.signal == "KILL"
            await self._link.sandbox.signal(command.id, identity, signal_number(command.signal), whole=whole)
        return SignalSent(id=command.id, container=command.container, attempt=command.attempt)

    async def _remove_container(self, command: RemoveContainer) -> Event:
        identity = self._ledger.removed(command.container, command.attempt)
        try:
            if identity is None or self._link.sandbox is None:
                raise SandboxError("find the container", errno.ESRCH)
            await self._link.sandbox.remove_container(command.id, identity)
        except SandboxError as error:
            if error.step != "find the container":
                raise
            # An earlier shim's: only its log is left of it.
            await self._link.remove_log(command.container, command.attempt)
        return ContainerRemoved(id=command.id, container=command.container, attempt=command.attempt)

    async def _remove_pod(self, id: int) -> None:
        self._ledger.sandbox_ends()
        self._prober.sandbox_ends()
        await self._link.remove(id)
