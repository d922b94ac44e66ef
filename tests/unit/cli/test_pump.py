from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from nsrunner.cli.pump import ERR, OUT, Pump


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe2(os.O_CLOEXEC)
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    yield read, write
    # A writer that still waits for room learns that nobody reads; it must not find another pipe behind the same number.
    for fd in (read, write):
        try:
            os.close(fd)
        except OSError:
            pass
        for thread in threading.enumerate():
            if thread.name == "output":
                thread.join(10)


def test_chunks_keep_their_order(pipe: tuple[int, int]) -> None:
    read, write = pipe

    async def session() -> None:
        pump = Pump({OUT: write, ERR: write})
        await pump.put(OUT, b"one ")
        pump.put_now(ERR, b"two ")
        await pump.put(OUT, b"three")
        await pump.drain()
        pump.close()

    asyncio.run(session())
    assert os.read(read, 100) == b"one two three"


def test_a_slow_reader_makes_put_wait_and_not_the_loop(pipe: tuple[int, int]) -> None:
    read, write = pipe

    async def session() -> int:
        pump = Pump({OUT: write, ERR: write})
        half = asyncio.Event()

        async def produce() -> None:
            for number in range(100):
                await pump.put(OUT, b"x" * 8192)
                if number == 30:
                    half.set()

        producer = asyncio.create_task(produce())
        await half.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        assert not producer.done(), "nobody reads, so it must wait"
        got = 0
        while got < 100 * 8192:
            got += len(await asyncio.to_thread(os.read, read, 65536))
        await producer
        await pump.drain()
        pump.close()
        return got

    assert asyncio.run(session()) == 100 * 8192


def test_a_reader_that_is_gone_is_told(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.close(read)

    async def session() -> OSError | None:
        pump = Pump({OUT: write, ERR: write})
        await pump.put(ERR, b"nobody minds")
        await pump.drain()
        assert pump.error is None
        await pump.put(OUT, b"lost")
        await asyncio.wait_for(pump.failed.wait(), 10)
        await pump.put(OUT, b"dropped")
        await pump.drain()
        pump.close()
        return pump.error

    error = asyncio.run(session())
    assert isinstance(error, BrokenPipeError)


def test_a_full_disk_is_told() -> None:
    async def session() -> OSError | None:
        full = os.open("/dev/full", os.O_WRONLY | os.O_CLOEXEC)
        pump = Pump({OUT: full, ERR: full})
        await pump.put(OUT, b"lost")
        await asyncio.wait_for(pump.failed.wait(), 10)
        pump.close()
        os.close(full)
        return pump.error

    error = asyncio.run(session())
    assert error is not None and error.errno == errno.ENOSPC


def test_after_hurry_a_stuck_reader_is_given_up(pipe: tuple[int, int]) -> None:
    _, write = pipe

    async def session() -> None:
        pump = Pump({OUT: write, ERR: write})
        waits = asyncio.create_task(_fill(pump))
        await asyncio.sleep(0)
        pump.hurry(0.05)
        await asyncio.wait_for(waits, 10)
        await asyncio.wait_for(pump.drain(), 10)
        pump.put_now(OUT, b"ignored")
        pump.close()

    asyncio.run(session())


async def _fill(pump: Pump) -> None:
    for _ in range(20):
        await pump.put(OUT, b"x" * 65536)


def test_a_non_blocking_description_is_waited_for(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.set_blocking(write, False)

    async def session() -> int:
        pump = Pump({OUT: write, ERR: write})
        await pump.put(OUT, b"x" * 50_000)
        got = 0
        while got < 50_000:
            got += len(await asyncio.to_thread(os.read, read, 65536))
        await pump.drain()
        pump.close()
        return got

    assert asyncio.run(session()) == 50_000


def test_many_chunks_leave_room_for_signals(pipe: tuple[int, int]) -> None:
    """The loop's self-pipe holds some hundred wake-ups, and a signal that finds it full is lost."""
    read, write = pipe

    async def session() -> bool:
        loop = asyncio.get_running_loop()
        seen = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, seen.set)
        pump = Pump({OUT: write, ERR: write})
        reader = threading.Thread(target=_read_all, args=(read,))
        reader.start()
        for _ in range(100_000):  # the loop does nothing else meanwhile, as in a burst of lines
            pump.put_now(OUT, b"x\n")
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.wait_for(seen.wait(), 10)
        await pump.drain()
        pump.close()
        os.close(write)
        await asyncio.to_thread(reader.join)
        loop.remove_signal_handler(signal.SIGUSR1)
        return seen.is_set()

    assert asyncio.run(session())


def _read_all(fd: int) -> None:
    while os.read(fd, 65536):
        pass
