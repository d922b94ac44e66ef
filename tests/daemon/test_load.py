"""Many clients, slow ones, silent ones and big ones: the daemon's memory stays bounded, and others are served."""

from __future__ import annotations

import contextlib
import resource
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kubectls import kubectl as kubectl
from real_daemon import RealDaemon
from real_daemon import daemon as daemon

CONFIGS = "/namespaces/default/configmaps"
MB = 1 << 20
SOON = 30.0
"""Seconds for what is a matter of milliseconds on an idle machine."""
WITHIN = 60.0


@pytest.fixture(autouse=True)
def descriptors() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def connection(daemon: RealDaemon, stack: ExitStack) -> socket.socket:
    sock = stack.enter_context(socket.socket(socket.AF_UNIX))
    sock.connect(f"{daemon.roots.run}/api.sock")  # blocks while the backlog is full (unix(7))
    sock.settimeout(WITHIN)
    return sock


def request(path: str, method: str = "GET", **headers: object) -> bytes:
    lines = [f"{method} /api/v1{path} HTTP/1.1", "Host: daemon", *(f"{name}: {headers[name]}" for name in headers)]
    return "\r\n".join([*lines, "", ""]).replace("_", "-").encode()


def config_map(name: str, size: int = 1) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "v" * size}}


def memory(daemon: RealDaemon) -> int:
    """Bytes that it has in memory."""
    text = Path(f"/proc/{daemon.process.pid}/statm").read_text()
    return int(text.split()[1]) * resource.getpagesize()


def open_descriptors(daemon: RealDaemon) -> int:
    return sum(1 for _ in Path(f"/proc/{daemon.process.pid}/fd").iterdir())


def others_are_served(daemon: RealDaemon) -> None:
    began = time.monotonic()
    daemon.call("POST", CONFIGS, config_map("other"))
    assert daemon.call("GET", f"{CONFIGS}/other")["data"] == {"k": "v"}
    daemon.call("DELETE", f"{CONFIGS}/other")
    assert time.monotonic() - began < SOON


def until_descriptors(daemon: RealDaemon, wanted: int) -> None:
    """Until what is closed on this side is closed on the other, too."""
    end = time.monotonic() + WITHIN
    while open_descriptors(daemon) > wanted:
        assert time.monotonic() < end, f"{open_descriptors(daemon)} descriptors, {wanted} before"
        daemon.call("GET", CONFIGS)  # by the time it is answered, what came before it is handled


def read_until(socks: list[socket.socket], wanted: bytes, count: int = 1) -> None:
    """Until each has received ``wanted`` so many times."""
    received = {sock.fileno(): b"" for sock in socks}
    missing = {sock.fileno(): sock for sock in socks}
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLIN)
    end = time.monotonic() + WITHIN
    while missing:
        ready = poll.poll(max(0.0, end - time.monotonic()) * 1000)
        assert ready, f"{len(missing)} have not got it"
        for fd, _ in ready:
            data = missing[fd].recv(1 << 16)
            assert data, received[fd][-500:]
            received[fd] += data
            if received[fd].count(wanted) >= count:
                poll.unregister(fd)
                del missing[fd]


def test_five_hundred_watchers(daemon: RealDaemon) -> None:
    others_are_served(daemon)
    before, descriptors = memory(daemon), open_descriptors(daemon)
    with ExitStack() as stack:
        watchers = [connection(daemon, stack) for _ in range(500)]
        for sock in watchers:
            sock.sendall(request(f"{CONFIGS}?watch=true&fieldSelector=metadata.name!%3Dother"))
        read_until(watchers, b"\r\n\r\n")
        for number in range(20):
            daemon.call("POST", CONFIGS, config_map(f"c{number}"))
        read_until(watchers, b'"type":"ADDED"', 20)
        others_are_served(daemon)
        assert memory(daemon) - before < 60 * MB
    until_descriptors(daemon, descriptors)


def test_a_thousand_clients_that_read_nothing(daemon: RealDaemon) -> None:
    """Each asks for a list of three megabytes; its answer is made when there is room for it, or refused."""
    for number in range(4):
        daemon.call("POST", CONFIGS, config_map(f"big{number}", 800_000))
    others_are_served(daemon)
    before, descriptors = memory(daemon), open_descriptors(daemon)
    with ExitStack() as stack:
        clients = [connection(daemon, stack) for _ in range(1000)]
        for sock in clients:
            sock.sendall(request(CONFIGS))
        others_are_served(daemon)
        readable = select.poll()
        for sock in clients:
            readable.register(sock, select.POLLIN)
        end = time.monotonic() + WITHIN
        while len(readable.poll(1000)) < len(clients):
            assert time.monotonic() < end
        heads = [sock.recv(12) for sock in clients]
        assert set(heads) == {b"HTTP/1.1 200", b"HTTP/1.1 429"}
        assert memory(daemon) - before < 220 * MB
        others_are_served(daemon)
    until_descriptors(daemon, descriptors)


def test_a_thousand_watchers_that_read_nothing(daemon: RealDaemon) -> None:
    others_are_served(daemon)
    before, descriptors = memory(daemon), open_descriptors(daemon)
    with ExitStack() as stack:
        for _ in range(1000):
            connection(daemon, stack).sendall(request(f"{CONFIGS}?watch=true"))
        with daemon.client() as client:
            for number in range(50):  # twenty times what fits in the sockets' buffers
                body = {
                    **config_map("changing", 100_000),
                    "metadata": {"name": "changing", "labels": {"n": f"{number}"}},
                }
                path = f"/api/v1{CONFIGS}" + ("/changing" if number else "")
                client.call("PUT" if number else "POST", path, body=body)
        others_are_served(daemon)
        assert memory(daemon) - before < 350 * MB
    until_descriptors(daemon, descriptors)


@pytest.mark.parametrize("told", [True, False], ids=["with its length", "without"])
def test_bodies_of_ten_megabytes(daemon: RealDaemon, told: bool) -> None:
    others_are_served(daemon)
    before, descriptors = memory(daemon), open_descriptors(daemon)
    size = 10 * MB
    with ExitStack() as stack:
        for _ in range(50):
            sock = connection(daemon, stack)
            length = {"Content_Length": size} if told else {"Transfer_Encoding": "chunked"}
            sock.sendall(request(CONFIGS, "POST", Content_Type="application/json", **length))
            piece = b" " * MB if told else b"100000\r\n" + b" " * MB + b"\r\n"
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not be taken to be refused
                for _ in range(10):
                    sock.sendall(piece)
            assert sock.recv(12) == b"HTTP/1.1 413"
        others_are_served(daemon)
        assert memory(daemon) - before < 60 * MB
    until_descriptors(daemon, descriptors)


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET /api/v1/names",
        request(CONFIGS, "POST", Content_Type="application/json", Content_Length=2 * MB) + b"{",
    ],
    ids=["nothing", "half a line", "half a body"],
)
def test_half_open_clients(daemon: RealDaemon, start: bytes) -> None:
    """They take a descriptor and little memory each, and nothing of the others' time."""
    others_are_served(daemon)
    before, descriptors = memory(daemon), open_descriptors(daemon)
    with ExitStack() as stack:
        for _ in range(1000):
            connection(daemon, stack).sendall(start)
        others_are_served(daemon)
        assert memory(daemon) - before < 60 * MB
    until_descriptors(daemon, descriptors)


@pytest.mark.usefixtures("kubectl")
def test_clients_that_never_shake_hands(daemon: RealDaemon) -> None:
    before, descriptors = memory(daemon), open_descriptors(daemon)
    with ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port), WITHIN))
        others_are_served(daemon)
        assert daemon.kubectl("get", "--raw", "/healthz").stdout == "ok"
        assert memory(daemon) - before < 150 * MB
    until_descriptors(daemon, descriptors)
