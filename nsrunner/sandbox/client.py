"""A blocking client of one shim, for processes that have no event loop: the CLI's fast verbs and the sweeper.

It speaks the same protocol as :mod:`nsrunner.sandbox.shim`, one command at a time, and imports no asyncio.
"""

from __future__ import annotations

import errno
import itertools
import os
import select
import time
from types import TracebackType
from typing import Self

from nsrunner.errors import SandboxError
from nsrunner.sandbox import answers, transport, wire
from nsrunner.sandbox.exec_spec import ExecSpec, encode_exec
from nsrunner.sandbox.records import ContainerInfo, ExecResult, Snapshot
from nsrunner.sandbox.wire import Kind, Message, Role, Tag

__all__ = ["Client", "ClientExec"]


class Client:
    """A connection to the shim that serves a run directory. Methods raise SandboxError; ``within`` is in seconds."""

    def __init__(self, run_dir: str, *, controller: bool = False, within: float = 10.0) -> None:
        self.run_dir = run_dir
        self._numbers = itertools.count((1 << 63) | time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        self._finished: dict[int, ExecResult] = {}
        self._ended: dict[int, str] = {}
        self._socket = transport.dial(run_dir, blocking=False)
        try:
            role = Role.CONTROLLER if controller else Role.CLIENT
            self.snapshot = self._listing(Kind.HELLO, {Tag.ROLE: role}, within)
            """What the shim held when the connection was made."""
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends what this client started in the pod, too."""
        self._socket.close()

    def fileno(self) -> int:
        """Readable when there is something for :meth:`process`."""
        return self._socket.fileno()

    # --- commands -----------------------------------------------------------------------------------------------------

    def inspect(self, *, within: float = 10.0) -> Snapshot:
        """What the shim holds now."""
        return self._listing(Kind.LIST, {}, within)

    def exec(
        self, spec: ExecSpec, *, stdin: int = -1, stdout: int = -1, stderr: int = -1, within: float = 30.0
    ) -> ClientExec:
        """Starts a process in a container; ``within`` bounds the start only. The descriptors stay the caller's, too:
        all three, or none with ``tty`` or ``output_limit``."""
        command = next(self._numbers)
        try:
            fields, memfd = transport.spec_fields(encode_exec(spec))
        except wire.WireError as error:
            raise SandboxError("write spec", errno.EINVAL, str(error)) from None
        try:
            fds = [fd for fd in (memfd, stdin, stdout, stderr) if fd >= 0]
            message, received = self._call(Kind.EXEC, fields, within, fds, command)
        finally:
            if memfd >= 0:
                os.close(memfd)
        console = received.pop(0) if received else None
        transport.close_all(received)
        return ClientExec(self, command, message.number(Tag.PID), console)

    def attach(
        self, container_id: str, *, stdin: int = -1, stdout: int = -1, stderr: int = -1, within: float = 10.0
    ) -> int:
        """Connects descriptors (which stay the caller's, too) to a container's streams. Returns the number for
        :meth:`ended`."""
        command = next(self._numbers)
        streams = [(1 << bit, fd) for bit, fd in enumerate((stdin, stdout, stderr)) if fd >= 0]
        fields: wire.Fields = {Tag.CONTAINER_ID: container_id, Tag.STREAMS: sum(bit for bit, _ in streams)}
        self._simple(Kind.ATTACH, fields, within, [fd for _, fd in streams], command)
        return command

    def resize(self, target: str | ClientExec, rows: int, columns: int, *, within: float = 10.0) -> None:
        """The terminal of a container (by its id) or of an exec."""
        whom: wire.Fields = {Tag.CONTAINER_ID: target} if isinstance(target, str) else {Tag.EXEC_ID: target.number}
        self._simple(Kind.RESIZE, {**whom, Tag.ROWS: rows, Tag.COLUMNS: columns}, within)

    def kill_exec(self, session: ClientExec, *, within: float = 10.0) -> None:
        """The whole tree that it started."""
        self._simple(Kind.KILL_EXEC, {Tag.EXEC_ID: session.number}, within)

    def remove_pod(self, *, within: float = 60.0) -> None:
        """Controllers only: removes all that is left; the shim then exits."""
        self._simple(Kind.REMOVE_POD, {}, within)

    # --- what comes by itself -----------------------------------------------------------------------------------------

    def process(self, *, within: float = 0.0) -> bool:
        """Takes one message that answers no command, waiting for it so long. False when there was none."""
        received = self._receive(time.monotonic() + within)
        if received is None:
            return False
        self._note(*received)
        return True

    def result(self, session: ClientExec) -> ExecResult | None:
        """Once it has ended and :meth:`process` took the news."""
        return self._finished.get(session.number)

    def ended(self, attachment: int) -> str | None:
        """Why an attachment ended: ``exited`` or ``slow``; None: it has not."""
        return self._ended.get(attachment)

    # --- the socket ---------------------------------------------------------------------------------------------------

    def _simple(
        self, kind: Kind, fields: wire.Fields, within: float, fds: list[int] | None = None, command: int | None = None
    ) -> None:
        _, received = self._call(kind, fields, within, fds or [], command)
        transport.close_all(received)

    def _listing(self, kind: Kind, fields: wire.Fields, within: float) -> Snapshot:
        infos: list[ContainerInfo] = []
        welcome, received = self._call(kind, fields, within, [], None, infos)
        transport.close_all(received)
        return wire.snapshot(welcome, infos)

    def _call(
        self,
        kind: Kind,
        fields: wire.Fields,
        within: float,
        fds: list[int],
        command: int | None = None,
        infos: list[ContainerInfo] | None = None,
    ) -> tuple[Message, list[int]]:
        deadline = time.monotonic() + within
        number = next(self._numbers) if command is None else command
        self._send(wire.encode(kind, number, fields), fds, deadline)
        while (received := self._receive(deadline)) is not None:
            message, descriptors = received
            if message.command != number or message.kind is Kind.ATTACH_ENDED:
                self._note(message, descriptors)
            elif message.kind is Kind.CONTAINER_INFO:
                if infos is not None:
                    infos.append(wire.container_info(message))
            elif message.kind is Kind.ERROR:
                transport.close_all(descriptors)
                raise answers.error(message)
            else:
                return message, descriptors
        raise transport.lost(self.run_dir, errno.ETIMEDOUT, f"no answer to {kind.name.lower().replace('_', ' ')}")

    def _send(self, packet: bytes, fds: list[int], deadline: float) -> None:
        while True:
            try:
                return transport.send(self._socket, packet, fds)
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)
            except OSError as error:
                raise transport.lost(self.run_dir, error.errno or 0) from None

    def _receive(self, deadline: float) -> tuple[Message, list[int]] | None:
        """One message; None when the time is over."""
        while True:
            try:
                packet, fds = transport.receive(self._socket)
            except BlockingIOError:
                if not self._wait(select.POLLIN, deadline):
                    return None
                continue
            except (OSError, wire.WireError) as error:
                raise transport.lost(self.run_dir, detail=str(error)) from None
            if not packet:
                raise transport.lost(self.run_dir)
            try:
                return wire.decode(packet), fds
            except wire.WireError as error:
                transport.close_all(fds)
                raise transport.lost(self.run_dir, errno.EBADMSG, str(error)) from None

    def _wait(self, events: int, deadline: float) -> bool:
        poller = select.poll()
        poller.register(self._socket, events)
        return bool(poller.poll(max(0.0, deadline - time.monotonic()) * 1000))

    def _note(self, message: Message, fds: list[int]) -> None:
        try:
            match message.kind:
                case Kind.EXEC_FINISHED:
                    self._finished[message.number(Tag.EXEC_ID)] = answers.exec_result(message, fds)
                case Kind.ATTACH_ENDED:
                    self._ended[message.number(Tag.EXEC_ID)] = message.text(Tag.REASON)
                case _:
                    pass  # an answer that came too late, or a record for a controller that only removes the pod
        finally:
            transport.close_all(fds)


class ClientExec:
    """A process that this client started in a container."""

    def __init__(self, client: Client, number: int, pid: int, console: int | None) -> None:
        self._client = client
        self.number = number
        self.pid = pid
        """In the host's PID namespace."""
        self.console = console
        """The master of its pty, which the caller closes; with ``ExecSpec.tty`` only."""

    def wait(self, within: float | None = None) -> ExecResult | None:
        """Waits for the end; None after ``within`` seconds. Raises SandboxError."""
        deadline = None if within is None else time.monotonic() + within
        while (result := self._client.result(self)) is None:
            left = 3600.0 if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return None
            self._client.process(within=left)
        return result
