"""A program for pods of tests of probes: one process that can be probed in every way, and switched by a signal.

It runs with the host's own Python and nothing else, so its HTTP/2 is a handful of frames written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nsrunner import Pod, PodEvent
from real_pods import Manifest, next_event

HTTP, TCP, GRPC = 80, 81, 82

SWITCH = ["kill", "-USR1", "1"]
"""For an exec in the container: well becomes unwell, and the other way round. At the start it is unwell."""

_PROGRAM = r"""
import os, signal, socket, threading

well, listener = False, None

def switch():
    global well, listener
    well = not well
    if well:
        open("/tmp/well", "w").close()
        listener = socket.create_server(("", 81))
    else:
        os.unlink("/tmp/well")
        listener.close()

SIGNALS = {signal.SIGUSR1, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

def http(connection):
    path = connection.recv(65536).split(b" ")[1].decode()
    print("GET", path, flush=True)
    if path == "/hang":
        while connection.recv(65536):
            pass
    location = {"/within": "/other", "/away": "http://localhost:1/"}.get(path)
    if location:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 4\r\n\r\ngone" % location.encode())
    else:
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: 4\r\n\r\nbody" % (200 if well else 503))

def frame(kind, flags, stream, data):
    return len(data).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + data

def field(name, value):
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value

def grpc(connection):
    connection.sendall(frame(4, 0, 0, b""))
    buffer, at = b"", 24
    while True:
        data = connection.recv(65536)
        if not data:
            return
        buffer += data
        while len(buffer) >= at + 9 and len(buffer) >= at + 9 + int.from_bytes(buffer[at : at + 3], "big"):
            kind, flags = buffer[at + 3], buffer[at + 4]
            at += 9 + int.from_bytes(buffer[at : at + 3], "big")
            if kind == 0 and flags & 1:
                answer = b"\0\0\0\0\2\x08" + (b"\1" if well else b"\2")
                connection.sendall(
                    frame(4, 1, 0, b"")
                    + frame(1, 4, 1, b"\x88" + field(b"content-type", b"application/grpc"))
                    + frame(0, 0, 1, answer)
                    + frame(1, 5, 1, field(b"grpc-status", b"0"))
                )

def serve(port, talk):
    server = socket.create_server((os.environ.get("LISTEN", ""), port))
    def one(connection):
        with connection:
            try:
                talk(connection)
            except OSError:
                pass
    def loop():
        while True:
            threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()
    return threading.Thread(target=loop, daemon=True)

servers = [serve(80, http), serve(82, grpc)]
print("up", flush=True)
for thread in servers:
    thread.start()
while signal.sigwait(SIGNALS) == signal.SIGUSR1:
    switch()
os._exit(7)
"""


def server(name: str = "main", **fields: Any) -> Manifest:
    """A container that runs it; exits with 7 on TERM."""
    return {"name": name, "image": "host", "command": ["/usr/bin/python3", "-c", _PROGRAM], **fields}


def up(running: Pod) -> Iterator[PodEvent]:
    """Waits until the server of the pod's first container listens. The pod's events from its start on."""
    events = running.events()
    next_event(events, "Started")
    assert next(running.follow()) == "up"
    return events
