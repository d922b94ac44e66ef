"""A client of an exec or an attachment that came by SPDY: a stream for each of the channels."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final

from nsrunner.api.streams.channels import ERROR, RESIZE, STDERR, STDIN, STDOUT, Data, End
from nsrunner.api.streams.remote_status import encoded
from nsrunner.api.streams.spdy_session import SpdySession, SpdyStream

__all__ = ["REMOTE_PROTOCOLS", "SpdyPeer", "open_channels"]

REMOTE_PROTOCOLS: Final = {
    "v4.channel.k8s.io": 4,
    "v3.channel.k8s.io": 3,
    "v2.channel.k8s.io": 2,
    "channel.k8s.io": 1,
}
"""Versions by the values of X-Stream-Protocol-Version (apimachinery: remotecommand/constants.go)."""

_TYPES: Final = {"stdin": STDIN, "stdout": STDOUT, "stderr": STDERR, "error": ERROR, "resize": RESIZE}
_OPEN_SECONDS: Final = 30.0
"""For all streams to be opened (kubelet: DefaultStreamCreationTimeout)."""


async def open_channels(session: SpdySession, channels: Collection[int]) -> dict[int, SpdyStream] | None:
    """The streams of these channels, when the client has opened them all; None: it does not."""
    streams: dict[int, SpdyStream] = {}
    try:
        async with asyncio.timeout(_OPEN_SECONDS):
            while not streams.keys() >= set(channels):
                stream = await session.accept()
                if stream is None:
                    return None
                channel = _TYPES.get(stream.headers.get("streamtype", ""))
                if channel is None or channel in streams:
                    return None
                streams[channel] = stream
    except TimeoutError:
        return None
    return streams


class SpdyPeer:
    """Implements :class:`nsrunner.api.streams.peer.Peer`. Run :meth:`take` as a task beside."""

    def __init__(self, session: SpdySession, streams: dict[int, SpdyStream], version: int) -> None:
        self._session = session
        self._streams = streams
        self._version = version
        self._events: asyncio.Queue[Data | End | None] = asyncio.Queue(1)
        for channel, stream in streams.items():
            if channel not in (STDIN, RESIZE):
                stream.discard()

    async def take(self, running: asyncio.Future[None]) -> None:
        """Until ``running``, the session's task, ends."""
        readers = [
            asyncio.ensure_future(self._read(channel)) for channel in (STDIN, RESIZE) if channel in self._streams
        ]
        try:
            await asyncio.wait([running])
            await asyncio.gather(*readers)
            await self._events.put(None)
        finally:
            for reader in readers:
                reader.cancel()

    async def _read(self, channel: int) -> None:
        stream = self._streams[channel]
        while data := await stream.read():
            await self._events.put(Data(channel, data))
        await self._events.put(End(channel))

    async def receive(self) -> Data | End | None:
        return await self._events.get()

    async def send(self, channel: int, data: bytes) -> None:
        if (stream := self._streams.get(channel)) is not None:
            await stream.write(data)

    async def send_end(self, channel: int) -> None:
        if (stream := self._streams.get(channel)) is not None:
            await stream.close()

    async def finish(self, status: dict[str, Any]) -> None:
        """The client closes the connection when it has read all."""
        if data := encoded(status, self._version):
            await self.send(ERROR, data)
        for channel, stream in self._streams.items():
            if channel in (STDIN, RESIZE):
                stream.discard()
            await stream.close()
        await self._session.go_away()
