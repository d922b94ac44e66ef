"""What the API asks of those who run the pods, as Protocols: it imports none of those that implement them.

Everything that passes is a value or a descriptor, no shared object: the HTTP side may one day be a process of its own.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from msgspec import Struct

__all__ = ["Ended", "Hooks", "LogFiles", "PodRef", "Runtime", "Stats", "StreamSession", "Usage"]


class PodRef(Struct, frozen=True):
    """Which pod is meant: the uid tells it from an earlier one of the same name."""

    namespace: str
    name: str
    uid: str
    """Of a mirror, that of the static pod that it shows."""


class Ended(Struct, frozen=True, kw_only=True):
    """How an exec or an attachment ended."""

    exit_code: int = 0
    """128 + signal for a process that a signal ended; of an exec only."""
    error: str = ""
    """What cut it off, in a sentence for the client; the exit code says nothing then."""


class Usage(Struct, frozen=True):
    """What was used so far, and what is held now."""

    cpu_seconds: float
    memory_bytes: int


class Stats(Struct, frozen=True, kw_only=True):
    """Of the machine, and of the containers that run, by pod and name."""

    node: Usage
    pods: Mapping[PodRef, Mapping[str, Usage]]


class StreamSession(Protocol):
    """An exec or an attachment that goes on."""

    @property
    def console(self) -> int:
        """The master of an exec's terminal, not blocking, which the caller closes; -1 without one."""
        ...

    async def ended(self) -> Ended: ...

    async def resize(self, rows: int, columns: int) -> None:
        """Of its terminal; without one nothing happens."""
        ...

    async def close(self) -> None:
        """To be called in any case, once: an exec that goes on is killed with all that it started, an attachment
        ends."""
        ...


class LogFiles(Struct, frozen=True, kw_only=True):
    """Where the log of one container instance is."""

    directory: str
    """Of the container: ``<attempt>.log`` and what was rotated."""
    attempt: int
    running: bool


class Runtime(Protocol):
    """The pods that run here. Raises :class:`nsrunner.api.errors.ApiError` with upstream's words where a container does
    not run or does not exist."""

    def check_running(self, pod: PodRef, container: str) -> None: ...

    async def exec(
        self, pod: PodRef, container: str, command: tuple[str, ...], *, stdin: int, stdout: int, stderr: int, tty: bool
    ) -> StreamSession:
        """Starts a command. The descriptors are pipe ends that stay the caller's; with ``tty`` there are none, but the
        session's console."""
        ...

    async def attach(self, pod: PodRef, container: str, *, stdin: int, stdout: int, stderr: int) -> StreamSession:
        """Connects pipe ends (-1: none), which stay the caller's, to the streams of the container's own process."""
        ...

    def log_files(self, pod: PodRef, container: str, *, previous: bool) -> LogFiles: ...

    async def log_ended(self, pod: PodRef, container: str, attempt: int) -> None:
        """Returns when the instance has ended, or the pod is gone."""
        ...

    async def dial(self, pod: PodRef, port: int) -> socket.socket:
        """A connected, non-blocking socket to ``localhost:port`` in the pod's network namespace."""
        ...

    async def stats(self) -> Stats:
        """What was used so far, for metrics.k8s.io."""
        ...


class Hooks(Protocol):
    """What the registry tells the daemon, after the store has taken the change. None may block."""

    def pod_written(self, pod: Mapping[str, Any], how: Literal["created", "updated", "ephemeral"]) -> None: ...

    def pod_deleted(self, pod: Mapping[str, Any], grace_seconds: int) -> None:
        """A graceful deletion has begun or was shortened. The object is finalised by ``Registry.finalize`` when nothing
        of the pod is left."""
        ...

    def condition_set(self, pod: Mapping[str, Any], condition: Mapping[str, Any]) -> None:
        """A custom condition came from outside (``PATCH pods/status``)."""
        ...
