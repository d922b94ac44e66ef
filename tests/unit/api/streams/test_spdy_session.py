from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from nsrunner.api.streams.channels import ERROR, STDIN, STDOUT, Data, End
from nsrunner.api.streams.spdy.connection import (
    Connection,
    DataReceived,
    Event,
    GoneAway,
    StreamEnded,
    StreamReset,
)
from nsrunner.api.streams.spdy.frames import WindowUpdate, encode
from nsrunner.api.streams.spdy_peer import SpdyPeer, open_channels
from nsrunner.api.streams.spdy_session import SpdySession

pytestmark = pytest.mark.asyncio


class Client:
    """A SPDY client, and the carrier of the server's session."""

    def __init__(self) -> None:
        self.spdy = Connection(server=False)
        self._to_server: asyncio.Queue[bytes] = asyncio.Queue()
        self.events: list[Event] = []
        self._news = asyncio.Condition()

    async def read(self) -> bytes:
        return await self._to_server.get()

    async def write(self, data: bytes) -> None:
        self.events += self.spdy.receive(data)
        async with self._news:
            self._news.notify_all()

    async def took(self, stream: int, size: int) -> None:
        async with self._news:
            await self._news.wait_for(lambda: len(self.data(stream)) >= size)

    def flush(self, extra: bytes = b"") -> None:
        if data := self.spdy.outgoing() + extra:
            self._to_server.put_nowait(data)

    def close(self) -> None:
        self._to_server.put_nowait(b"")

    def data(self, stream: int) -> bytes:
        return b"".join(
            event.data for event in self.events if isinstance(event, DataReceived) and event.stream == stream
        )


@asynccontextmanager
async def session() -> AsyncIterator[tuple[Client, SpdySession, asyncio.Task[None]]]:
    client = Client()
    running = SpdySession(client)
    task = asyncio.ensure_future(running.run())
    yield client, running, task
    client.close()
    await asyncio.wait_for(task, 10)


async def test_streams_both_ways() -> None:
    async with session() as (client, server, _):
        number = client.spdy.open([("streamType", "data")])
        client.spdy.send(number, b"question", fin=True)
        client.flush()
        stream = await server.accept()
        assert stream is not None
        assert stream.headers == {"streamtype": "data"}
        assert [await stream.read(), await stream.read()] == [b"question", b""]
        await stream.write(b"answer")
        await stream.close()
        assert client.events == [DataReceived(number, b"answer"), StreamEnded(number)]
        await server.go_away()
        assert client.events[-1] == GoneAway()


async def test_the_end_of_the_connection_ends_all() -> None:
    async with session() as (client, server, task):
        client.spdy.open([])
        client.flush()
        stream = await server.accept()
        assert stream is not None
        reading = asyncio.ensure_future(stream.read())
        client.close()
        await task
        assert await reading == b""
        assert await server.accept() is None
        assert await server.accept() is None
        with pytest.raises(ConnectionResetError):
            await stream.write(b"late")


async def test_nonsense_ends_the_connection() -> None:
    async with session() as (client, server, task):
        client.flush(b"GET / HTTP/1.1\r\n\r\n")
        await asyncio.wait_for(task, 10)
        assert await server.accept() is None


async def test_a_window_holds_a_writer_back() -> None:
    async with session() as (client, server, _):
        number = client.spdy.open([])
        client.flush(encode(WindowUpdate(number, 1)))
        stream = await server.accept()
        assert stream is not None
        writing = asyncio.ensure_future(stream.write(bytes(100_000)))
        await client.took(number, 65_536)
        assert not writing.done()
        client.flush(encode(WindowUpdate(number, 50_000)) + encode(WindowUpdate(0, 50_000)))
        await asyncio.wait_for(writing, 10)
        assert len(client.data(number)) == 100_000


async def test_a_reader_who_is_slow_holds_the_connection_up() -> None:
    async with session() as (client, server, _):
        number = client.spdy.open([])
        for _ in range(100):
            client.spdy.send(number, bytes(10_000))
            client.flush()
        stream = await server.accept()
        assert stream is not None
        taken = 0
        while taken < 1_000_000:
            data = await stream.read()
            assert 0 < len(data) < 400_000
            taken += len(data)
        stream.discard()
        client.spdy.send(number, bytes(1_000_000))
        client.flush()
        other = client.spdy.open([])
        client.flush()
        assert (found := await server.accept()) is not None
        assert found.number == other
        await server.reset(other)
        assert isinstance(client.events[-1], StreamReset)


async def test_the_channels_of_a_command() -> None:
    async with session() as (client, server, task):
        numbers = {name: client.spdy.open([("streamType", name)]) for name in ("error", "stdin", "stdout")}
        client.spdy.send(numbers["stdin"], b"words", fin=True)
        client.flush()
        streams = await open_channels(server, [ERROR, STDIN, STDOUT])
        assert streams is not None
        peer = SpdyPeer(server, streams, 4)
        taking = asyncio.ensure_future(peer.take(task))
        assert [await peer.receive(), await peer.receive()] == [Data(STDIN, b"words"), End(STDIN)]
        await peer.send(STDOUT, b"out")
        await peer.send_end(STDOUT)
        await peer.finish({"status": "Success"})
        assert client.data(numbers["stdout"]) == b"out"
        assert client.data(numbers["error"]) == b'{"status":"Success"}'
        client.close()
        assert await asyncio.wait_for(peer.receive(), 10) is None
        await taking


@pytest.mark.parametrize("names", [["error", "error"], ["error", "other"], ["error"]])
async def test_channels_that_are_not_those_of_a_command(names: list[str]) -> None:
    async with session() as (client, server, _):
        for name in names:
            client.spdy.open([("streamType", name)])
        client.flush()
        opening = asyncio.ensure_future(open_channels(server, [ERROR, STDOUT]))
        await asyncio.sleep(0)
        client.close()
        assert await asyncio.wait_for(opening, 10) is None
