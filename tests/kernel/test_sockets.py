"""Sockets in other network namespaces: made together, and never left behind."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import resource
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


def test_all_are_there_and_the_thread_is_back(elsewhere: subprocess.Popen[str]) -> None:
    pidfd = os.pidfd_open(elsewhere.pid)
    before, threads = fds(), threading.active_count()
    made = [sock for _ in range(200) for sock in sockets_in_pod(pidfd, 2)]
    assert len(made) == 400
    there = os.stat(f"/proc/{elsewhere.pid}/ns/net").st_ino
    assert {namespace_of(sock) for sock in made} == {there}
    assert all(not sock.getblocking() and not sock.get_inheritable() for sock in made)
    for task in os.listdir("/proc/self/task"):
        assert os.stat(f"/proc/self/task/{task}/ns/net").st_ino == os.stat("/proc/self/ns/net").st_ino
    for sock in made:
        sock.close()
    os.close(pidfd)
    assert fds() == before - 1
    assert threading.active_count() == threads


def test_as_many_as_the_process_may_have(elsewhere: subprocess.Popen[str]) -> None:
    pidfd = os.pidfd_open(elsewhere.pid)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 3, limits[1]))
    made: list[socket.socket] = []
    try:
        while True:
            made += sockets_in_pod(pidfd, 8)
            assert len(made) < 2000
    except SandboxError as error:
        assert (error.step, error.errno) == ("make socket", errno.EMFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for sock in made:
            sock.close()
        os.close(pidfd)
    assert 0 < len(made) < 2000


def test_a_process_that_is_gone(elsewhere: subprocess.Popen[str]) -> None:
    pidfd = os.pidfd_open(elsewhere.pid)
    elsewhere.kill()
    elsewhere.wait()
    with pytest.raises(SandboxError) as caught:
        sockets_in_pod(pidfd)
    assert caught.value.errno == errno.ESRCH
    os.close(pidfd)


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
