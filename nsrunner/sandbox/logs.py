"""Reads the log files of one container instance, across rotations, without loss and without polling.

``<directory>/<attempt>.log`` is the file that the shim writes; it renames a full one to
``<attempt>.log.YYYYMMDD-HHMMSS[-N]`` and begins anew, and deletes the oldest beyond its limit. A reader keeps the file
that it is reading open, so that only whole files which it had not begun can be missed: those are told as Skipped.

Memory is bounded whatever the files hold: a read takes 64 KiB, a line that never ends is passed over.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from nsrunner.sandbox import inotify
from nsrunner.sandbox.log_lines import (
    LogEntry,
    LogItem,
    Renderer,
    Skipped,
    parse_line,
    render,
    timestamp,
    written_since,
)

if TYPE_CHECKING:
    import asyncio

    from nsrunner.sandbox.watches import DirectoryWatch

__all__ = [
    "LogEntry",
    "LogItem",
    "LogReader",
    "Renderer",
    "Skipped",
    "attempts",
    "batches",
    "follow",
    "read",
    "render",
    "tail",
]

_CHUNK: Final = 64 << 10
_LINE_MAX: Final = 1 << 20


class LogReader:
    """One pass over an instance's log. ``read()`` gives what there is; ``fileno()`` tells when to call it again."""

    def __init__(
        self,
        directory: str,
        attempt: int,
        *,
        history: bool = False,
        tail_lines: int | None = None,
        since: float | None = None,
        watch: bool = False,
        notify: DirectoryWatch | None = None,
    ) -> None:
        """``history`` begins with the oldest rotated file that is left, otherwise with the current one, at its last
        ``tail_lines`` lines. Entries older than ``since`` (seconds since the epoch) are left out. ``watch`` makes
        fileno() and waiting possible; ``notify`` is a watch of the directory that the caller has, and goes on to own.

        Raises FileNotFoundError when there is no such log, OSError, HostError.
        """
        self._name = f"{attempt}.log"
        self._since = timestamp(since) if since is not None else ""
        self._notify: inotify.Inotify | DirectoryWatch | None = notify
        self._fd = -1
        self._pending = b""
        self._discarding = False
        self._rotations = 0
        """How often a new file was begun since the one that is being read, as far as inotify has told."""
        self._directory = -1
        try:
            self._directory = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            if watch:  # before the first look, so that nothing falls between
                self._notify = inotify.Inotify(directory, inotify.MODIFY | inotify.CREATE)
            files = self._files()
            if not files:
                raise FileNotFoundError(2, "No such file or directory", f"{directory}/{self._name}")
            self._open(files[0] if history else files[-1])
            self._rotations = len(files) - 1 if history else 0
            if tail_lines is not None:
                os.lseek(self._fd, _tail_offset(self._fd, tail_lines), os.SEEK_SET)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for fd in (self._fd, self._directory):
            if fd >= 0:
                os.close(fd)
        self._fd = self._directory = -1
        if self._notify is not None:
            self._notify.close()
            self._notify = None

    def fileno(self) -> int:
        """Readable when the log may have grown. Only with ``watch``."""
        if not isinstance(self._notify, inotify.Inotify):
            raise ValueError("not watching")
        return self._notify.fileno()

    def read(self) -> list[LogItem]:
        """The next items, at most a chunk's worth; empty when there are none (yet)."""
        self._note_changes()
        while True:
            data = os.read(self._fd, _CHUNK)
            if data:
                items = self._items(data)
                if items:
                    return items
                continue
            if self._is_current():
                return []
            # It was rotated away and is written no more, but may have grown since the read above.
            data = os.read(self._fd, _CHUNK)
            items = self._items(data) if data else self._next_file()
            if items:
                return items

    def finish(self) -> list[LogItem]:
        """A last line without its newline, once the instance has ended and read() gives nothing more."""
        rest, self._pending = self._pending, b""
        return self._wanted([parse_line(rest)]) if rest else []

    # --- files --------------------------------------------------------------------------------------------------------

    def _files(self) -> list[str]:
        """Of this instance, the oldest first, the current one last."""
        prefix = f"{self._name}."
        names = os.listdir(self._directory)
        rotated = sorted((name for name in names if name.startswith(prefix)), key=_rotation_order)
        return rotated + [self._name] * (self._name in names)

    def _open(self, name: str) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        fd = os.open(name, flags, dir_fd=self._directory)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(22, "Not a regular file", name)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd

    def _is_current(self) -> bool:
        """Also when the log was deleted: nothing follows then."""
        try:
            current = os.stat(self._name, dir_fd=self._directory, follow_symlinks=False)
        except FileNotFoundError:
            return not self._files()
        return os.path.samestat(current, os.fstat(self._fd))

    def _next_file(self) -> list[LogItem]:
        """Goes on to the file that was begun after this one; to the oldest that is left when that is gone."""
        items = self._items(b"\n") if self._pending else []
        ours = os.fstat(self._fd)
        while files := self._files():
            if self._note_changes():
                continue  # the list may be older than the count: look again
            following, missing = files, True
            for index, name in enumerate(files):
                try:
                    found = os.stat(name, dir_fd=self._directory, follow_symlinks=False)
                except FileNotFoundError:
                    break  # rotated or deleted under our eyes: look again
                if os.path.samestat(found, ours):
                    following, missing = files[index + 1 :], False
            else:
                try:
                    self._open(following[0] if following else self._name)
                except FileNotFoundError:
                    continue
                skipped = max(0, self._rotations - len(following)) if missing else 0
                self._rotations = max(0, len(following) - 1)
                return items + ([Skipped(skipped * ours.st_size)] if skipped else [])
        return items

    def _note_changes(self) -> int:
        """Counts the files that were begun since the last call."""
        changes = self._notify.changes() if self._notify is not None else ()
        created = sum(1 for change in changes if change.mask & inotify.CREATE and change.name == self._name)
        self._rotations += created
        return created

    # --- lines --------------------------------------------------------------------------------------------------------

    def _items(self, data: bytes) -> list[LogItem]:
        *lines, self._pending = (self._pending + data).split(b"\n")
        items: list[LogItem] = []
        if self._discarding and lines:
            items.append(Skipped(len(lines.pop(0))))
            self._discarding = False
        items += self._wanted([parse_line(line) for line in lines])
        if len(self._pending) > _LINE_MAX or self._discarding:
            items.append(Skipped(len(self._pending)))
            self._pending, self._discarding = b"", True
        return items

    def _wanted(self, entries: list[LogEntry]) -> list[LogItem]:
        if not self._since:
            return list(entries)
        return [entry for entry in entries if written_since(entry, self._since)]


def _rotation_order(name: str) -> tuple[str, int]:
    """``N.log.STAMP[-COUNT]``: several of one second are numbered."""
    stamp = name.rpartition(".log.")[2]
    day, _, rest = stamp.partition("-")
    second, _, count = rest.partition("-")
    return f"{day}-{second}", int(count) if count.isdecimal() else 0


def _tail_offset(fd: int, lines: int) -> int:
    """Where the last ``lines`` lines begin."""
    end = os.fstat(fd).st_size
    if lines <= 0:
        return end
    position, wanted = end, lines
    first = True
    while position > 0:
        size = min(_CHUNK, position)
        position -= size
        chunk = os.pread(fd, size, position)
        at = len(chunk)
        if first and chunk.endswith(b"\n"):
            at -= 1
        first = False
        while (at := chunk.rfind(b"\n", 0, at)) >= 0:
            wanted -= 1
            if wanted == 0:
                return position + at + 1
    return 0


# --- whole logs -------------------------------------------------------------------------------------------------------


def attempts(directory: str) -> list[int]:
    """The instances whose logs are there, oldest first."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return sorted(int(name[:-4]) for name in names if name.endswith(".log") and name[:-4].isdecimal())


def read(
    directory: str,
    attempt: int,
    *,
    history: bool = False,
    tail_lines: int | None = None,
    since: float | None = None,
) -> Iterator[LogItem]:
    """Everything that is there now. Raises FileNotFoundError, OSError."""
    with LogReader(directory, attempt, history=history, tail_lines=tail_lines, since=since) as reader:
        while items := reader.read():
            yield from items
        yield from reader.finish()


def tail(directory: str, attempt: int, *, lines: int, size: int) -> bytes:
    """The end of a log for a termination message: content only, both streams, at most the last ``size`` bytes of the
    last ``lines`` lines. Empty when there is none."""
    kept: deque[bytes] = deque()
    total = 0
    try:
        for text in render(read(directory, attempt, tail_lines=lines)):
            kept.append(text)
            total += len(text)
            while total - len(kept[0]) >= size:
                total -= len(kept.popleft())
    except OSError:
        return b""
    return b"".join(kept)[-size:]


async def batches(
    directory: str,
    attempt: int,
    ended: asyncio.Event,
    *,
    history: bool = True,
    tail_lines: int | None = None,
    since: float | None = None,
) -> AsyncGenerator[list[LogItem], None]:
    """Everything that is and will be there, as it comes, until ``ended`` is set (the instance has ended) and all is
    read.

    Raises FileNotFoundError when there is no such log, OSError, HostError.
    """
    import asyncio  # here, because `nsrunner logs` reads without an event loop, and starts in half the time

    from nsrunner.sandbox.watches import Watches

    grown = asyncio.Event()
    history = history and tail_lines is None
    watch = Watches.of_this_loop().add(directory, grown.set)  # before the first look, so that nothing falls between
    with LogReader(directory, attempt, history=history, tail_lines=tail_lines, since=since, notify=watch) as reader:
        stop = asyncio.ensure_future(ended.wait())  # bare, because a generator must not hold a task group across yields
        stop.add_done_callback(lambda _: grown.set())
        try:
            while True:
                grown.clear()
                over = ended.is_set()
                items = reader.read()
                if items:
                    yield items
                    await asyncio.sleep(0)  # a fast writer must not keep the loop for itself
                elif over:
                    break
                else:
                    await grown.wait()
            if items := reader.finish():
                yield items
        finally:
            stop.cancel()


async def follow(
    directory: str,
    attempt: int,
    ended: asyncio.Event,
    *,
    history: bool = True,
    tail_lines: int | None = None,
    since: float | None = None,
) -> AsyncIterator[LogItem]:
    """The items of :func:`batches` one by one."""
    coming = batches(directory, attempt, ended, history=history, tail_lines=tail_lines, since=since)
    async with aclosing(coming):
        async for items in coming:
            for item in items:
                yield item
