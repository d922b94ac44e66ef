"""What runs in a container beside its own program: execs and attached streams, as the asyncio client sees them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nsrunner.errors import SandboxError
from nsrunner.sandbox import answers
from nsrunner.sandbox.records import ExecResult
from nsrunner.sandbox.wire import Message, Tag

if TYPE_CHECKING:
    from nsrunner.sandbox.shim import Shim

__all__ = ["Attachment", "Exec"]


class Exec:
    """A process that was started in a running container. Made by ``Shim.exec``."""

    def __init__(self, shim: Shim, command_id: int) -> None:
        self.command_id = command_id
        self.pid = 0
        """In the host's PID namespace; 0 with ``ExecSpec.attached``."""
        self.console: int | None = None
        """The master of its pty, which the caller closes; with ``ExecSpec.tty`` only."""
        self._shim = shim
        self._end: ExecResult | SandboxError | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def started(self, message: Message, fds: list[int]) -> Exec:
        """The shim's OK."""
        self.pid = message.number(Tag.PID)
        if fds:
            self.console = fds.pop(0)
        return self

    def finished(self, message: Message, fds: list[int]) -> None:
        """The shim's EXEC_FINISHED."""
        self._ended(answers.exec_result(message, fds))

    def lost(self, error: SandboxError) -> None:
        self._ended(error)

    def _ended(self, end: ExecResult | SandboxError) -> None:
        if self._end is None:
            self._end = end
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)

    async def result(self) -> ExecResult:
        """Waits for the end. Cancelling the wait does not end the exec; ``kill`` does. Bounded by
        ``ExecSpec.timeout_ms`` and by the container's life. Raises SandboxError when the shim is gone, and, of an exec
        with ``ExecSpec.attached``, when it could not be started."""
        if self._end is None:
            # A future of this call's own, which may be cancelled; asyncio.shield() would take a turn of the loop more.
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)
        assert self._end is not None
        if isinstance(self._end, SandboxError):
            raise self._end
        return self._end

    def resize(self, rows: int, columns: int) -> asyncio.Future[None]:
        return self._shim.resize(self, rows, columns)

    def kill(self) -> asyncio.Future[None]:
        """Kills the whole tree that the exec started."""
        return self._shim.kill_exec(self)


class Attachment:
    """Descriptors that are connected to a container's streams. Made by ``Shim.attach``."""

    def __init__(self) -> None:
        self._reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reason.add_done_callback(_retrieved)

    def finished(self, message: Message, fds: list[int]) -> None:
        """The shim's ATTACH_ENDED."""
        if not self._reason.done():
            self._reason.set_result(message.text(Tag.REASON))

    def lost(self, error: SandboxError) -> None:
        if not self._reason.done():
            self._reason.set_exception(error)

    async def ended(self) -> str:
        """Waits for the end: ``exited``, or ``slow`` when the reader did not keep up. Raises SandboxError."""
        return await asyncio.shield(self._reason)


def _retrieved(future: asyncio.Future[str]) -> None:
    """A session whose end nobody awaits is no error."""
    if not future.cancelled():
        future.exception()
