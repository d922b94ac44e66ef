"""Pod: one pod, for programs without an event loop of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Literal, Self, Unpack

from nsrunner.errors import UsageError
from nsrunner.library.aio import AsyncPod
from nsrunner.library.changing import CopyOptions
from nsrunner.library.items import ExecResult, PodEvent
from nsrunner.library.options import Options, RunOptions
from nsrunner.library.thread import LoopThread
from nsrunner.model.types import EphemeralContainer, PodStatus
from nsrunner.model.types import Pod as PodObject

__all__ = ["Pod"]


class Pod:
    """A pod that lives as long as its ``with`` block::

        with nsrunner.Pod.from_file("web.yaml") as pod:
            pod.wait("Ready", timeout=30)
            result = pod.exec("web", ["wget", "-qO-", "localhost:8080"])

    The block's end deletes the pod gracefully. When the process dies, by whatever means, so does the pod. The methods
    may be called from any thread, but not in a forked child (UsageError).
    """

    def __init__(self, pod: AsyncPod) -> None:
        """Use :meth:`from_file`, :meth:`from_yaml` or :meth:`from_dict`."""
        self._pod = pod
        self._thread: LoopThread | None = None

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
        return cls(AsyncPod.from_file(path, name, options=options, **keywords))

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
        return cls(AsyncPod.from_yaml(text, name, options=options, **keywords))

    @classmethod
    def from_dict(
        cls,
        *objects: Mapping[str, Any],
        name: str | None = None,
        options: RunOptions | None = None,
        **keywords: Unpack[Options],
    ) -> Self:
        """The same for objects as dicts: the pod, and the ConfigMaps and Secrets that it refers to."""
        return cls(AsyncPod.from_dict(*objects, name=name, options=options, **keywords))

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to run the pod, for those who cannot use ``with``; :meth:`close` is then theirs to call.

        Returns at once: :meth:`wait` waits. Raises PrivilegeError, HostError, UsageError.
        """
        if self._thread is not None:
            raise UsageError(f"pod {self.name} was started already")
        thread = LoopThread.acquire()
        try:
            thread.call(self._pod.start())
        except BaseException:
            thread.release()
            raise
        self._thread = thread

    def close(self, grace: int | None = None) -> None:
        """Deletes the pod and lets go of everything. May be called again. In a forked child: nothing."""
        thread, self._thread = self._thread, None
        if thread is None or thread.foreign:
            return
        try:
            closing = thread.submit(self._pod.close(grace))
            try:
                closing.result()
            except KeyboardInterrupt:
                # Asked twice: the end is immediate now, and still complete.
                thread.tell(lambda: self._pod.request_delete(0))
                closing.result()
                raise
        finally:
            thread.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def delete(self, grace: int | None = None) -> None:
        """Ends the pod: TERM, then KILL after ``grace`` seconds (None: the pod's own period), and removes all of it.
        Returns when nothing is left."""
        self._started().call(self._pod.delete(grace))

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._pod.name

    @property
    def namespace(self) -> str:
        return self._pod.namespace

    @property
    def uid(self) -> str:
        """Of this run; UsageError before it."""
        return self._pod.uid

    @property
    def status(self) -> PodStatus:
        """As the API would show it now. After the end: what it was then."""
        return self._pod.status

    @property
    def object(self) -> PodObject:
        """The whole Pod, with its present status."""
        return self._pod.object

    @property
    def ip(self) -> str:
        """status.podIP; empty until there is one."""
        return self._pod.ip

    def pid(self, container: str | None = None) -> int:
        """Of the container's first process, in the host's PID namespace. Raises UsageError when it does not run."""
        return self._pod.pid(container)

    # --- waiting, exec, events ----------------------------------------------------------------------------------------

    def wait(self, what: str, timeout: float | None = 60.0) -> PodStatus:
        """Waits for a phase (``Running``, ``Succeeded`` ...) or a condition (``Ready``, ``Initialized``, a readiness
        gate; ``Ready=False``), or for both of kubectl's spellings (``condition=Ready``, ``phase=Running``).

        Returns the status in which it was so, even when that was for an instant only. ``timeout`` is in seconds; None
        waits for ever. Raises PodFailed as soon as it can no longer become so, WaitTimeout, UsageError.
        """
        return self._started().call(self._pod.wait(what, timeout))

    def exec(
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
        return self._started().call(self._pod.exec(container, argv, input=input, env=env, timeout=timeout))

    def logs(
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
        logs = self._pod.logs(container, previous=previous, tail=tail, timestamps=timestamps)
        return self._started().call(logs)

    def follow(self, container: str | None = None, *, tail: int | None = None) -> Iterator[str]:
        """The lines of a container's present instance, those that were (``tail``: as many of them) and those that come,
        without newlines, long ones cut at 1 MiB; ends with the instance. Raises UsageError when it has not started."""
        yield from self._started().iterate(self._pod.follow(container, tail=tail))

    def events(self) -> Iterator[PodEvent]:
        """The pod's Kubernetes Events, those that were first; ends when the pod is removed. An event that repeats comes
        again with a higher ``count``."""
        yield from self._started().iterate(self._pod.events())

    # --- changes ------------------------------------------------------------------------------------------------------

    def set_condition(
        self, kind: str, status: Literal["True", "False", "Unknown"] = "True", *, reason: str = "", message: str = ""
    ) -> None:
        """Sets one of the pod's conditions, such as that of a readiness gate, which then may let the pod be Ready.

        Raises UsageError for a condition that nsrunner decides itself.
        """
        self._started().call(self._pod.set_condition(kind, status, reason=reason, message=message))

    def add_ephemeral_container(self, container: EphemeralContainer) -> None:
        """Adds a container to the running pod. It is started as soon as the pod has a sandbox, and never again.

        Raises ManifestError with everything that the API or this version would refuse, UsageError when the pod has
        ended.
        """
        self._started().call(self._pod.add_ephemeral_container(container))

    def debug(
        self,
        command: Sequence[str],
        *,
        image: str = "host",
        name: str | None = None,
        target: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = 60.0,
    ) -> str:
        """Adds an ephemeral container that runs ``command``, and returns its name when it runs, or has run already.

        ``target`` is the container whose processes it sees, ``name`` chosen when there is none. Its output is read like
        any container's. Raises ManifestError, UsageError; PodFailed when it cannot be started, with the reason;
        WaitTimeout.
        """
        debug = self._pod.debug(command, image=image, name=name, target=target, env=env, timeout=timeout)
        return self._started().call(debug)

    def copy(self, name: str, **changes: Unpack[CopyOptions]) -> Self:
        """Another pod, not started, to find out why this one does not work: without its probes, labels and annotations,
        its containers see each other's processes (``kubectl debug --copy-to``).

        ``command`` replaces that of ``container``, ``images`` their images, ``add`` is one more container. Raises
        ManifestError.
        """
        return type(self)(self._pod.copy(name, **changes))

    def _started(self) -> LoopThread:
        if self._thread is None:
            raise UsageError(f"pod {self.name} does not run: use it in a with block, or call start()")
        return self._thread
