"""nsrunner.sandbox.spare: a shim that waits for its pod, and ends with whoever has made it."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from nsrunner.errors import SandboxError
from nsrunner.sandbox import native, state, transport
from nsrunner.sandbox.shim import Shim
from nsrunner.sandbox.spare import AFTER, Spare
from nsrunner.sandbox.spec import Owner


def run(test: Callable[[Spare], Awaitable[None]]) -> None:
    async def main() -> None:
        spare = Spare()
        try:
            async with asyncio.timeout(20):
                await test(spare)
        finally:
            spare.close()

    asyncio.run(main())


def ended(process: Owner, within: float = 10.0) -> bool:
    """Whether it has ended by then. It may be ours to reap (we are a subreaper): a zombie has ended."""
    try:
        fd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    with os.fdopen(fd):
        return bool(select.select([fd], [], [], within)[0])


def comm(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text()


async def ready(spare: Spare) -> Owner:
    """The timer that makes it was set before this one."""
    await asyncio.sleep(AFTER)
    assert spare.process is not None
    return spare.process


async def wanted_twice(spare: Spare, run_dir: str) -> Owner:
    with transport.listen(run_dir) as listener:
        assert spare.take(listener) is None
        assert spare.take(listener) is None
    return await ready(spare)


@pytest.fixture
def run_dir() -> Iterator[str]:
    path = Path(os.environ["NSRUNNER_ROOT"]) / "run/pods/spare"
    path.mkdir(parents=True)
    yield str(path)
    (path / transport.SOCKET).unlink()
    path.rmdir()


def test_it_serves_the_socket_that_it_is_given(run_dir: str) -> None:
    async def test(spare: Spare) -> None:
        process = await wanted_twice(spare, run_dir)
        taken: list[Owner | None] = []

        def spawn(listener: object) -> Owner | None:
            taken.append(spare.take(listener))  # type: ignore[arg-type] # a socket
            return taken[-1]

        shim, _ = await Shim.launch(run_dir, lambda shim: None, spawn=spawn)
        try:
            assert taken == [process]
            assert shim.process == process
            assert shim.snapshot.sandbox_attempt is None
            assert os.readlink(f"/proc/{process.pid}/cwd") == "/"
            assert comm(process.pid) == "nsrunner-shim\n"
            following = await ready(spare)
            assert following != process
        finally:
            await shim.kill()
        assert ended(process)

    run(test)


def test_none_is_made_for_a_single_pod(run_dir: str) -> None:
    async def test(spare: Spare) -> None:
        with transport.listen(run_dir) as listener:
            assert spare.take(listener) is None
        await asyncio.sleep(AFTER)
        assert spare.process is None

    run(test)


def test_one_that_has_died_is_not_counted_on(run_dir: str) -> None:
    async def test(spare: Spare) -> None:
        process = await wanted_twice(spare, run_dir)
        state.kill(process)
        assert ended(process)
        with transport.listen(run_dir) as listener:
            assert spare.take(listener) is None
        assert await ready(spare) != process

    run(test)


def test_it_ends_when_it_is_given_up(run_dir: str) -> None:
    async def test(spare: Spare) -> None:
        process = await wanted_twice(spare, run_dir)
        spare.close()
        assert ended(process)
        with transport.listen(run_dir) as listener:
            assert spare.take(listener) is None
        await asyncio.sleep(AFTER)
        assert spare.process is None

    run(test)


def test_it_ends_with_its_process_though_a_fork_of_that_lives_on(run_dir: str) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)

            async def main() -> None:
                process = await wanted_twice(Spare(), run_dir)
                fork = os.fork()
                if fork == 0:
                    signal.pause()
                os.write(write, f"{process.pid} {process.start_time} {fork}".encode())
                os.kill(os.getpid(), signal.SIGKILL)

            asyncio.run(main())
        finally:
            os._exit(1)
    os.close(write)
    try:
        pid, start, fork = map(int, os.read(read, 100).split())
    finally:
        os.close(read)
        os.waitpid(child, 0)
    try:
        assert ended(Owner(kind="process", pid=pid, start_time=start))
    finally:
        os.kill(fork, signal.SIGKILL)


def test_what_cannot_be_made_is_no_error(run_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(spare: Spare) -> None:
        made = asyncio.Event()

        def fails(listener: int) -> int:
            made.set()
            raise SandboxError("clone", errno.EAGAIN, "nsrunner-shim")

        monkeypatch.setattr(native, "spawn_shim", fails)
        with transport.listen(run_dir) as listener:
            assert spare.take(listener) is None
            assert spare.take(listener) is None
        await made.wait()
        assert spare.process is None

    run(test)
