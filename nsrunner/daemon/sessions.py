"""Execs and attachments of the API's clients, as :class:`nsrunner.api.ports.StreamSession`."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from nsrunner.api.ports import Ended
from nsrunner.daemon.links import Link
from nsrunner.errors import SandboxError
from nsrunner.sandbox.session import Attachment, Exec

__all__ = ["AttachSession", "ExecSession"]

_SIZE_MAX: Final = 0xFFFF
"""A terminal's rows or columns (ioctl_tty(2): unsigned short)."""
_SLOW: Final = "error attaching to container: the client did not take what the container wrote"


class ExecSession:
    """A command that was started."""

    def __init__(self, link: Link, running: Exec) -> None:
        self._link = link
        self._running = running
        self._over = False
        self._console = -1
        if running.console is not None:
            self._console = running.console
            os.set_blocking(self._console, False)

    @property
    def console(self) -> int:
        return self._console

    async def ended(self) -> Ended:
        try:
            result = await self._running.result()
        except SandboxError as error:
            return Ended(error=f"error executing command in container: {error}")
        finally:
            self._over = True
        return Ended(exit_code=result.exit_code)

    async def resize(self, rows: int, columns: int) -> None:
        if self._console >= 0 and not self._over:
            await _quietly(self._running.resize(min(rows, _SIZE_MAX), min(columns, _SIZE_MAX)))

    async def close(self) -> None:
        try:
            if not self._over:  # what it left in the background stays: it belongs to the container
                await _quietly(self._running.kill())
        finally:
            await self._link.close()


class AttachSession:
    """Descriptors that are connected to a container. The shim ends an attachment when it sees them closed."""

    def __init__(self, link: Link, container_id: str, attachment: Attachment) -> None:
        self._link = link
        self._id = container_id
        self._attachment = attachment

    @property
    def console(self) -> int:
        return -1

    async def ended(self) -> Ended:
        try:
            reason = await self._attachment.ended()
        except SandboxError:
            return Ended()  # the shim went with the pod
        return Ended(error=_SLOW if reason == "slow" else "")

    async def resize(self, rows: int, columns: int) -> None:
        await _quietly(self._link.shim.resize(self._id, min(rows, _SIZE_MAX), min(columns, _SIZE_MAX)))

    async def close(self) -> None:
        await self._link.close()


async def _quietly(answer: asyncio.Future[None]) -> None:
    """What it was about may be gone already."""
    try:
        await answer
    except SandboxError:
        pass
