"""Sockets inside a pod's network namespace, for probes and hooks: made by one thread that does nothing else.

A socket belongs for ever to the namespace in which it was made. Making one takes the calling thread there and back
(9 microseconds), so all are made by a single thread that is started once: no other thread of the program ever changes
its namespace, not even for a moment. What is asked for in one turn of a loop goes there and comes back together: the
way between threads costs more than the work.
"""

from __future__ import annotations

import asyncio
import os
import queue
import socket
import threading
from typing import Final

from nsrunner.errors import SandboxError
from nsrunner.sandbox import native

__all__ = ["sockets_in_pod"]

_BATCH: Final = 64
_FLAGS: Final = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC

Answer = asyncio.Future[list[socket.socket]]
Made = tuple[Answer, list[socket.socket] | SandboxError]


class _Request:
    __slots__ = ("answer", "count", "family", "kind", "loop", "pidfd")

    def __init__(self, pidfd: int, count: int, family: int, kind: int) -> None:
        try:
            self.pidfd = os.dup(pidfd)  # by the time that it is used, the caller's may be closed, or another pod's
        except OSError as error:
            raise SandboxError("make socket", error.errno or 0) from None
        self.count = count
        self.family = family
        self.kind = kind
        self.loop = asyncio.get_running_loop()
        self.answer: Answer = self.loop.create_future()

    def make(self) -> list[socket.socket] | SandboxError:
        made: list[socket.socket] = []
        try:
            for _ in range(self.count):
                fd = native.socket_at(self.pidfd, self.family, self.kind | _FLAGS)
                made.append(socket.socket(self.family, self.kind | _FLAGS, 0, fd))
        except OSError as error:
            return made or SandboxError("make socket", error.errno or 0)
        finally:
            os.close(self.pidfd)
        return made


class _Maker:
    """The thread and what it has to do."""

    def __init__(self) -> None:
        self._turns: dict[asyncio.AbstractEventLoop, list[_Request]] = {}
        self._batches: queue.SimpleQueue[list[_Request]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="nsrunner-sockets", daemon=True).start()

    def ask(self, request: _Request) -> None:
        turn = self._turns.get(request.loop)
        if turn is None:
            self._turns[request.loop] = turn = []
            request.loop.call_soon(self._end_turn, request.loop)
        turn.append(request)

    def _end_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        turn = self._turns.pop(loop)
        for start in range(0, len(turn), _BATCH):
            self._batches.put(turn[start : start + _BATCH])

    def _work(self) -> None:
        while True:
            batch = self._batches.get()
            made: list[Made] = [(request.answer, request.make()) for request in batch]
            try:
                batch[0].loop.call_soon_threadsafe(_deliver, made)
            except RuntimeError:  # the loop is closed: nobody waits any more
                _discard(made)


def _deliver(answers: list[Made]) -> None:
    for future, made in answers:
        if future.done():
            _discard([(future, made)])
        elif isinstance(made, SandboxError):
            future.set_exception(made)
        else:
            future.set_result(made)


def _discard(answers: list[Made]) -> None:
    for _, made in answers:
        for sock in made if isinstance(made, list) else ():
            sock.close()


_lock = threading.Lock()
_maker: _Maker | None = None


def _forget() -> None:
    """A child of fork has no such thread."""
    global _maker, _lock
    _maker, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)


def _the_maker() -> _Maker:
    global _maker
    with _lock:
        if _maker is None:
            native.load()  # not in the thread: a failure is the caller's
            _maker = _Maker()
        return _maker


async def sockets_in_pod(
    pidfd: int, count: int = 1, *, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM
) -> list[socket.socket]:
    """So many nonblocking sockets (at least one; fewer than asked for when the process may have no more) in the network
    namespace of the process behind ``pidfd``, such as a pod's pause process. Sockets that nobody waits for any more are
    closed.

    Raises SandboxError (errno ESRCH: the process is gone), HostError.
    """
    maker = _the_maker()
    request = _Request(pidfd, count, family, kind)
    maker.ask(request)
    try:
        return await request.answer
    except asyncio.CancelledError:
        answer = request.answer
        if answer.done() and not answer.cancelled() and answer.exception() is None:
            _discard([(answer, answer.result())])  # they came at the moment of the cancellation
        raise
