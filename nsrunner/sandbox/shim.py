"""The supervisor's side of one shim: an asyncio client of its socket.

``Shim.launch`` starts a shim, ``Shim.connect`` reaches one that runs. Every command is *sent when the method is called*
and answered through the future that the method returns, so that commands can be sent one after the other without
waiting (``create_sandbox`` and then ``start_container``). All futures have a deadline (``within``, in seconds); a shim
that dies fails them all. Errors are SandboxErrors.

The first argument of a command is the id that the pod machine chose, so that a command which is repeated after a crash
is not carried out twice. Without a machine, take one from ``new_id``: a number that no other command of this boot has.
"""

from __future__ import annotations

import asyncio
import errno
import math
import signal as signals
import socket
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from nsrunner.errors import SandboxError
from nsrunner.sandbox import native, state, transport, wire
from nsrunner.sandbox.connection import Connection
from nsrunner.sandbox.records import ContainerRunning, Record, SandboxCreated, Snapshot
from nsrunner.sandbox.session import Attachment, Exec
from nsrunner.sandbox.spare import Spare
from nsrunner.sandbox.spec import ContainerSpec, ExecSpec, Owner, SandboxSpec
from nsrunner.sandbox.state import RegisteredPod, Roots, register
from nsrunner.sandbox.sweep import end_processes, remove_log, remove_pod
from nsrunner.sandbox.wire import Kind, Message, Role, Tag
from nsrunner.sandbox.wire_specs import encode_container, encode_sandbox

__all__ = ["Attachment", "Exec", "Shim", "Shims"]


T = TypeVar("T")


def _no_news(silent: bool) -> None:
    """For whoever does not want to know."""


def _nothing(message: Message, fds: list[int]) -> None:
    """An OK that says no more."""


def _spawn(listener: socket.socket) -> Owner | None:
    return state.process(native.spawn_shim(listener.fileno()))


def _one_fd(message: Message, fds: list[int]) -> int:
    if not fds:
        raise transport.lost(code=errno.EBADMSG, detail="an answer without its descriptor")
    return fds.pop(0)


class Shim(Connection):
    """A connection to one shim. Not thread-safe: everything happens on the loop that made it."""

    snapshot = Snapshot(uid="", sandbox_attempt=None, pause_pid=0, running=())
    """What the shim held when the connection was made."""
    process: Owner | None = None
    """The shim's own, as far as it is known."""

    def __init__(self, run_dir: str, sock: socket.socket, silence: Callable[[bool], None] = _no_news) -> None:
        super().__init__(run_dir, sock, silence)
        self._prepared: dict[str, tuple[ContainerSpec, bytes]] = {}
        """What was prepared, by the container's id, and how it was written."""

    # --- making a connection ------------------------------------------------------------------------------------------

    @classmethod
    async def launch(
        cls,
        run_dir: str,
        first: Callable[[Shim], T],
        *,
        within: float = 10.0,
        spawn: Callable[[socket.socket], Owner | None] = _spawn,
    ) -> tuple[Shim, T]:
        """Makes ``run_dir`` (0700) if need be, starts a shim that serves ``<run_dir>/shim.sock``, connects as its
        controller. ``first`` sends the first commands, while the shim comes up. ``spawn`` gives a listening socket to a
        shim and returns its process. Raises SandboxError, HostError."""
        try:
            state.make_directory(run_dir)
        except OSError as error:
            raise SandboxError("make directory", error.errno or 0, run_dir) from None
        with transport.listen(run_dir) as listener:
            process = spawn(listener)
            try:
                shim = cls(run_dir, transport.dial(run_dir, blocking=False))
                shim.process = process
                welcome = shim._hello(Role.CONTROLLER, within)
                result = first(shim)
                await shim._greet(welcome)
                return shim, result
            except BaseException as error:
                if process is not None:
                    state.kill(process)
                if isinstance(error, SandboxError):
                    await asyncio.to_thread(native.check_helpers)
                raise

    @classmethod
    async def connect(
        cls,
        run_dir: str,
        *,
        controller: bool = False,
        within: float = 10.0,
        silence: Callable[[bool], None] = _no_news,
    ) -> Shim:
        """Connects to the shim that serves ``run_dir``. A controller takes over from the one before."""
        shim = cls(run_dir, transport.dial(run_dir, blocking=False), silence)
        await shim._greet(shim._hello(Role.CONTROLLER if controller else Role.CLIENT, within))
        shim.attempt = shim.snapshot.sandbox_attempt or 0
        return shim

    def _hello(self, role: Role, within: float) -> asyncio.Future[Snapshot]:
        return self._listing(Kind.HELLO, {Tag.ROLE: role}, within)

    async def _greet(self, welcome: asyncio.Future[Snapshot]) -> None:
        try:
            self.snapshot = await welcome
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Closes the connection. What the shim does then depends on the pod's owner."""
        self._end(transport.lost(self.run_dir, errno.ECANCELED), None)

    async def kill(self) -> None:
        """Ends a shim whose process is known and that does not answer any more, and with it all that dies with pause:
        everything but the processes of a hostPID pod. The connection is closed, too."""
        if self.process is not None:
            state.kill(self.process)
        await self.close()

    # --- commands -----------------------------------------------------------------------------------------------------

    def create_sandbox(
        self, command_id: int, spec: SandboxSpec, *, within: float = 60.0
    ) -> asyncio.Future[SandboxCreated]:
        self.attempt = spec.attempt
        return self._with_spec(
            Kind.CREATE_SANDBOX,
            lambda: encode_sandbox(spec),
            lambda message, fds: wire.sandbox_created(message),
            command_id,
            within,
        )

    def stop_sandbox(self, command_id: int, attempt: int, *, within: float = 60.0) -> asyncio.Future[None]:
        """Kills all that is left, then pause; the volumes stay."""
        return self._send(Kind.STOP_SANDBOX, {Tag.ATTEMPT: attempt}, _nothing, command_id, within)

    def prepare_container(self, spec: ContainerSpec, *, after: str = "") -> None:
        """Has everything of a start done that can be done before it is asked for: now, or when the instance with the id
        ``after`` has ended by itself. A hint: when it fails, or the start has another spec, the start does it anew.
        What is not started within half a minute, or before the sandbox ends, vanishes."""
        try:
            encoded = encode_container(spec)
        except wire.WireError:
            return
        sent = self._send_hint(Kind.PREPARE_CONTAINER, encoded, {Tag.CONTAINER_ID: after} if after else {})
        if sent and not after:
            self._prepared[spec.id] = (spec, encoded)

    def forget_container(self, container_id: str) -> None:
        """Has what was prepared vanish; the id must not be of an instance whose start was asked for."""
        self._prepared.pop(container_id, None)
        fields: wire.Fields = {Tag.CONTAINER_ID: container_id, Tag.SIGNAL: signals.SIGKILL, Tag.WHOLE: 1}
        self._quietly(Kind.SIGNAL, fields, self.new_id())

    def start_container(
        self, command_id: int, spec: ContainerSpec, *, within: float = 120.0
    ) -> asyncio.Future[ContainerRunning]:
        prepared, encoded = self._prepared.pop(spec.id, (None, b""))
        return self._with_spec(
            Kind.START_CONTAINER,
            lambda: encoded if prepared is spec else encode_container(spec),
            lambda message, fds: wire.container_running(message),
            command_id,
            within,
        )

    def signal(
        self, command_id: int, container_id: str, signal: int, *, whole: bool = False, within: float = 10.0
    ) -> asyncio.Future[None]:
        """To the first process, or with ``whole`` (SIGKILL only) to everything in the instance. Succeeds when it is
        gone already."""
        fields: wire.Fields = {Tag.CONTAINER_ID: container_id, Tag.SIGNAL: signal, Tag.WHOLE: int(whole)}
        return self._send(Kind.SIGNAL, fields, _nothing, command_id, within)

    def remove_container(self, command_id: int, container_id: str, *, within: float = 60.0) -> asyncio.Future[None]:
        """Forgets a dead instance: its logs, link and writable layers."""
        return self._send(Kind.REMOVE_CONTAINER, {Tag.CONTAINER_ID: container_id}, _nothing, command_id, within)

    def remove_pod(self, command_id: int, *, within: float = 60.0) -> asyncio.Future[None]:
        """Removes all that is left; the shim then exits (its SandboxDeath with record 0 follows in ``records``)."""
        return self._send(Kind.REMOVE_POD, {}, _nothing, command_id, within)

    async def exec(
        self, spec: ExecSpec, *, stdin: int = -1, stdout: int = -1, stderr: int = -1, within: float = 30.0
    ) -> Exec:
        """Starts a process in a container; ``within`` bounds the start only. The descriptors stay the caller's, too:
        all three, or none with ``tty`` or ``output_limit``. With ``attached`` it returns as soon as the command is
        sent: what keeps the process from running is then raised by the result."""
        command = self.new_id()
        session = Exec(self, command)
        fds = [fd for fd in (stdin, stdout, stderr) if fd >= 0]
        self._send_exec(spec, command, fds)
        self._sessions[command] = session
        if spec.attached:
            return session
        future: asyncio.Future[Exec] = self._loop.create_future()
        self._expect(Kind.EXEC, future, session.started, command, within)
        try:
            return await future
        except BaseException as error:
            self._sessions.pop(command, None)
            unanswered = not isinstance(error, SandboxError) or transport.unanswered(error)
            if unanswered and not self.closed:
                # It may have been started all the same, and nobody would end it.
                self._quietly(Kind.KILL_EXEC, {Tag.EXEC_ID: command}, self.new_id())
            raise

    async def attach(
        self, container_id: str, *, stdin: int = -1, stdout: int = -1, stderr: int = -1, within: float = 10.0
    ) -> Attachment:
        """Connects descriptors (which stay the caller's, too) to a container's streams until it ends."""
        command = self.new_id()
        session = Attachment()
        self._sessions[command] = session
        streams = [(1 << bit, fd) for bit, fd in enumerate((stdin, stdout, stderr)) if fd >= 0]
        fields: wire.Fields = {Tag.CONTAINER_ID: container_id, Tag.STREAMS: sum(bit for bit, _ in streams)}
        try:
            await self._send(Kind.ATTACH, fields, _nothing, command, within, [fd for _, fd in streams])
        except BaseException:
            self._sessions.pop(command, None)
            raise
        return session

    def resize(self, target: str | Exec, rows: int, columns: int, *, within: float = 10.0) -> asyncio.Future[None]:
        """The terminal of a container (by its id) or of an exec."""
        whom: wire.Fields = {Tag.CONTAINER_ID: target} if isinstance(target, str) else {Tag.EXEC_ID: target.command_id}
        return self._send(Kind.RESIZE, {**whom, Tag.ROWS: rows, Tag.COLUMNS: columns}, _nothing, self.new_id(), within)

    def kill_exec(self, session: Exec, *, within: float = 10.0) -> asyncio.Future[None]:
        return self._send(Kind.KILL_EXEC, {Tag.EXEC_ID: session.command_id}, _nothing, self.new_id(), within)

    def inspect(self, *, within: float = 10.0) -> asyncio.Future[Snapshot]:
        """What the shim holds now."""
        return self._listing(Kind.LIST, {}, within)

    def open_volume(self, name: str, *, within: float = 10.0) -> asyncio.Future[int]:
        """A descriptor (O_PATH) of the volume's directory; the caller closes it."""
        return self._send(Kind.OPEN_VOLUME, {Tag.NAME: name}, _one_fd, self.new_id(), within)

    # --- records ------------------------------------------------------------------------------------------------------

    async def records(self) -> AsyncIterator[Record]:
        """ContainerExit and SandboxDeath as they come; ends after ``SandboxDeath(record=0)``, which says that the
        connection is gone, and after close(). One consumer at a time. Each must be acknowledged (except record 0)."""
        while (record := await self._records.get()) is not None:
            yield record
        self._records.put_nowait(None)  # for whoever iterates again


class Shims:
    """Makes the shims of one installation. With ``spare``, who makes one pod after the other has one shim ahead, until
    :meth:`close`."""

    def __init__(self, roots: Roots, *, spare: bool = False) -> None:
        self.roots = roots
        self._spare = Spare() if spare else None

    def close(self) -> None:
        """Ends the spare shim; those of pods go on."""
        if self._spare is not None:
            self._spare.close()

    def _spawn(self, listener: socket.socket) -> Owner | None:
        process = self._spare.take(listener) if self._spare is not None else None
        return process or _spawn(listener)

    async def launch(
        self, pod: RegisteredPod, first: Callable[[Shim], T], silence: Callable[[bool], None] = _no_news, /
    ) -> tuple[Shim, T]:
        """Writes down whose the pod is (unless that is done), starts a shim for it, connects as its controller, and
        sends what ``first`` sends without waiting for the shim. ``silence`` as for :meth:`connect`. Raises
        SandboxError; UsageError when the pod belongs to somebody else."""
        register(self.roots, pod)

        def noted(shim: Shim) -> T:
            if pod.owner.kind == "daemon" and shim.process is not None:
                try:
                    state.note_shim(pod.paths.run, shim.process)
                except OSError as error:
                    raise SandboxError("write file", error.errno or 0, pod.paths.run) from None
            shim.hearing.changed = silence
            return first(shim)

        return await Shim.launch(pod.paths.run, noted, spawn=self._spawn)

    async def connect(self, pod: RegisteredPod, silence: Callable[[bool], None], /) -> Shim:
        """Connects as the controller to the shim of a pod that an earlier process launched, however long that takes it
        to answer: the kernel tells of its death, and ``silence`` of its silence. Raises SandboxError; of one with an
        errno of ``transport.LACKS`` it may live."""
        process = state.noted_shim(pod.paths.run)
        try:
            shim = await Shim.connect(pod.paths.run, controller=True, within=math.inf, silence=silence)
        except SandboxError as error:
            if process is not None and error.errno not in transport.LACKS:
                state.kill(process)
            raise
        shim.process = process
        return shim

    def end(self, pod: RegisteredPod) -> None:
        """Kills the pod's shim, which does not answer."""
        process = state.noted_shim(pod.paths.run)
        if process is not None:
            state.kill(process)

    async def reap(self, pod: RegisteredPod) -> None:
        """After a shim's death: ends the processes that the kernel did not (those of hostPID pods)."""
        await asyncio.to_thread(end_processes, pod)

    async def remove(self, pod: RegisteredPod) -> None:
        """Removes everything of a pod that has no shim. Raises SandboxError when something stays."""
        await asyncio.to_thread(remove_pod, pod)

    async def remove_log(self, pod: RegisteredPod, container: str, attempt: int) -> None:
        """The log of an instance that the present shim has never known. Raises SandboxError."""
        await asyncio.to_thread(remove_log, pod, container, attempt)
