"""Sockets in other network namespaces: made together, by one thread, and never left behind."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from nsrunner.errors import SandboxError
from nsrunner.sandbox.sockets import sockets_in_pod
from nsrunner.supervisor.probes.dial import DialError, Network


@pytest.fixture
def elsewhere() -> Iterator[subprocess.Popen[str]]:
    """A process in a network namespace of its own, whose loopback device is up."""
    script = "ip link set lo up && echo up && exec sleep 1000"
    process = subprocess.Popen(["unshare", "-n", "sh", "-c", script], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        yield process
        process.kill()


def fds() -> int:
    return len(os.listdir("/proc/self/fd"))


def namespace_of(sock: socket.socket) -> int:
    fd = fcntl.ioctl(sock, 0x894C)  # SIOCGSKNS
    try:
        return os.fstat(fd).st_ino
    finally:
        os.close(fd)


def test_many_at_once(elsewhere: subprocess.Popen[str]) -> None:
    async def script() -> None:
        pidfd = os.pidfd_open(elsewhere.pid)
        before, threads = fds(), threading.active_count()
        made = await asyncio.gather(*(sockets_in_pod(pidfd, 2) for _ in range(200)))
        there = os.stat(f"/proc/{elsewhere.pid}/ns/net").st_ino
        assert {namespace_of(sock) for pair in made for sock in pair} == {there}
        assert all(not sock.getblocking() and not sock.get_inheritable() for pair in made for sock in pair)
        for task in os.listdir("/proc/self/task"):
            assert os.stat(f"/proc/self/task/{task}/ns/net").st_ino == os.stat("/proc/self/ns/net").st_ino
        for pair in made:
            for sock in pair:
                sock.close()
        assert fds() == before
        assert threading.active_count() <= threads + 1
        os.close(pidfd)

    asyncio.run(script())


def test_those_that_nobody_wants_any_more_are_closed(elsewhere: subprocess.Popen[str]) -> None:
    async def script() -> None:
        pidfd = os.pidfd_open(elsewhere.pid)
        before = fds()
        for turns in range(4):
            tasks = [asyncio.create_task(sockets_in_pod(pidfd, 3)) for _ in range(20)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for sock in await sockets_in_pod(pidfd):  # after all those
            sock.close()
        assert fds() == before
        os.close(pidfd)

    asyncio.run(script())


def test_the_callers_descriptor_may_be_closed_or_another_by_then(elsewhere: subprocess.Popen[str]) -> None:
    async def script() -> None:
        before = fds()
        pidfd = os.pidfd_open(elsewhere.pid)
        asked = asyncio.create_task(sockets_in_pod(pidfd))
        await asyncio.sleep(0)
        os.close(pidfd)
        other = os.pidfd_open(os.getpid())
        assert other == pidfd
        (sock,) = await asked
        assert namespace_of(sock) == os.stat(f"/proc/{elsewhere.pid}/ns/net").st_ino
        sock.close()
        os.close(other)
        assert fds() == before

    asyncio.run(script())


def test_a_process_that_is_gone(elsewhere: subprocess.Popen[str]) -> None:
    async def script() -> None:
        pidfd = os.pidfd_open(elsewhere.pid)
        elsewhere.kill()
        elsewhere.wait()
        with pytest.raises(SandboxError) as caught:
            await sockets_in_pod(pidfd)
        assert caught.value.errno == errno.ESRCH
        os.close(pidfd)

    asyncio.run(script())


def test_a_network_keeps_some_and_closes_them(elsewhere: subprocess.Popen[str]) -> None:
    async def script() -> None:
        before = fds()
        network = Network("127.0.0.1", os.pidfd_open(elsewhere.pid))
        for _ in range(10):
            with pytest.raises(DialError, match="connection refused"):
                await network.dial("127.0.0.1", 80)
        await asyncio.gather(*(network.dial("127.0.0.1", 80) for _ in range(10)), return_exceptions=True)
        assert before < fds() <= before + 5
        network.close()
        assert fds() == before

    with socket.socket() as here:  # a server of the host is not reached from there
        here.bind(("127.0.0.1", 0))
        here.listen()
        asyncio.run(script())
