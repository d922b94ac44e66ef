"""sd_notify and the descriptors that systemd hands over, against real sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nsrunner.daemon.notify import Notifier, inherited_sockets


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(5)
        yield server


def test_what_is_told_arrives_in_one_message(manager: socket.socket) -> None:
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "HOME": "/"}
    notifier = Notifier.from_environment(environ)
    notifier.tell(READY=1, STATUS="four\npods")
    assert manager.recv(999) == b"READY=1\nSTATUS=four pods"
    assert environ == {"HOME": "/"}  # nobody else is to speak for us


def test_an_abstract_address() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(f"\0nsrunner-test-{os.getpid()}")
        Notifier(f"@nsrunner-test-{os.getpid()}").tell(STOPPING=1)
        assert server.recv(999) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "vsock:2:1234", "relative"])
def test_nobody_listens(address: str) -> None:
    Notifier.from_environment({"NOTIFY_SOCKET": address}).tell(READY=1)


def test_a_manager_that_does_not_read_costs_nothing(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    for _ in range(1000):  # its queue is full long before
        notifier.tell(STATUS="x" * 1000)


@pytest.mark.asyncio
async def test_the_watchdog_hears_twice_in_its_period(manager: socket.socket) -> None:
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())}
    notifier = Notifier.from_environment(environ)
    assert notifier.watchdog_seconds == 0.02
    loop = asyncio.get_running_loop()
    manager.setblocking(False)
    notifier.keep_alive()
    for _ in range(3):
        async with asyncio.timeout(5):
            assert await loop.sock_recv(manager, 99) == b"WATCHDOG=1"
    notifier.close()


@pytest.mark.parametrize("others", [{"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": ""}])
def test_a_watchdog_for_somebody_else_is_none(others: dict[str, str]) -> None:
    assert Notifier.from_environment({"WATCHDOG_USEC": "1000000", **others}).watchdog_seconds == 0


def test_no_descriptors() -> None:
    assert inherited_sockets({}) == []
    assert inherited_sockets({"LISTEN_PID": "1", "LISTEN_FDS": "2"}) == []
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0", "LISTEN_FDNAMES": ""}
    assert inherited_sockets(environ) == [] and environ == {}


PROGRAM = """
import os
from nsrunner.daemon.notify import inherited_sockets
from nsrunner.errors import HostError
os.environ["LISTEN_PID"] = str(os.getpid())
try:
    for each in inherited_sockets():
        print(each.family.name, each.getblocking(), each.get_inheritable())
except HostError as error:
    print(error)
print("LISTEN_FDS" in os.environ)
"""


def start(*sockets: socket.socket) -> str:
    """What a process says that gets these as descriptors 3, 4, ..."""
    shell = " ".join(f"{3 + at}<&{each.fileno()}" for at, each in enumerate(sockets))
    return subprocess.run(
        ["bash", "-c", f'exec "$0" -c "$1" {shell}', sys.executable, PROGRAM],
        pass_fds=[each.fileno() for each in sockets],
        env={**os.environ, "LISTEN_FDS": str(len(sockets))},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def test_sockets_of_the_manager(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix, socket.create_server(("127.0.0.1", 0)) as inet:
        unix.bind(str(tmp_path / "s"))
        unix.listen()
        assert start(unix, inet) == "AF_UNIX False False\nAF_INET False False\nFalse\n"


def test_other_descriptors_are_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        assert "a listening stream socket is expected" in start(datagrams)
    with socket.socket() as silent:
        assert "descriptor 3: a listening stream socket is expected" in start(silent)


def test_a_descriptor_that_is_not_there() -> None:
    command = [sys.executable, "-c", PROGRAM]
    environ = {**os.environ, "LISTEN_FDS": "1"}
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said == "LISTEN_FDS: descriptor 3: Bad file descriptor\nFalse\n"
