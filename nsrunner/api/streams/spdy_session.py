"""A SPDY connection of a client, over any carrier: its streams, as tasks read and write them."""

from __future__ import annotations

import asyncio
from typing import Final

from nsrunner.api.streams.carriers import Carrier
from nsrunner.api.streams.spdy.connection import (
    CANCEL,
    Connection,
    DataReceived,
    Event,
    StreamEnded,
    StreamOpened,
    StreamReset,
)
from nsrunner.api.streams.spdy.frames import SpdyError

__all__ = ["SpdySession", "SpdyStream"]

_KEPT: Final = 256 << 10
"""Bytes that are kept for a reader; more of them hold up the whole connection, as the clients have no windows."""


class SpdyStream:
    """One stream that the client opened."""

    def __init__(self, session: SpdySession, number: int, headers: dict[str, str]) -> None:
        self.headers = headers
        """By lower-case names."""
        self.number = number
        self._session = session
        self._kept = bytearray()
        self._ended = False
        self._discards = False
        self._news = asyncio.Event()
        self.room = asyncio.Event()
        """Not too much is kept."""
        self.room.set()

    async def read(self) -> bytes:
        """The next bytes; empty at the end, and when the connection is lost."""
        while not self._kept and not self._ended:
            self._news.clear()
            await self._news.wait()
        data, self._kept = bytes(self._kept), bytearray()
        self.room.set()
        await self._session.consumed(self.number, len(data))
        return data

    async def write(self, data: bytes) -> None:
        """Raises ConnectionError."""
        await self._session.send(self.number, data)

    async def close(self) -> None:
        """Nothing more is sent. Raises ConnectionError."""
        await self._session.send(self.number, b"", fin=True)

    def discard(self) -> None:
        """Nobody reads it any more; what comes is dropped."""
        self._discards = True
        self._kept.clear()
        self.room.set()

    # --- the session's side -------------------------------------------------------------------------------------------

    def arrived(self, data: bytes) -> None:
        if self._discards:
            return
        self._kept += data
        self._news.set()
        if len(self._kept) > _KEPT:
            self.room.clear()

    def ended(self) -> None:
        self._ended = True
        self._news.set()
        self.room.set()


class SpdySession:
    """:meth:`run` is the task that reads; the rest is for others."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._connection = Connection(server=True)
        self._streams: dict[int, SpdyStream] = {}
        self._accepted: asyncio.Queue[SpdyStream | None] = asyncio.Queue()
        self._sending = asyncio.Lock()
        self._moved = asyncio.Condition()
        self._over = False

    async def run(self) -> None:
        """Until the client closes the connection, or breaks the protocol."""
        try:
            while data := await self._carrier.read():
                for event in self._connection.receive(data):
                    await self._take(event)
                await self._flush()
                async with self._moved:
                    self._moved.notify_all()
        except (SpdyError, ConnectionError):
            pass  # the connection is closed, which is all that can be said
        finally:
            self._over = True
            for stream in self._streams.values():
                stream.ended()
            self._accepted.put_nowait(None)
            async with self._moved:
                self._moved.notify_all()

    async def _take(self, event: Event) -> None:
        match event:
            case StreamOpened(number, headers):
                self._streams[number] = stream = SpdyStream(self, number, headers)
                self._connection.reply(number)
                self._accepted.put_nowait(stream)
            case DataReceived(number, data):
                if (known := self._streams.get(number)) is not None:
                    known.arrived(data)
                    if not known.room.is_set():
                        await self._flush()  # what was answered already must not wait for a slow reader
                        await known.room.wait()
            case StreamEnded(number) | StreamReset(number):
                if (known := self._streams.pop(number, None)) is not None:
                    known.ended()

    async def accept(self) -> SpdyStream | None:
        """The next stream that the client opens; None: there will be no more."""
        stream = await self._accepted.get()
        if stream is None:
            self._accepted.put_nowait(None)
        return stream

    async def send(self, number: int, data: bytes, *, fin: bool = False) -> None:
        """Waits while the client does not keep up. Raises ConnectionError."""
        self._connection.send(number, data, fin=fin)
        await self._flush()
        if self._connection.waiting(number):
            async with self._moved:
                await self._moved.wait_for(lambda: self._over or not self._connection.waiting(number))
        if self._over:
            raise ConnectionResetError("the client is gone")

    async def reset(self, number: int, status: int = CANCEL) -> None:
        """Ends a stream in both directions. Raises ConnectionError."""
        self._connection.reset(number, status)
        if (known := self._streams.pop(number, None)) is not None:
            known.ended()
        await self._flush()

    async def consumed(self, number: int, size: int) -> None:
        self._connection.consumed(number, size)
        if not self._over:
            await self._flush()

    async def go_away(self) -> None:
        """Raises ConnectionError."""
        self._connection.go_away()
        await self._flush()

    async def _flush(self) -> None:
        async with self._sending:
            if data := self._connection.outgoing():
                await self._carrier.write(data)
