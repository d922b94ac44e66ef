"""What the supervisor needs from others, as Protocols: it imports none of those that implement them.

``run`` and the library implement :class:`ObjectReader` from the given documents, the daemon from its store.
:class:`Shims` and :class:`Sandbox` are those of :mod:`nsrunner.sandbox.shim` in earnest, and those of
:mod:`nsrunner.testing.fake_sandbox` in tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from nsrunner.lifecycle.events import Now
from nsrunner.model.types import ConfigMap, Pod, Secret
from nsrunner.sandbox.records import ContainerRunning, ExecResult, Record, SandboxCreated, Snapshot
from nsrunner.sandbox.spec import ContainerSpec, ExecSpec, SandboxSpec
from nsrunner.sandbox.state import RegisteredPod
from nsrunner.supervisor.events import KubeEvent

__all__ = ["Clock", "EventSink", "Journal", "ObjectReader", "PodSource", "Process", "Sandbox", "Shims", "StatusSink"]


T = TypeVar("T")


def _no_news(silent: bool) -> None:
    """For whoever does not want to know."""


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> Now: ...


class PodSource(Protocol):
    """Where pods come from: each change is one call, in order."""

    def subscribe(
        self, *, added: Callable[[Pod], None], removed: Callable[[str, int | None], None]
    ) -> Callable[[], None]:
        """Calls ``added(pod)`` for every pod there is and each that comes, ``removed(uid, grace_seconds)`` for each
        that is to go. The returned function ends that."""
        ...


class ObjectReader(Protocol):
    """The objects that pods refer to. None: there is no such object."""

    async def config_map(self, namespace: str, name: str) -> ConfigMap | None: ...

    async def secret(self, namespace: str, name: str) -> Secret | None: ...


class StatusSink(Protocol):
    def pod_changed(self, uid: str) -> None:
        """Something about the pod changed. Ask the pod's task when the status itself is wanted: computing it for each
        event would be waste. Must not block."""
        ...


class EventSink(Protocol):
    def event(self, event: KubeEvent) -> None:
        """A Kubernetes Event was recorded, or counted up (same ``name``, higher ``count``); not ``published`` when the
        rate limit keeps it from the API. Must not block."""
        ...


class Journal(Protocol):
    """Where a pod's machine is saved before its commands are carried out, so that another process can carry on."""

    @property
    def problem(self) -> str:
        """Why something could not be written; empty when everything is."""
        ...

    def save(self, run_dir: str, value: Mapping[str, Any]) -> bool:
        """Whether it is written: it stays for whoever comes when this process is killed."""
        ...

    def save_object(self, run_dir: str, pod: Pod) -> bool:
        """The Pod itself: when it is accepted, and whenever it has changed. Whether it is written."""
        ...

    def forget(self, run_dir: str) -> None:
        """The pod is no more: what could not be written of it is no problem any longer."""
        ...


class Process(Protocol):
    """An exec that runs."""

    @property
    def pid(self) -> int:
        """In the host's PID namespace; 0 with ``ExecSpec.attached``."""
        ...

    async def result(self) -> ExecResult:
        """Waits for the end. Raises SandboxError when the shim is gone, and with ``ExecSpec.attached`` when it could
        not be started."""
        ...

    def kill(self) -> Awaitable[None]:
        """The whole tree that it started."""
        ...


class Sandbox(Protocol):
    """One pod's shim, as its controller sees it. Commands are sent when the method is called; each has the id that the
    machine chose. Every answer may be a SandboxError: of the step that failed, or that the shim is gone or has not
    answered within its time."""

    @property
    def snapshot(self) -> Snapshot:
        """What the shim held when the connection was made."""
        ...

    def create_sandbox(self, id: int, spec: SandboxSpec, /) -> Awaitable[SandboxCreated]: ...

    def stop_sandbox(self, id: int, attempt: int, /) -> Awaitable[None]:
        """Kills all that is left, then pause; answered when everything is reaped."""
        ...

    def prepare_container(self, spec: ContainerSpec, /, *, after: str = "") -> None:
        """A hint: this start will be asked for. What can be done before is done, at once or when the instance with the
        id ``after`` has ended by itself; when it fails or the start has another spec, nobody hears of it."""
        ...

    def forget_container(self, container_id: str, /) -> None:
        """What was prepared will not be asked for."""
        ...

    def start_container(self, id: int, spec: ContainerSpec, /) -> Awaitable[ContainerRunning]:
        """Answered when execve has succeeded."""
        ...

    def signal(self, id: int, container_id: str, signal: int, /, *, whole: bool) -> Awaitable[None]:
        """To the first process, or with ``whole`` (SIGKILL only) to everything in its cgroup. No error when it is
        gone."""
        ...

    def remove_container(self, id: int, container_id: str, /) -> Awaitable[None]: ...

    def remove_pod(self, id: int, /) -> Awaitable[None]:
        """Everything that is left; the shim exits afterwards."""
        ...

    async def exec(self, spec: ExecSpec, *, stdin: int = -1, stdout: int = -1, stderr: int = -1) -> Process:
        """The descriptors stay the caller's."""
        ...

    def records(self) -> AsyncIterator[Record]:
        """Exits and deaths, those not yet acknowledged first; ends after a SandboxDeath with record 0, when the shim
        itself is gone, and after close()."""
        ...

    def acknowledge(self, record: int) -> None: ...

    async def kill(self) -> None:
        """Ends a shim that does not answer any more, and what dies with it; the connection is closed."""
        ...

    async def close(self) -> None:
        """Closes the connection; the shim goes on, or ends the pod when this process is its owner."""
        ...


class Shims(Protocol):
    """Makes shims, and does what a shim would do where there is none."""

    async def launch(
        self, pod: RegisteredPod, first: Callable[[Sandbox], T], silence: Callable[[bool], None] = _no_news, /
    ) -> tuple[Sandbox, T]:
        """A new shim, connected as its controller; the pod's directories are registered before. ``first`` sends what
        comes first, without waiting for the shim; its result is handed on. ``silence`` is called with True when the
        shim, having been asked something, has not answered for a while, and with False when it does again. Raises
        SandboxError."""
        ...

    async def connect(self, pod: RegisteredPod, silence: Callable[[bool], None], /) -> Sandbox:
        """The shim of a pod that another process of the same owner launched; that one's connection ends, if there still
        is one. Waits for one that is silent. Raises SandboxError when there is none any more, or, with an errno of
        :data:`nsrunner.sandbox.transport.LACKS`, when it cannot be reached now."""
        ...

    def end(self, pod: RegisteredPod) -> None:
        """Kills a shim that :meth:`connect` waits for."""
        ...

    async def reap(self, pod: RegisteredPod) -> None:
        """After a shim's death: ends the processes that the kernel did not (those of hostPID pods)."""
        ...

    async def remove(self, pod: RegisteredPod) -> None:
        """Removes everything of a pod that has no shim. Raises SandboxError when something stays."""
        ...

    async def remove_log(self, pod: RegisteredPod, container: str, attempt: int) -> None:
        """The log of an instance that the present shim has never known."""
        ...
