"""The other end of the protocol, played by a test: a thread with a script, on a real SEQPACKET socket."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Self

from nsrunner.sandbox import transport, wire
from nsrunner.sandbox.shim import Shim
from nsrunner.sandbox.wire import Kind, Message, Tag


class Peer:
    """A connection, as the shim sees it."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.fds: list[int] = []

    def take(self, kind: Kind) -> Message:
        """The next message, which must be of this kind. Its descriptors are in ``fds``."""
        packet, self.fds = transport.receive(self.socket)
        assert packet, "the client closed the connection"
        message = wire.decode(packet)
        assert message.kind is kind, message
        return message

    def spec(self) -> bytes:
        return os.pread(self.fds[0], os.fstat(self.fds[0]).st_size, 0)

    def close_fds(self) -> None:
        transport.close_all(self.fds)
        self.fds = []

    def send(self, kind: Kind, command: int, fields: wire.Fields | None = None, fds: tuple[int, ...] = ()) -> None:
        transport.send(self.socket, wire.encode(kind, command, fields), fds)

    def greet(self, role: int = wire.Role.CONTROLLER, **snapshot: int) -> None:
        hello = self.take(Kind.HELLO)
        assert hello.number(Tag.ROLE) == role
        fields = {Tag[name.upper()]: value for name, value in snapshot.items()}
        self.send(Kind.WELCOME, hello.command, {Tag.UID: "uid", **fields})

    def ended(self) -> bool:
        """Waits for the client to close the connection."""
        return transport.receive(self.socket)[0] == b""


class FakeShim:
    """Serves one connection with ``script``, whose failure is the test's."""

    def __init__(self, run_dir: str, script: Callable[[Peer], None]) -> None:
        self._listener = transport.listen(run_dir)
        self._listener.setblocking(True)
        self._listener.settimeout(10)
        self._script = script
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        try:
            sock, _ = self._listener.accept()
            sock.settimeout(10)
            with sock:
                self._script(Peer(sock))
        except BaseException as error:  # noqa: BLE001 - raised again where the test sees it
            self._error = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join()
        self._listener.close()
        if self._error is not None and error is None:
            raise self._error


def play(run_dir: Path, script: Callable[[Peer], None], test: Callable[[Shim], Coroutine[None, None, None]]) -> None:
    """Runs ``test`` with a connected client; no descriptor may stay open."""

    async def main() -> None:
        async with asyncio.timeout(10):
            shim = await Shim.connect(str(run_dir), controller=True)
            try:
                await test(shim)
            finally:
                await shim.close()

    before = set(os.listdir("/proc/self/fd"))
    with FakeShim(str(run_dir), script):
        asyncio.run(main())
    assert set(os.listdir("/proc/self/fd")) == before
