"""An exec or an attachment from its beginning to its end: bytes to and from the client, whoever of the two ends it.

The command is blocked by a client who does not take its output, and by nothing else; a client who vanishes takes the
command with it. An attachment never blocks its container: its shim lets go of a client who is too slow.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from typing import Any, Final

from nsrunner.api.errors import ApiError, internal
from nsrunner.api.ports import Ended, StreamSession
from nsrunner.api.streams.channels import RESIZE, STDERR, STDIN, STDOUT, End
from nsrunner.api.streams.descriptors import FdReader, FdWriter, Pipe
from nsrunner.api.streams.peer import Peer, Sizes, Wanted
from nsrunner.api.streams.remote_status import status_of

__all__ = ["IDLE_SECONDS", "Start", "run_remote"]

Start = Callable[[int, int, int], Awaitable[StreamSession]]
"""Begins the session with its ends of stdin, stdout and stderr (-1: not wanted)."""

IDLE_SECONDS: Final = 4 * 3600.0
"""Without a byte in either direction (kubelet: streamingConnectionIdleTimeout)."""
_LAST_SECONDS: Final = 600.0
"""For a client to take what was written before the end."""
_END_OF_FILE: Final = b"\x04"
"""What ends the input of a terminal in its usual settings (VEOF)."""


async def run_remote(peer: Peer, gone: asyncio.Future[None], wanted: Wanted, start: Start) -> None:
    """Returns when all is over. Raises ConnectionError when the client left before the end."""
    with ExitStack() as stack:
        remote = _Remote(peer, gone, wanted, stack)
        try:
            session = await remote.begin(start)
        except ApiError as error:
            await peer.finish(status_of(error))
            return
        except OSError as error:
            await peer.finish(status_of(internal(f"error executing command in container: {error.strerror}")))
            return
        try:
            end = await remote.run(session)
        finally:
            await asyncio.shield(session.close())
        async with asyncio.timeout(_LAST_SECONDS):
            await peer.finish(status_of(end))


class _Remote:
    """What it needs while it goes on. ``stack`` closes descriptors."""

    def __init__(self, peer: Peer, gone: asyncio.Future[None], wanted: Wanted, stack: ExitStack) -> None:
        self._peer = peer
        self._gone = gone
        self._wanted = wanted
        self._stack = stack
        self._readers: dict[int, FdReader] = {}
        self._stdin: FdWriter | None = None
        self._active = asyncio.get_running_loop().time()

    async def begin(self, start: Start) -> StreamSession:
        """Raises ApiError, OSError."""
        wanted = self._wanted
        with ExitStack() as given:
            ends = [-1, -1, -1]
            if not wanted.tty:
                for channel, asked in ((STDIN, wanted.stdin), (STDOUT, wanted.stdout), (STDERR, wanted.stderr)):
                    if asked:
                        pipe = self._pipe(channel)
                        given.callback(pipe.close_theirs)
                        ends[channel] = pipe.theirs
            session = await start(*ends)
        if session.console >= 0:
            self._terminal(session.console)
        return session

    def _pipe(self, channel: int) -> Pipe:
        pipe = Pipe(inward=channel == STDIN)
        if channel == STDIN:
            self._stdin = self._stack.enter_context(FdWriter(pipe.ours))
        else:
            self._readers[channel] = self._stack.enter_context(FdReader(pipe.ours))
        return pipe

    def _terminal(self, console: int) -> None:
        """Read and written by descriptors of their own: each closes its one."""
        self._readers[STDOUT] = self._stack.enter_context(FdReader(console))
        if self._wanted.stdin:
            self._stdin = self._stack.enter_context(FdWriter(os.dup(console)))

    async def run(self, session: StreamSession) -> Ended:
        """Raises ConnectionError."""
        ended = asyncio.ensure_future(session.ended())
        taking = asyncio.ensure_future(self._take(session))
        outputs = [asyncio.ensure_future(self._give(channel, reader)) for channel, reader in self._readers.items()]
        feeding = asyncio.ensure_future(self._stdin.run()) if self._stdin is not None else None
        every: list[asyncio.Future[Any]] = [ended, taking, *outputs, *([feeding] if feeding is not None else [])]
        try:
            await self._until(ended, taking, outputs)
            for reader in self._readers.values():
                reader.finish()
            if outputs:
                await self._last(outputs)
            return ended.result()
        finally:
            for task in every:
                task.cancel()
            await asyncio.gather(*every, return_exceptions=True)

    async def _until(
        self, ended: asyncio.Future[Ended], taking: asyncio.Future[None], outputs: Sequence[asyncio.Future[None]]
    ) -> None:
        """Waits for the end of the session. Raises ConnectionError when that of the client comes first."""
        loop = asyncio.get_running_loop()
        going = set(outputs)
        while not ended.done():
            left = self._active + IDLE_SECONDS - loop.time()
            if left <= 0:
                raise ConnectionAbortedError("nothing was sent for too long")
            waited: list[asyncio.Future[Any]] = [ended, taking, self._gone, *going]
            await asyncio.wait(waited, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in going if task.done()]:
                going.discard(task)
                task.result()
            if not ended.done() and (taking.done() or self._gone.done()):
                raise ConnectionResetError("the client is gone")

    async def _last(self, outputs: Sequence[asyncio.Future[None]]) -> None:
        """What was written before the end. Raises ConnectionError."""
        everything = asyncio.gather(*outputs)
        waited: list[asyncio.Future[Any]] = [everything, self._gone]
        try:
            await asyncio.wait(waited, timeout=_LAST_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not everything.done():
                raise ConnectionResetError("the client is gone")
            everything.result()
        finally:
            everything.cancel()

    async def _give(self, channel: int, reader: FdReader) -> None:
        while data := await reader.read():
            self._touch()
            await self._peer.send(channel, data)
        await self._peer.send_end(channel)

    async def _take(self, session: StreamSession) -> None:
        sizes = Sizes()
        while (event := await self._peer.receive()) is not None:
            self._touch()
            if isinstance(event, End):
                if event.channel == STDIN and self._stdin is not None:
                    if session.console >= 0:
                        await self._stdin.feed(_END_OF_FILE)
                    else:
                        self._stdin.feed_end()
            elif event.channel == STDIN and self._stdin is not None:
                await self._stdin.feed(event.data)
            elif event.channel == RESIZE and (size := sizes.feed(event.data)) is not None:
                await session.resize(*size)

    def _touch(self) -> None:
        self._active = asyncio.get_running_loop().time()
