"""A bare client of the shim's protocol: sockets and struct, constants read from ``csrc/wire.h``.

It shares no code with nsrunner.sandbox, so that the two ends of the wire are checked against its description and not
against each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEADER = (Path(__file__).parents[1] / "csrc" / "wire.h").read_text()
KINDS = {name: int(number) for name, number in re.findall(r"X\((\w+), (\d+)\)", HEADER)}
KIND_NAMES = {number: name for name, number in KINDS.items()}
TAGS = {name: (int(number), payload) for name, number, payload in re.findall(r"X\((\w+), (\d+), (\w+)\)", HEADER)}
TAG_NAMES = {number: (name, payload) for name, (number, payload) in TAGS.items()}
MAGIC = 0x3152534E
ENVELOPE = struct.Struct("<IHHQII")
SEALS = 0x1 | 0x2 | 0x4 | 0x8
CONTROLLER, CLIENT = 1, 2

Fields = Sequence[tuple[str, Any]]


def block(fields: Fields) -> bytes:
    out = b""
    for name, value in fields:
        number, payload = TAGS[name]
        match payload:
            case "U32":
                data = struct.pack("<I", value)
            case "U64":
                data = struct.pack("<Q", value)
            case "I64":
                data = struct.pack("<q", value)
            case "STRING":
                data = os.fsencode(value) + b"\0"
            case "BYTES":
                data = value
            case _:
                data = block(value)
        out += struct.pack("<HHI", number, 0, len(data)) + data
    return out


def envelope(kind: str, id: int, fields: Fields) -> bytes:
    body = block(fields)
    return ENVELOPE.pack(MAGIC, 1, KINDS[kind], id, len(body), 0) + body


def decode(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while data:
        number, _, length = struct.unpack_from("<HHI", data)
        name, payload = TAG_NAMES[number]
        raw, data = data[8 : 8 + length], data[8 + length :]
        match payload:
            case "U32" | "U64" | "I64":
                found[name] = int.from_bytes(raw, "little")
            case "STRING":
                found[name] = raw[:-1].decode()
            case "BYTES":
                found[name] = raw
            case _:
                found[name] = decode(raw)
    return found


def sealed(data: bytes) -> int:
    fd = os.memfd_create("spec", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    fcntl.fcntl(fd, 1033, SEALS)  # F_ADD_SEALS
    return fd


@dataclass
class Message:
    kind: str
    id: int
    fields: dict[str, Any]
    fds: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return self.fields[name]


class Peer:
    """One connection. What comes is kept in order until somebody asks for it."""

    def __init__(self, path: str, role: int = CONTROLLER) -> None:
        self.path = path
        self.next_id = time.monotonic_ns()
        self.greet(role)

    def greet(self, role: int = CONTROLLER) -> None:
        """Connects anew."""
        self.waiting: list[Message] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        try:
            self.socket.connect(self.path)
            self.send("HELLO", [("ROLE", role)])
            self.welcome = self.until(lambda m: m.kind == "WELCOME")
        except BaseException:
            self.socket.close()
            raise
        self.running = [m for m in self.waiting if m.kind == "CONTAINER_INFO"]
        self.waiting = [m for m in self.waiting if m.kind != "CONTAINER_INFO"]

    def send(self, kind: str, fields: Fields = (), fds: Sequence[int] = (), id: int | None = None) -> int:
        if id is None:
            self.next_id += 1
            id = self.next_id
        socket.send_fds(self.socket, [envelope(kind, id, fields)], list(fds))
        return id

    def receive(self) -> Message:
        data, fds, _, _ = socket.recv_fds(self.socket, 8192, 4)
        if not data:
            raise EOFError
        magic, version, kind, id, length, zero = ENVELOPE.unpack_from(data)
        assert (magic, version, zero, length) == (MAGIC, 1, 0, len(data) - ENVELOPE.size)
        return Message(KIND_NAMES[kind], id, decode(data[ENVELOPE.size :]), list(fds))

    def until(self, wanted: Any) -> Message:
        for at, message in enumerate(self.waiting):
            if wanted(message):
                return self.waiting.pop(at)
        while True:
            message = self.receive()
            if wanted(message):
                return message
            self.waiting.append(message)

    def answer(self, id: int) -> Message:
        return self.until(lambda m: m.id == id and m.kind in ("OK", "ERROR"))

    def call(self, kind: str, fields: Fields = (), fds: Sequence[int] = (), id: int | None = None) -> Message:
        return self.answer(self.send(kind, fields, fds, id))

    def call_spec(self, kind: str, spec: bytes, fds: Sequence[int] = (), id: int | None = None) -> Message:
        memfd = sealed(spec)
        try:
            return self.call(kind, (), [memfd, *fds], id)
        finally:
            os.close(memfd)

    def record(self, kind: str, acknowledge: bool = True, **fields: Any) -> Message:
        message = self.until(lambda m: m.kind == kind and all(m.fields.get(k) == v for k, v in fields.items()))
        if acknowledge and message.fields.get("RECORD"):
            self.send("ACKNOWLEDGE", [("RECORD", message.RECORD)], id=0)
        return message

    def closed(self) -> bool:
        """Waits until the shim has closed this connection."""
        try:
            while self.receive():
                pass
        except (EOFError, ConnectionError):
            return True

    def close(self) -> None:
        self.socket.close()


@dataclass
class Shim:
    pid: int
    run_dir: Path
    pidfd: int

    @property
    def path(self) -> str:
        return str(self.run_dir / "shim.sock")

    def wait(self, seconds: float = 10) -> int:
        """Its exit status; TimeoutError when it does not end."""
        import select

        if not select.select([self.pidfd], [], [], seconds)[0]:
            raise TimeoutError("the shim does not end")
        status = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
        assert status is not None
        return status.si_status


@contextlib.contextmanager
def running_shim(executable: Path, pause: Path, run_dir: Path) -> Iterator[Shim]:
    """A shim that serves <run_dir>/shim.sock. Killed at the end if it is still there."""
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(run_dir / "shim.sock"))
        listener.listen(64)
        pause_fd = os.open(pause, os.O_RDONLY | os.O_CLOEXEC)
        # Away from 3 and 4, which the two dup2 below fill.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in (listener.fileno(), pause_fd)]
        pid = os.posix_spawn(
            executable,
            ["nsrunner-shim"],
            {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")},
            file_actions=[(os.POSIX_SPAWN_DUP2, high[0], 3), (os.POSIX_SPAWN_DUP2, high[1], 4)],
        )
        for fd in (*high, pause_fd):
            os.close(fd)
    shim = Shim(pid, run_dir, os.pidfd_open(pid))
    try:
        yield shim
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            import signal

            signal.pidfd_send_signal(shim.pidfd, signal.SIGKILL)
            os.waitid(os.P_PIDFD, shim.pidfd, os.WEXITED)
        os.close(shim.pidfd)
