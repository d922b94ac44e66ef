"""Connects a command in a container to our standard streams, or to our terminal.

A pipe or a socket goes to the command as it is: nothing is copied. A terminal never does, because whoever holds one can
type into it (TIOCSTI), nor does a file of ours: root in the container can open it again by /proc/self/fd, to write what
we gave it to read. Then pipes, or with a tty the pty that the shim makes, lie in between.
"""

from __future__ import annotations

import os
import select
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from .terminal import ended_by_signals, raw, size

if TYPE_CHECKING:
    from ..sandbox.client import Client, ClientExec
    from ..sandbox.exec_spec import ExecSpec
    from ..sandbox.records import ExecResult

__all__ = ["Copies", "resizes", "session"]

T = TypeVar("T")
_CHUNK: Final = 65536
_END_OF_FILE: Final = b"\x04"
"""What ends the input of a terminal in its usual settings (VEOF)."""


def session(client: Client, spec: ExecSpec, *, stdin: bool) -> ExecResult:
    """Run the command to its end. Raises SandboxError; BrokenPipeError when our reader went away."""
    with ended_by_signals():
        if spec.tty:
            return _with_terminal(client, spec, stdin)
        return _with_streams(client, spec, stdin)


def _with_terminal(client: Client, spec: ExecSpec, stdin: bool) -> ExecResult:
    running = client.exec(spec)
    assert running.console is not None
    console = running.console
    try:
        with resizes() as resized, raw(0 if stdin else -1):
            copies = Copies()
            copies.add(console, 1)
            if stdin:
                copies.add(0, console, end=_END_OF_FILE)
            return copies.run(client, running, resized)
    finally:
        os.close(console)


def _with_streams(client: Client, spec: ExecSpec, stdin: bool) -> ExecResult:
    copies = Copies()
    theirs: list[int] = []
    ours: list[int] = []
    given: list[int] = []
    try:
        for fd in (0, 1, 2):
            if fd == 0 and not stdin:
                theirs.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
                given.append(theirs[-1])
            elif _may_be_given(fd):
                given.append(fd)
            else:
                read, write = os.pipe2(os.O_CLOEXEC)
                inner, outer = (read, write) if fd == 0 else (write, read)
                theirs.append(inner)
                ours.append(outer)
                given.append(inner)
                if fd == 0:
                    copies.add(0, outer, close=True)
                else:
                    copies.add(outer, fd)
        running = client.exec(spec, stdin=given[0], stdout=given[1], stderr=given[2])
        while theirs:
            os.close(theirs.pop())
        return copies.run(client, running, None)
    finally:
        for fd in (*theirs, *(fd for fd in ours if fd not in copies.closed)):
            os.close(fd)


def _may_be_given(fd: int) -> bool:
    try:
        facts = os.fstat(fd)
    except OSError:
        return True  # closed: giving it fails, and says so
    null = stat.S_ISCHR(facts.st_mode) and facts.st_rdev == os.makedev(1, 3)
    return null or stat.S_ISFIFO(facts.st_mode) or stat.S_ISSOCK(facts.st_mode)


@contextmanager
def resizes() -> Iterator[int]:
    """A descriptor that becomes readable when the terminal has another size."""
    read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def changed(*_: object) -> None:
        try:
            os.write(write, b"w")
        except BlockingIOError:  # it is told already
            pass

    before = signal.signal(signal.SIGWINCH, changed)
    try:
        yield read
    finally:
        signal.signal(signal.SIGWINCH, before)
        os.close(read)
        os.close(write)


class Copies:
    """Copies from descriptors to descriptors while the command runs."""

    def __init__(self) -> None:
        self._targets: dict[int, tuple[int, bytes, bool]] = {}
        self.closed: set[int] = set()

    def add(self, source: int, target: int, *, end: bytes = b"", close: bool = False) -> None:
        """``end`` is written to the target when the source ends; ``close``: the target is closed then."""
        self._targets[source] = (target, end, close)

    def run(self, client: Client, running: ClientExec, resized: int | None) -> ExecResult:
        """Until the command has ended."""
        return self.until(client, lambda: client.result(running), resized, lambda: client.resize(running, *size()))

    def until(self, client: Client, over: Callable[[], T | None], resized: int | None, resize: Callable[[], None]) -> T:
        """Until ``over`` gives something. ``resized`` is readable when our terminal has another size."""
        poll = select.poll()
        poll.register(client, select.POLLIN)
        if resized is not None:
            poll.register(resized, select.POLLIN)
        for source in self._targets:
            poll.register(source, select.POLLIN)
        while (result := over()) is None:
            for fd, _ in poll.poll():
                if fd == client.fileno():
                    client.process()
                elif fd == resized:
                    _drain(fd)
                    resize()
                elif not self._copy(fd):
                    poll.unregister(fd)
        self._take_the_rest()
        return result

    def _copy(self, source: int) -> bool:
        """One chunk; False when the source, or the reader of what we write, has ended."""
        target, end, close = self._targets[source]
        try:
            data = os.read(source, _CHUNK)
        except OSError:  # EIO: the last user of the pty is gone
            data = b""
        try:
            _write_fully(target, data or end)
        except BrokenPipeError:
            if target in (1, 2):
                raise
            data = b""  # the command does not read any more
        except OSError:
            if target in (1, 2):
                raise
            data = b""  # the pty is closed
        if not data and close and target not in self.closed:
            self.closed.add(target)
            os.close(target)
        return bool(data)

    def _take_the_rest(self) -> None:
        """What the command wrote before it ended. Whatever it left in the background may write on; we do not wait."""
        for source, (target, _, _) in self._targets.items():
            if target not in (1, 2) or source in self.closed:
                continue
            poll = select.poll()
            poll.register(source, select.POLLIN)
            while any(events & select.POLLIN for _, events in poll.poll(0)):
                if not self._copy(source):
                    break


def _drain(fd: int) -> None:
    try:
        while os.read(fd, 4096):
            pass
    except BlockingIOError:
        pass


def _write_fully(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()
