"""AsyncPod: one pod, run on the event loop of the caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from os import PathLike, fspath
from types import TracebackType
from typing import Any, Self, Unpack

from nsrunner.errors import PodFailed, UsageError, WaitTimeout
from nsrunner.library.changing import Changing
from nsrunner.library.documents import Documents, from_mappings, load_objects
from nsrunner.library.engine import Engine
from nsrunner.library.execute import execute
from nsrunner.library.follow import find_attempt, follow_lines, log_directory, read_log
from nsrunner.library.items import ExecResult, PodEvent
from nsrunner.library.options import Options, RunOptions, run_options
from nsrunner.library.waiting import Goal, describe, parse_goal, reached, unreachable
from nsrunner.lifecycle.observer import Observer
from nsrunner.model import Object
from nsrunner.model.types import Pod as PodObject
from nsrunner.model.types import PodStatus
from nsrunner.supervisor.events import KubeEvent
from nsrunner.supervisor.pod import PodTask
from nsrunner.supervisor.publisher import Publisher

__all__ = ["AsyncPod"]


class AsyncPod(Changing):
    """A pod that lives as long as its ``async with`` block::

        async with AsyncPod.from_file("web.yaml") as pod:
            await pod.wait("Ready", timeout=30)
            result = await pod.exec("web", ["wget", "-qO-", "localhost:8080"])

    The block's end deletes the pod gracefully. When the process dies, by whatever means, so does the pod.
    All methods belong to the event loop on which it was started.
    """

    def __init__(self, documents: Documents, pod: PodObject, options: RunOptions) -> None:
        """Use :meth:`from_file`, :meth:`from_yaml` or :meth:`from_dict`."""
        self._documents = documents
        self._manifest = pod
        self._options = options
        self._engine: Engine | None = None
        self._task: PodTask | None = None
        self._publisher: Publisher | None = None
        self._listeners: set[Callable[[], None]] = set()
        self._event_listeners: dict[Callable[[PodEvent], None], bool] = {}
        """Whether each hears of those too that the rate limit holds back."""

    @classmethod
    def from_file(
        cls,
        path: str | PathLike[str],
        name: str | None = None,
        *,
        options: RunOptions | None = None,
        **keywords: Unpack[Options],
    ) -> Self:
        """The pod of a manifest file: the only one in it, or the one called ``name``. Its environment may refer to the
        ConfigMaps and Secrets of the same file.

        Options are given as an object or as keywords. Raises ManifestError, UsageError, OSError.
        """
        with open(path, "rb") as file:
            data = file.read()
        return cls._from_bytes(data, fspath(path), name, run_options(options, keywords))

    @classmethod
    def from_yaml(
        cls,
        text: str | bytes,
        name: str | None = None,
        *,
        options: RunOptions | None = None,
        **keywords: Unpack[Options],
    ) -> Self:
        """The same for the text of a manifest, YAML or JSON."""
        data = text.encode() if isinstance(text, str) else text
        return cls._from_bytes(data, "", name, run_options(options, keywords))

    @classmethod
    def from_dict(
        cls,
        *objects: Mapping[str, Any],
        name: str | None = None,
        options: RunOptions | None = None,
        **keywords: Unpack[Options],
    ) -> Self:
        """The same for objects as dicts: the pod, and the ConfigMaps and Secrets that it refers to."""
        chosen = run_options(options, keywords)
        return cls._from_objects(from_mappings(objects, "from_dict", chosen.namespace), name, chosen)

    @classmethod
    def _from_bytes(cls, data: bytes, source: str, name: str | None, options: RunOptions) -> Self:
        return cls._from_objects(load_objects(data, source, options.namespace), name, options)

    @classmethod
    def _from_objects(cls, objects: Sequence[Object], name: str | None, options: RunOptions) -> Self:
        documents = Documents(objects)
        return cls(documents, documents.pod(name), options)

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(
        self,
        *,
        changed: Callable[[], None] | None = None,
        event: Callable[[PodEvent], None] | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Begins to run the pod, for those who cannot use ``async with``; :meth:`close` is then theirs to call.

        ``changed`` is called whenever anything about the pod has changed, ``event`` with each Kubernetes Event, be it
        published or not, ``observer`` with all that the machine is told; none may block. Returns at once:
        :meth:`wait` waits. Raises PrivilegeError, HostError, UsageError.
        """
        if self._task is not None:
            raise UsageError(f"pod {self.name} was started already")
        if changed is not None:
            self._listeners.add(changed)
        if event is not None:
            self._event_listeners[event] = True
        engine = await Engine.acquire(self._options)
        try:
            pod = self._documents.accept(self._manifest, engine.node.name)
            self._task = engine.supervisor.add(
                pod,
                objects=self._documents,
                status=self,
                events=self,
                image_fallback=self._options.image_fallback,
                observer=observer,
            )
        except BaseException:
            await engine.release()
            raise
        self._engine = engine
        self._publisher = Publisher(self._task.registered.paths.run, lambda: self.object)

    async def close(self, grace: int | None = None) -> None:
        """Deletes the pod and lets go of everything. May be called again."""
        engine, self._engine = self._engine, None
        if engine is None:
            return
        try:
            await self.delete(self._options.grace_period if grace is None else grace)
        finally:
            if self._publisher is not None:
                self._publisher.close()
            await engine.release()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def delete(self, grace: int | None = None) -> None:
        """Ends the pod: TERM, then KILL after ``grace`` seconds (None: the pod's own period), and removes all of it.
        Returns when nothing is left. Cancelling it makes the end immediate."""
        task = self._running_task()
        self.request_delete(grace)
        try:
            await task.wait_removed()
        except asyncio.CancelledError:
            task.delete(0)
            raise

    @property
    def task(self) -> PodTask:
        """What the supervisor runs. Raises UsageError before the start."""
        return self._running_task()

    def request_delete(self, grace: int | None = None) -> None:
        """The same without waiting. A later request may only shorten the grace period."""
        task = self._running_task()
        if not task.removed:
            task.delete(grace)

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._manifest.metadata.name if self._task is None else self._task.pod.metadata.name

    @property
    def namespace(self) -> str:
        return self._manifest.metadata.namespace

    @property
    def uid(self) -> str:
        """Of this run; UsageError before it."""
        return self._running_task().registered.uid

    @property
    def started(self) -> bool:
        return self._task is not None

    @property
    def finished(self) -> bool:
        """Nothing of it runs, and nothing will. Its logs and volumes are there until it is deleted."""
        return self._running_task().finished

    @property
    def manifest(self) -> PodObject:
        """The pod as it was given, with defaults."""
        return self._manifest

    def like(self, pod: PodObject) -> Self:
        """Another pod with the same options and objects to refer to, not started."""
        return type(self)(self._documents, pod, self._options)

    @property
    def containers(self) -> tuple[str, ...]:
        """Names: init containers first, in the order of the spec; at last the ephemeral ones."""
        spec = self._manifest.spec if self._task is None else self._task.pod.spec
        everyone = (*spec.init_containers, *spec.containers, *spec.ephemeral_containers)
        return tuple(container.name for container in everyone)

    @property
    def status(self) -> PodStatus:
        """As the API would show it now. After the end: what it was then."""
        return self._running_task().status

    @property
    def object(self) -> PodObject:
        """The whole Pod, with its present status."""
        return self._running_task().object

    @property
    def ip(self) -> str:
        """status.podIP; empty until there is one."""
        return self.status.pod_ip or ""

    def pid(self, container: str | None = None) -> int:
        """Of the container's first process, in the host's PID namespace. Raises UsageError when it does not run."""
        name = self._container(container)
        live = self._running_task().running.get(name)
        if live is None:
            raise UsageError(f'container "{name}" in pod "{self.name}" is not running')
        return live.pid

    # --- waiting ------------------------------------------------------------------------------------------------------

    async def wait(self, what: str, timeout: float | None = 60.0) -> PodStatus:
        """Waits for a phase (``Running``, ``Succeeded`` ...) or a condition (``Ready``, ``Initialized``, a readiness
        gate; ``Ready=False``), or for both of kubectl's spellings (``condition=Ready``, ``phase=Running``).

        Returns the status in which it was so, even when that was for an instant only. ``timeout`` is in seconds; None
        waits for ever. Raises PodFailed as soon as it can no longer become so, WaitTimeout, UsageError.
        """
        task = self._running_task()
        goal = parse_goal(what, task.pod)
        done: asyncio.Future[PodStatus] = asyncio.get_running_loop().create_future()

        def look() -> None:
            if done.done():
                return
            phase, conditions = task.phase, task.conditions if goal.kind == "condition" else {}
            if reached(goal, phase, conditions):
                done.set_result(task.status)
            elif unreachable(goal, phase, conditions):
                done.set_exception(PodFailed(self._sentence(f"cannot reach {goal} any more", goal)))
            elif task.removed:
                done.set_exception(PodFailed(self._sentence(f"was deleted before it reached {goal}", goal)))

        look()
        self._listeners.add(look)
        try:
            async with asyncio.timeout(timeout):
                return await done
        except TimeoutError:
            raise WaitTimeout(self._sentence(f"did not reach {goal} within {timeout:g} s", goal)) from None
        finally:
            self._listeners.discard(look)

    def _sentence(self, what: str, goal: Goal) -> str:
        task = self._running_task()
        why = describe(task.status, task.events, ending=goal.name in ("Succeeded", "Failed"))
        return f"pod {self.namespace}/{self.name} {what}: {why}"

    # --- logs, exec, events -------------------------------------------------------------------------------------------

    async def exec(
        self,
        container: str | None,
        argv: Sequence[str],
        *,
        input: bytes | str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = 60.0,
    ) -> ExecResult:
        """Runs a command in a container (None: the only or default one) as its user, and returns how it ended.

        ``input`` is its standard input (none: /dev/null), ``env`` is added to the container's environment. After
        ``timeout`` seconds the command and all that it started are killed. A command that ends with a code other than
        0, or that does not exist, is no error. Raises UsageError when the container does not run, WaitTimeout,
        SandboxError.
        """
        if isinstance(argv, str) or not argv:
            raise UsageError("argv: a list of at least one string, the program first")
        return await execute(
            self._running_task(),
            self._container(container),
            tuple(argv),
            data=input.encode() if isinstance(input, str) else input,
            env=tuple(f"{name}={value}" for name, value in (env or {}).items()),
            timeout=timeout,
        )

    async def events(self) -> AsyncGenerator[PodEvent, None]:
        """The pod's Kubernetes Events, those that were first; ends when the pod is removed. An event that repeats comes
        again with a higher ``count``."""
        task = self._running_task()
        queue: asyncio.Queue[PodEvent | None] = asyncio.Queue()
        for past in task.events:
            queue.put_nowait(past)

        def look() -> None:
            if task.removed:
                queue.put_nowait(None)

        look()
        self._listeners.add(look)
        self._event_listeners[queue.put_nowait] = False
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            del self._event_listeners[queue.put_nowait]
            self._listeners.discard(look)

    async def logs(
        self,
        container: str | None = None,
        *,
        previous: bool = False,
        tail: int | None = None,
        timestamps: bool = False,
    ) -> str:
        """What a container (None: the only or default one) has written so far, both streams: its newest instance, with
        ``previous`` the one before. ``tail`` gives that many lines of the end. Empty when it has not started.

        Bytes that are not UTF-8 are replaced. Raises UsageError when there is no such container or instance.
        """
        task = self._running_task()
        name = self._container(container)
        if name not in self.containers:
            raise UsageError(f"container {name} is not valid for pod {self.name}: it has {', '.join(self.containers)}")
        attempt = find_attempt(task, name, previous=previous)
        if attempt is None:
            return ""
        return await asyncio.to_thread(read_log, log_directory(task, name), attempt, tail, timestamps)

    def follow(self, container: str | None = None, *, tail: int | None = None) -> AsyncGenerator[str, None]:
        """The lines of a container's present instance, those that were (``tail``: as many of them) and those that come,
        without newlines, long ones cut at 1 MiB; ends with the instance. Raises UsageError when it has not started."""
        return follow_lines(self._running_task(), self, self._container(container), tail_lines=tail)

    # --- ports: StatusSink, EventSink ---------------------------------------------------------------------------------

    def subscribe(self, look: Callable[[], None]) -> Callable[[], None]:
        """``look`` is called whenever anything about the pod has changed, from the loop; it must not block. The
        returned function ends that."""
        self._listeners.add(look)
        return lambda: self._listeners.discard(look)

    def pod_changed(self, uid: str) -> None:
        """Called by the supervisor."""
        for look in tuple(self._listeners):
            look()
        if self._publisher is not None and self._task is not None:
            if self._task.finished and self._task.deleted:
                self._publisher.close()  # its directory is being removed
            else:
                self._publisher.changed()

    def event(self, event: KubeEvent) -> None:
        """Called by the supervisor."""
        for listener, every in tuple(self._event_listeners.items()):
            if every or event.published:
                listener(event)

    def _running_task(self) -> PodTask:
        if self._task is None:
            raise UsageError(f"pod {self.name} was not started: use it in a with block, or call start()")
        return self._task

    def _container(self, name: str | None) -> str:
        """The container that is meant: kubectl's rules."""
        pod = self._running_task().pod
        default = pod.metadata.annotations.get("kubectl.kubernetes.io/default-container")
        return name or default or pod.spec.containers[0].name
