"""What the supervisor needs from others, as Protocols: it imports none of those that implement them.

``run`` and the library implement :class:`ObjectReader` from the given documents, the daemon from its store;
:mod:`nsrunner.sandbox.shim` implements :class:`Shims` and :class:`Sandbox`, :mod:`nsrunner.testing` fakes both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from nsrunner.lifecycle.events import Now
from nsrunner.model.types import ConfigMap, Pod, Secret
from nsrunner.sandbox.records import ContainerRunning, ExecResult, Record, SandboxCreated
from nsrunner.sandbox.spec import ContainerSpec, ExecSpec, SandboxSpec
from nsrunner.sandbox.state import RegisteredPod
from nsrunner.supervisor.events import KubeEvent

__all__ = ["Clock", "EventSink", "ObjectReader", "PodSource", "Process", "Sandbox", "Shims", "StatusSink"]


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
        """Something about the pod changed. Ask :meth:`Supervisor.status` when the status itself is wanted: computing
        it for each event would be waste. Called from the loop's thread; must not block."""
        ...


class EventSink(Protocol):
    def event(self, event: KubeEvent) -> None:
        """A Kubernetes Event was recorded, or counted up (same ``name``, higher ``count``). Must not block."""
        ...


class Process(Protocol):
    """An exec that runs."""

    @property
    def pid(self) -> int:
        """In the host's PID namespace."""
        ...

    @property
    def console(self) -> int | None:
        """The master of its pty (the caller closes it), with ``ExecSpec.tty`` only."""
        ...

    async def wait(self) -> ExecResult: ...

    def kill(self) -> Awaitable[None]:
        """The whole tree that it started."""
        ...

    def resize(self, rows: int, columns: int) -> Awaitable[None]: ...


class Sandbox(Protocol):
    """One pod's shim, as its controller sees it. Every call raises SandboxError when a step fails (step ``find the
    container`` for one that is gone) and when the connection is lost. A repeated ``id`` gets the first answer again.

    Each command is sent when the method is called, not when its result is awaited."""

    def create_sandbox(self, id: int, spec: SandboxSpec, /) -> Awaitable[SandboxCreated]: ...

    def stop_sandbox(self, id: int, attempt: int, /) -> Awaitable[None]:
        """Kills all that is left, then pause; returns when everything is reaped."""
        ...

    def start_container(self, id: int, spec: ContainerSpec, /) -> Awaitable[ContainerRunning]:
        """Returns when execve has succeeded."""
        ...

    def signal(self, id: int, container_id: str, signal: int, /, *, whole: bool) -> Awaitable[None]:
        """To the first process, or with ``whole`` to everything in its cgroup. No error when it is gone."""
        ...

    def remove_container(self, id: int, container_id: str, /) -> Awaitable[None]: ...

    def remove_pod(self, id: int, /) -> Awaitable[None]:
        """Everything that is left; the shim exits afterwards."""
        ...

    async def exec(self, spec: ExecSpec, *, stdio: tuple[int, int, int] | None = None) -> Process:
        """``stdio``: descriptors for its stdin, stdout, stderr, duplicated by the call."""
        ...

    def records(self) -> AsyncIterator[Record]:
        """Exits and deaths, those not yet acknowledged first; ends after a SandboxDeath with record 0, when the shim
        itself is gone. One iteration at a time."""
        ...

    def acknowledge(self, record: int) -> None: ...

    async def close(self) -> None:
        """Closes the connection; the shim goes on (or ends the pod, when this process is its owner)."""
        ...


class Shims(Protocol):
    """Makes shims. One of it per process: it holds the sealed copies of the two executables."""

    async def launch(self, pod: RegisteredPod) -> Sandbox:
        """Writes down whose the pod is (unless that is done), starts a shim for it, connects as its controller. Raises
        SandboxError; UsageError when the pod belongs to somebody else."""
        ...
