"""The supervisor's side of one shim: an asyncio client of its socket.

``Shim.launch`` starts a shim, ``Shim.connect`` reaches one that runs. Every command is *sent when the method is called*
and answered through the future that the method returns, so that commands can be sent one after the other without
waiting (``create_sandbox`` and then ``start_container``). All futures have a deadline; a shim that dies fails them all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from nsrunner.sandbox.records import ContainerRunning, ExecResult, Record, SandboxCreated, Snapshot
from nsrunner.sandbox.spec import ContainerSpec, ExecSpec, SandboxSpec

__all__ = ["Exec", "Shim"]


class Exec:
    """A process that was started in a running container."""

    id: int
    pid: int
    """In the host's PID namespace."""
    master: int
    """Descriptor of the pty's master with ``ExecSpec.tty``, -1 otherwise. Closed by close() unless detached."""

    def detach_master(self) -> int:
        """Hands the master over to the caller, who closes it."""
        raise NotImplementedError

    async def result(self, timeout: float | None = None) -> ExecResult:
        """Waits for the end; acknowledges it. The seconds default to the spec's own limit plus a margin."""
        raise NotImplementedError

    def resize(self, rows: int, columns: int) -> asyncio.Future[None]:
        raise NotImplementedError

    def kill(self) -> asyncio.Future[None]:
        """Kills the whole tree that the exec started."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class Attachment:
    """Streams that are attached to a container's."""

    async def ended(self) -> str:
        """``exited`` or ``slow``."""
        raise NotImplementedError


class Shim:
    snapshot: Snapshot
    """What the shim held when the connection was made."""
    closed: bool

    @classmethod
    async def launch(cls, run_dir: str, *, timeout: float = 10.0) -> Shim:
        """Makes ``run_dir`` (0700) if need be, starts a shim that serves ``<run_dir>/shim.sock``, connects as controller.

        Raises SandboxError, PrivilegeError.
        """
        raise NotImplementedError

    @classmethod
    async def connect(cls, run_dir: str, *, controller: bool = False, timeout: float = 10.0) -> Shim:
        """Connects to the shim that serves ``run_dir``. Raises SandboxError."""
        raise NotImplementedError

    def create_sandbox(
        self, spec: SandboxSpec, *, id: int | None = None, timeout: float = 60.0
    ) -> asyncio.Future[SandboxCreated]:
        raise NotImplementedError

    def stop_sandbox(self, attempt: int, *, id: int | None = None, timeout: float = 60.0) -> asyncio.Future[None]:
        """Kills all that is left, then pause; the volumes stay."""
        raise NotImplementedError

    def start_container(
        self, spec: ContainerSpec, *, id: int | None = None, timeout: float = 120.0
    ) -> asyncio.Future[ContainerRunning]:
        raise NotImplementedError

    def signal(
        self, container_id: str, signal: int, *, whole: bool = False, id: int | None = None, timeout: float = 10.0
    ) -> asyncio.Future[None]:
        """To the first process, or with ``whole`` to everything in the instance. Succeeds when it is gone already."""
        raise NotImplementedError

    def remove_container(
        self, container_id: str, *, id: int | None = None, timeout: float = 60.0
    ) -> asyncio.Future[None]:
        raise NotImplementedError

    def remove_pod(self, *, id: int | None = None, timeout: float = 60.0) -> asyncio.Future[None]:
        """Removes all that is left; the shim then exits (its SandboxDeath with record 0 follows in ``records``)."""
        raise NotImplementedError

    async def exec(
        self,
        spec: ExecSpec,
        *,
        stdin: int = -1,
        stdout: int = -1,
        stderr: int = -1,
        id: int | None = None,
        timeout: float = 30.0,
    ) -> Exec:
        """Starts a process in a container; ``timeout`` bounds the start only. Descriptors stay the caller's; pass all
        three, or none with ``tty`` or ``output_limit``."""
        raise NotImplementedError

    async def attach(
        self, container_id: str, *, stdin: int = -1, stdout: int = -1, stderr: int = -1, timeout: float = 10.0
    ) -> Attachment:
        raise NotImplementedError

    def resize(
        self, container_id: str, rows: int, columns: int, *, timeout: float = 10.0
    ) -> asyncio.Future[None]:
        raise NotImplementedError

    async def list(self, *, timeout: float = 10.0) -> Snapshot:
        raise NotImplementedError

    async def open_volume(self, name: str, *, timeout: float = 10.0) -> int:
        """A descriptor (O_PATH) of the volume's directory; the caller closes it."""
        raise NotImplementedError

    def records(self) -> AsyncIterator[Record]:
        """ContainerExit and SandboxDeath as they come; ends after ``SandboxDeath(record=0)``, which says that the
        connection is gone. One consumer at a time. Each must be acknowledged (except record 0)."""
        raise NotImplementedError

    def acknowledge(self, record: int) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        """Closes the connection. What the shim does then depends on the pod's owner."""
        raise NotImplementedError
