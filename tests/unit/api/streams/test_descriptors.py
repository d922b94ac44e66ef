from __future__ import annotations

import asyncio
import os

import pytest

from nsrunner.api.streams.descriptors import ByteQueue, FdReader, FdWriter, Pipe

pytestmark = pytest.mark.asyncio


async def test_a_reader_reads_to_the_end() -> None:
    pipe = Pipe(inward=False)
    with FdReader(pipe.ours) as reader:
        reading = asyncio.ensure_future(reader.read())
        await asyncio.sleep(0)
        os.write(pipe.theirs, b"one")
        assert await reading == b"one"
        pipe.close_theirs()
        pipe.close_theirs()
        assert await reader.read() == b""


async def test_a_reader_does_not_wait_for_those_who_were_left_behind() -> None:
    pipe = Pipe(inward=False)
    with FdReader(pipe.ours) as reader:
        os.write(pipe.theirs, b"last")
        reader.finish()
        assert [await reader.read(), await reader.read()] == [b"last", b""]
    pipe.close_theirs()
    pipe = Pipe(inward=False)
    with FdReader(pipe.ours) as reader:
        reading = asyncio.ensure_future(reader.read())
        await asyncio.sleep(0)
        reader.finish()
        assert await reading == b""
    pipe.close_theirs()


async def test_a_writer_keeps_some_and_then_waits() -> None:
    pipe, data = Pipe(inward=True), os.urandom(3 << 20)
    os.set_blocking(pipe.theirs, False)
    with FdWriter(pipe.ours) as writer, FdReader(pipe.theirs) as reader:
        running = asyncio.ensure_future(writer.run())
        feeding = asyncio.ensure_future(_feed(writer, data))
        taken = await reader.read()
        assert not feeding.done()
        while piece := await reader.read():  # the end is passed on
            taken += piece
        await feeding
        await running
        assert taken == data


async def _feed(writer: FdWriter, data: bytes) -> None:
    for at in range(0, len(data), 32768):
        await writer.feed(data[at : at + 32768])
    writer.feed_end()


async def test_a_writer_whose_reader_is_gone_takes_everything() -> None:
    pipe = Pipe(inward=True)
    pipe.close_theirs()
    with FdWriter(pipe.ours) as writer:
        running = asyncio.ensure_future(writer.run())
        await asyncio.wait_for(_feed(writer, bytes(3 << 20)), 10)
        await running


async def test_a_queue() -> None:
    queue = ByteQueue()
    getting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    await queue.put(b"one")
    assert await getting == b"one"
    full = asyncio.ensure_future(queue.put(bytes(2 << 20)))
    await asyncio.sleep(0)
    assert not full.done()
    assert len(await queue.get()) == 2 << 20
    await full
    await queue.put(b"last")
    await queue.put(b"")
    await queue.put(b"after the end")
    assert [await queue.get(), await queue.get()] == [b"last", b""]
    queue.discard()
    assert await queue.get() == b""
