"""One connection of the asyncio client: packets out, answers and records in, and what happens when it is lost."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import socket
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

from nsrunner.errors import SandboxError
from nsrunner.sandbox import answers, transport, wire
from nsrunner.sandbox.exec_spec import ExecSpec, encode_exec
from nsrunner.sandbox.hearing import Hearing
from nsrunner.sandbox.records import ContainerInfo, Record, SandboxDeath, Snapshot
from nsrunner.sandbox.session import Attachment, Exec
from nsrunner.sandbox.wire import Kind, Message, Tag

__all__ = ["Connection"]

T = TypeVar("T")

_PACKETS_A_TURN = 32
"""Of one shim, before the loop gets to see to the others."""


class _Pending(Struct, Generic[T]):
    future: asyncio.Future[T]
    convert: Callable[[Message, list[int]], T]
    timer: asyncio.TimerHandle


_every_connection: weakref.WeakSet[Connection] = weakref.WeakSet()


def _close_in_child() -> None:
    """A forked child of the program must not keep the pods of its parent alive."""
    for connection in list(_every_connection):
        connection._socket.close()


os.register_at_fork(after_in_child=_close_in_child)


class Connection:
    """The part of a Shim that knows no command. Not thread-safe: everything happens on the loop that made it."""

    def __init__(
        self, run_dir: str, sock: socket.socket, silence: Callable[[bool], None] = lambda silent: None
    ) -> None:
        """``silence`` is called when the shim does not answer any more, and when it does again."""
        self.run_dir = run_dir
        self.closed = False
        self.hearing = Hearing(self._ask, silence)
        self.attempt = 0
        """Of the sandbox, as far as this client knows: for the record of a death that the shim cannot tell."""
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count((1 << 63) | time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        self._pending: dict[int, _Pending[object]] = {}
        self._sessions: dict[int, Exec | Attachment] = {}
        self._infos: dict[int, list[ContainerInfo]] = {}
        self._records: asyncio.Queue[Record | None] = asyncio.Queue()
        self._unsent: list[tuple[bytes, list[int]]] = []
        self._loop.add_reader(sock.fileno(), self._readable)
        _every_connection.add(self)

    def new_id(self) -> int:
        """For a command that no pod machine chose."""
        return next(self._numbers)

    def acknowledge(self, record: int) -> None:
        """The shim may forget this record."""
        if record and not self.closed:
            self._quietly(Kind.ACKNOWLEDGE, {Tag.RECORD: record}, 0)

    # --- sending ------------------------------------------------------------------------------------------------------

    def _listing(self, kind: Kind, fields: wire.Fields, within: float) -> asyncio.Future[Snapshot]:
        command = self.new_id()
        self._infos[command] = []

        def convert(message: Message, fds: list[int]) -> Snapshot:
            return wire.snapshot(message, self._infos.pop(command, ()))

        return self._send(kind, fields, convert, command, within)

    def _with_spec(
        self,
        kind: Kind,
        encode: Callable[[], bytes],
        convert: Callable[[Message, list[int]], T],
        command_id: int,
        within: float,
    ) -> asyncio.Future[T]:
        try:
            memfd = transport.sealed_memfd("nsrunner-spec", encode())
        except (SandboxError, wire.WireError) as error:
            failed: asyncio.Future[T] = self._loop.create_future()
            failed.set_exception(
                error if isinstance(error, SandboxError) else SandboxError("write spec", errno.EINVAL, str(error))
            )
            return failed
        try:
            return self._send(kind, {}, convert, command_id, within, (memfd,))
        finally:
            os.close(memfd)

    def _send_exec(self, spec: ExecSpec, command_id: int, fds: Sequence[int]) -> None:
        """Raises SandboxError."""
        if self.closed:
            raise transport.lost(self.run_dir, errno.EPIPE)
        memfd = -1
        try:
            fields, memfd = transport.spec_fields(encode_exec(spec))
            self._put(wire.encode(Kind.EXEC, command_id, fields), fds if memfd < 0 else (memfd, *fds))
        except wire.WireError as error:
            raise SandboxError("write spec", errno.EINVAL, str(error)) from None
        except OSError as error:
            raise transport.lost(self.run_dir, error.errno or 0) from None
        finally:
            if memfd >= 0:
                os.close(memfd)

    def _send(
        self,
        kind: Kind,
        fields: wire.Fields,
        convert: Callable[[Message, list[int]], T],
        command_id: int,
        within: float,
        fds: Sequence[int] = (),
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        try:
            if self.closed:
                raise transport.lost(self.run_dir, errno.EPIPE)
            if command_id in self._pending:
                raise transport.lost(self.run_dir, errno.EALREADY, f"command {command_id} is under way")
            self._put(wire.encode(kind, command_id, fields), fds)
        except (SandboxError, wire.WireError, OSError) as error:
            match error:
                case SandboxError():
                    future.set_exception(error)
                case OSError():
                    future.set_exception(transport.lost(self.run_dir, error.errno or 0))
                case _:
                    future.set_exception(SandboxError("write message", errno.EINVAL, str(error)))
            return future
        self._expect(kind, future, convert, command_id, within)
        return future

    def _expect(
        self,
        kind: Kind,
        future: asyncio.Future[T],
        convert: Callable[[Message, list[int]], T],
        command_id: int,
        within: float,
    ) -> None:
        timer = self._loop.call_later(within, self._expire, command_id, kind)
        pending: _Pending[T] = _Pending(future, convert, timer)
        self._pending[command_id] = pending  # type: ignore[assignment] # heterogeneous: each entry's own T matches

    def _send_hint(self, kind: Kind, spec: bytes, fields: wire.Fields) -> bool:
        """A command without an answer. False: it could not be sent, which is as good."""
        try:
            memfd = transport.sealed_memfd("nsrunner-spec", spec)
        except SandboxError:
            return False
        try:
            self._put(wire.encode(kind, 0, fields), (memfd,))
        except OSError:
            return False
        finally:
            os.close(memfd)
        return True

    def _quietly(self, kind: Kind, fields: wire.Fields, command_id: int) -> None:
        """Sends what nobody waits for; a lost connection is noticed by the reader."""
        try:
            self._put(wire.encode(kind, command_id, fields), ())
        except OSError:
            pass

    def _ask(self) -> None:
        """For an answer that takes no time; it is nobody's."""
        self._quietly(Kind.LIST, {}, self.new_id())

    def _put(self, packet: bytes, fds: Sequence[int]) -> None:
        self.hearing.sent()
        if not self._unsent:
            try:
                transport.send(self._socket, packet, fds)
                return
            except BlockingIOError:
                self._loop.add_writer(self._socket.fileno(), self._writable)
        self._unsent.append((packet, [os.dup(fd) for fd in fds]))

    def _writable(self) -> None:
        while self._unsent:
            packet, fds = self._unsent[0]
            try:
                transport.send(self._socket, packet, fds)
            except BlockingIOError:
                return
            except OSError:
                break  # the reader notices, too, and ends all
            transport.close_all(fds)
            del self._unsent[0]
        self._loop.remove_writer(self._socket.fileno())

    def _expire(self, command: int, kind: Kind) -> None:
        pending = self._pending.pop(command, None)
        self._infos.pop(command, None)
        if pending is not None and not pending.future.done():
            what = kind.name.lower().replace("_", " ")
            pending.future.set_exception(transport.lost(self.run_dir, errno.ETIMEDOUT, f"no answer to {what}"))

    # --- receiving ----------------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        for _ in range(_PACKETS_A_TURN):
            try:
                packet, fds = transport.receive(self._socket)
            except BlockingIOError:
                return
            except (OSError, wire.WireError) as error:
                self._lost(str(error))
                return
            if not packet:
                self._lost("")
                return
            self.hearing.heard()
            try:
                self._handle(wire.decode(packet), fds)
            except wire.WireError as error:
                self._lost(str(error))
                return
            finally:
                transport.close_all(fds)
            if not self._pending and not self._sessions:
                return  # nothing more is waited for: a record that comes with it is the next turn's

    def _handle(self, message: Message, fds: list[int]) -> None:
        """Whoever keeps a descriptor takes it out of ``fds``; the others are closed."""
        match message.kind:
            case Kind.OK | Kind.ERROR | Kind.WELCOME:
                self._answer(message, fds)
            case Kind.CONTAINER_INFO:
                if (infos := self._infos.get(message.command)) is not None:
                    infos.append(wire.container_info(message))
            case Kind.CONTAINER_EXITED:
                self._records.put_nowait(wire.container_exit(message))
            case Kind.SANDBOX_DIED:
                self._records.put_nowait(wire.sandbox_death(message))
            case Kind.EXEC_FINISHED | Kind.ATTACH_ENDED:
                session = self._sessions.pop(message.number(Tag.EXEC_ID), None)
                if session is not None:
                    session.finished(message, fds)
                # An exec's record is kept until somebody has it: whoever waits has it now, and without one nobody will.
                self.acknowledge(message.number(Tag.RECORD))
            case _:
                raise wire.WireError(f"{message.kind.name} is not for clients")

    def _answer(self, message: Message, fds: list[int]) -> None:
        pending = self._pending.pop(message.command, None)
        if pending is None:
            if message.kind is Kind.ERROR and (session := self._sessions.pop(message.command, None)) is not None:
                session.lost(answers.error(message))
            return
        pending.timer.cancel()
        if pending.future.done():
            return
        if message.kind is Kind.ERROR:
            self._infos.pop(message.command, None)
            pending.future.set_exception(answers.error(message))
            return
        try:
            pending.future.set_result(pending.convert(message, fds))
        except SandboxError as error:
            pending.future.set_exception(error)

    def _lost(self, detail: str) -> None:
        self._end(transport.lost(self.run_dir, detail=detail), SandboxDeath(record=0, attempt=self.attempt))

    def _end(self, error: SandboxError, last: Record | None) -> None:
        if self.closed:
            return
        self.closed = True
        self.hearing.end()
        _every_connection.discard(self)
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        for _, fds in self._unsent:
            transport.close_all(fds)
        self._unsent.clear()
        pendings, self._pending = self._pending, {}
        for pending in pendings.values():
            pending.timer.cancel()
            if not pending.future.done():
                pending.future.set_exception(error)
                pending.future.exception()  # nobody may be waiting any more, which is no mistake then
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            session.lost(error)
        if last is not None:
            self._records.put_nowait(last)
        self._records.put_nowait(None)
