"""The one place that turns the machine's commands into effects, and the shim's records into events.

Every command ends in exactly one event, whatever happens: what fails, and even what is a bug here, becomes the failure
event of that command. Nothing here decides what happens next.
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from nsrunner.errors import SandboxError, UsageError
from nsrunner.lifecycle.commands import (
    AnsweredCommand,
    CreateSandbox,
    EnsureImage,
    RecordEvent,
    RemoveContainer,
    RemovePod,
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
)
from nsrunner.model.types import Container, Pod
from nsrunner.sandbox.records import ContainerExit, SandboxDeath
from nsrunner.sandbox.rootfs import ImageRoot
from nsrunner.sandbox.state import RegisteredPod
from nsrunner.supervisor.failures import container_failure, failure, sandbox_failure
from nsrunner.supervisor.images import ImageProblem, find_image
from nsrunner.supervisor.plan import (
    Node,
    PlanWarning,
    SandboxPlan,
    plan_container,
    plan_exec,
    plan_sandbox,
)
from nsrunner.supervisor.ports import ObjectReader, Process, Sandbox, Shims
from nsrunner.supervisor.references import referenced
from nsrunner.supervisor.termination import as_now, container_exited

__all__ = ["Performer", "RunningContainer"]

log = logging.getLogger(__name__)

_SIGNALS = {"TERM": signal.SIGTERM, "KILL": signal.SIGKILL}
_OWN_IDS = 1 << 62
"""Of commands that no machine asked for: above all ids that machines choose, below those of the client itself."""


@dataclass(frozen=True, slots=True)
class RunningContainer:
    """What an exec, a log reader or a test needs to know of a container's live instance."""

    attempt: int
    id: str
    pid: int
    """Of its first process, in the host's PID namespace."""


class Performer:
    """The effects of one pod.

    ``post`` takes the events, ``record`` the Kubernetes Events that come from plans; ``spawn`` runs a coroutine beside
    the caller, within the pod's task group.
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
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._pod = pod
        self._registered = registered
        self._node = node
        self._shims = shims
        self._objects = objects
        self._fallback_host = fallback_host
        self._post = post
        self._record = record
        self._spawn = spawn
        self._specs: dict[str, Container] = {
            container.name: container for container in (*pod.spec.init_containers, *pod.spec.containers)
        }
        self._sandbox: Sandbox | None = None
        self._plan: SandboxPlan | None = None
        self._attempt: int | None = None
        """Of the sandbox that stands; None when there is none."""
        self._images: dict[str, ImageRoot] = {}
        self._ids: dict[tuple[str, int], str] = {}
        self._running: dict[str, RunningContainer] = {}
        self._instances: dict[tuple[str, int], bool] = {}
        self._warned: set[PlanWarning] = set()
        self._own_ids = itertools.count(_OWN_IDS)

    # --- for others than the machine ----------------------------------------------------------------------------------

    @property
    def running(self) -> Mapping[str, RunningContainer]:
        """The live instances by container name."""
        return self._running

    @property
    def instances(self) -> Mapping[tuple[str, int], bool]:
        """All instances whose logs are there, by container and attempt: whether they run."""
        return self._instances

    async def exec(
        self, container: str, argv: tuple[str, ...], *, env: tuple[str, ...], stdin: int, stdout: int, stderr: int
    ) -> Process:
        """Starts a command in a running container. Raises UsageError when it does not run, SandboxError."""
        live = self._running.get(container)
        if live is None or self._sandbox is None:
            name = self._pod.metadata.name
            if container not in self._specs:
                raise UsageError(f"container {container} is not valid for pod {name}: it has {', '.join(self._specs)}")
            raise UsageError(f'container "{container}" in pod "{name}" is not running')
        spec = plan_exec(live.id, argv, env=env)
        return await self._sandbox.exec(spec, stdin=stdin, stdout=stdout, stderr=stderr)

    async def kill(self) -> None:
        """KILL to all that runs, now. The ends arrive as events, like any others."""
        sandbox = self._sandbox
        for live in tuple(self._running.values()):
            if sandbox is None:
                return
            try:
                await sandbox.signal(next(self._own_ids), live.id, signal.SIGKILL, whole=True)
            except SandboxError as error:
                log.warning("pod %s: %s", self._registered.uid, error)

    async def destroy(self) -> None:
        """Ends and removes everything, whatever the machine thinks. Raises SandboxError when something stays."""
        await self._remove_pod(next(self._own_ids))

    async def detach(self) -> None:
        """Lets go of the shim, which decides by the pod's owner what becomes of the pod."""
        if self._sandbox is not None:
            await self._sandbox.close()

    # --- commands -----------------------------------------------------------------------------------------------------

    def at_once(self, command: AnsweredCommand) -> Event | None:
        """The answer to a command that takes no time; None: give it to :meth:`perform`."""
        if not isinstance(command, EnsureImage):
            return None
        try:
            return self._ensure_image(command)
        except Exception as error:  # noqa: BLE001 - a bug here is this command's failure, not the pod's task's
            return failure(command, error, self._registered.uid)

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
        plan = plan_sandbox(self._pod, self._node, owner=self._registered.owner, attempt=command.attempt)
        self._warn(plan.warnings)
        sandbox = self._sandbox
        try:
            if sandbox is None:
                sandbox = self._sandbox = await self._shims.launch(self._registered)
                self._spawn(self._take_records(sandbox))
            await sandbox.create_sandbox(command.id, plan.spec)
        except SandboxError as error:
            if sandbox is not None and error.errno == errno.ETIMEDOUT:
                await self._give_up(sandbox)
            reason, message = sandbox_failure(error, plan.spec)
            return SandboxFailed(id=command.id, attempt=command.attempt, reason=reason, message=message)
        self._plan = plan
        self._attempt = command.attempt
        pod_ip = "" if self._pod.spec.host_network else next(iter(plan.pod_ips), "")
        return SandboxReady(id=command.id, attempt=command.attempt, pod_ip=pod_ip)

    async def _stop_sandbox(self, command: StopSandbox) -> Event:
        self._attempt = None  # from here on its death is no news
        sandbox = self._sandbox
        if sandbox is not None:
            try:
                await sandbox.stop_sandbox(command.id, command.attempt)
            except SandboxError:
                await self._give_up(sandbox)
        self._running.clear()
        return SandboxStopped(id=command.id, attempt=command.attempt)

    def _ensure_image(self, command: EnsureImage) -> Event:
        container = self._specs[command.container]
        found = find_image(
            container.image or "",
            container.image_pull_policy,
            facts=self._node.facts,
            roots=self._node.roots,
            fallback_host=self._fallback_host,
        )
        if isinstance(found, ImageProblem):
            return ImageFailed(id=command.id, container=command.container, reason=found.reason, message=found.message)
        self._images[command.container] = found
        return ImageReady(id=command.id, container=command.container, image_id=found.image_id)

    async def _start_container(self, command: StartContainer) -> Event:
        if self._plan is None or self._sandbox is None:
            raise SandboxError("start container", errno.ESRCH, detail="there is no sandbox")
        container = self._specs[command.container]
        sandbox = self._sandbox
        references = await referenced(container, self._pod.metadata.namespace or "", self._objects)
        plan = plan_container(
            self._pod,
            command.container,
            self._node,
            attempt=command.attempt,
            sandbox=self._plan,
            image=self._images[command.container],
            config_maps=references.config_maps,
            secrets=references.secrets,
        )
        self._warn(plan.warnings)
        self._ids[command.container, command.attempt] = plan.spec.id
        try:
            running = await sandbox.start_container(command.id, plan.spec)
        except SandboxError as error:
            if error.errno == errno.ETIMEDOUT and self._sandbox is sandbox:
                await self._give_up(sandbox)  # it may run by now, and nobody would know
            reason, message = container_failure(error, plan.spec)
            return ContainerFailed(
                id=command.id,
                container=command.container,
                attempt=command.attempt,
                reason=reason,
                message=message,
                container_id=plan.spec.id if reason == "RunContainerError" else "",
            )
        if self._instances.setdefault((command.container, command.attempt), True):  # not ended before the answer
            self._running[command.container] = RunningContainer(command.attempt, plan.spec.id, running.pid)
        return ContainerStarted(
            id=command.id,
            container=command.container,
            attempt=command.attempt,
            container_id=plan.spec.id,
            started=as_now(running.started),
        )

    async def _signal_container(self, command: SignalContainer) -> Event:
        identity = self._ids.get((command.container, command.attempt))
        if identity is not None and self._sandbox is not None:
            whole = command.signal == "KILL"
            await self._sandbox.signal(command.id, identity, _SIGNALS[command.signal], whole=whole)
        return SignalSent(id=command.id, container=command.container, attempt=command.attempt)

    async def _remove_container(self, command: RemoveContainer) -> Event:
        identity = self._ids.pop((command.container, command.attempt), None)
        self._instances.pop((command.container, command.attempt), None)
        try:
            if identity is None or self._sandbox is None:
                raise SandboxError("find the container", errno.ESRCH)
            await self._sandbox.remove_container(command.id, identity)
        except SandboxError as error:
            if error.step != "find the container":
                raise
            # An earlier shim's: only its log is left of it.
            await self._shims.remove_log(self._registered, command.container, command.attempt)
        return ContainerRemoved(id=command.id, container=command.container, attempt=command.attempt)

    async def _remove_pod(self, id: int) -> None:
        self._attempt = None
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            try:
                await sandbox.remove_pod(id)
            except SandboxError:
                await sandbox.close()
            else:
                return
        await self._shims.remove(self._registered)

    async def _give_up(self, sandbox: Sandbox) -> None:
        """A shim that does not answer: everything of it dies, and the next sandbox gets a new one."""
        if self._sandbox is sandbox:
            self._sandbox = None
        await sandbox.close()
        await self._reap()
        self._lost()

    async def _reap(self) -> None:
        try:
            await self._shims.reap(self._registered)
        except SandboxError as error:
            log.error("pod %s: %s", self._registered.uid, error)

    def _lost(self) -> None:
        """The sandbox is gone with everything in it. Tells the machine, unless it knows."""
        self._running.clear()
        self._instances = dict.fromkeys(self._instances, False)
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            self._post(SandboxDied(attempt=attempt))

    def _warn(self, warnings: tuple[PlanWarning, ...]) -> None:
        """Each once in the pod's life."""
        for warning in warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                path = self._field_path(warning.container) if warning.container else ""
                self._record(
                    RecordEvent(type="Warning", reason=warning.reason, message=warning.message, field_path=path)
                )

    def _field_path(self, container: str) -> str:
        init = any(container == each.name for each in self._pod.spec.init_containers)
        return f"spec.{'initContainers' if init else 'containers'}{{{container}}}"

    # --- records ------------------------------------------------------------------------------------------------------

    async def _take_records(self, sandbox: Sandbox) -> None:
        """Events from the shim's records, in their order, until the shim is gone."""
        async for record in sandbox.records():
            match record:
                case ContainerExit():
                    self._post(await self._exited(record))
                    sandbox.acknowledge(record.record)
                case SandboxDeath(record=0):
                    if self._sandbox is sandbox:
                        self._sandbox = None
                        await self._reap()
                        self._lost()
                case SandboxDeath():
                    if self._attempt == record.attempt:
                        self._lost()
                    sandbox.acknowledge(record.record)
                case _:
                    assert_never(record)

    async def _exited(self, record: ContainerExit) -> Event:
        live = self._running.get(record.name)
        if live is not None and live.id == record.container_id:
            del self._running[record.name]
        self._instances[record.name, record.attempt] = False
        policy = self._specs[record.name].termination_message_policy
        return await container_exited(record, policy, os.path.join(self._registered.paths.logs, record.name))
