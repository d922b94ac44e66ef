"""Manifests in a directory, or a single one: read when they change, and all of them again from time to time."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from nsrunner.errors import HostError
from nsrunner.sandbox.inotify import CREATE, DELETE_SELF, MODIFY, MOVED_TO, OVERFLOW, Inotify
from nsrunner.sources.manifests import SIZE_MAX, Manifest, Manifests, read_manifest
from nsrunner.sources.trust import untrusted, untrusted_file

__all__ = ["DirectorySource"]

log = logging.getLogger(__name__)

_CLOSE_WRITE = 0x8
_MOVED_FROM = 0x40
_DELETE = 0x200
_ATTRIB = 0x4
_EVENTS = CREATE | MODIFY | MOVED_TO | DELETE_SELF | _CLOSE_WRITE | _MOVED_FROM | _DELETE | _ATTRIB
_SETTLED = 0.002
"""Seconds of quiet after which a directory is read: a file that is renamed into it is whole, and a storm of edits is
one."""
_UNREAD = (0, 0, 0, 0, 0)
"""Of a file that could not be read: it is tried again."""
_LONGEST = 1.0
"""Seconds for which a storm may put the reading off."""


class DirectorySource:
    """``changed`` is called with everything that there is: at the beginning, and whenever something is different.

    Files whose names begin with a dot are left out, as are directories and special files. A path that does not exist
    is an empty source until it does. What others than root could have written is a problem, not a manifest. A file that
    somebody writes to is what it was before, or nothing, until the writer closes it (or the time of a regular look has
    come).
    """

    def __init__(self, path: str, *, seconds: float, changed: Callable[[Manifests], None]) -> None:
        self._path = os.path.normpath(path)
        self._seconds = seconds
        self._changed = changed
        self._wake = asyncio.Event()
        self._writing: set[str] = set()
        """Paths of files that were written to and not closed since."""
        self._inside = -1
        """The watch of the directory itself."""
        self._known: dict[str, tuple[tuple[int, ...], Manifest]] = {}

    async def run(self) -> None:
        """Until it is cancelled."""
        notify: Inotify | None = None
        loop = asyncio.get_running_loop()
        told: Manifests | None = None
        try:
            while True:
                if notify is None:
                    notify = self._watch()
                    if notify is not None:
                        loop.add_reader(notify.fileno(), self._heard, notify)
                self._wake.clear()
                writing = frozenset(self._writing)
                manifests = await asyncio.to_thread(self._read, writing)
                if notify is not None:
                    self._heard(notify)
                    if self._writing - writing:  # one of them may have been read half written
                        continue
                if manifests is not None and manifests != told:
                    self._changed(manifests)
                    told = manifests
                try:
                    async with asyncio.timeout(self._seconds):
                        await self._wake.wait()
                        await self._settle()
                except TimeoutError:
                    self._writing.clear()
        finally:
            if notify is not None:
                loop.remove_reader(notify.fileno())
                notify.close()

    async def _settle(self) -> None:
        """Until nothing has happened for a moment."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _LONGEST
        while (left := end - loop.time()) > 0:
            self._wake.clear()
            try:
                async with asyncio.timeout(min(left, _SETTLED)):
                    await self._wake.wait()
            except TimeoutError:
                return

    def _watch(self) -> Inotify | None:
        """Of the directory, or of that in which the file is; the parent tells when a missing directory comes."""
        try:
            notify = Inotify()
            try:
                notify.add(os.path.dirname(self._path), _EVENTS)
            except FileNotFoundError:
                pass
            self._watch_inside(notify)
            return notify
        except (HostError, OSError) as error:
            log.warning("%s: changes are seen every %g seconds only: %s", self._path, self._seconds, error)
            return None

    def _heard(self, notify: Inotify) -> None:
        for change in notify.changes():
            path = os.path.join(self._path, change.name) if change.watch == self._inside else self._beside(change.name)
            if change.mask & OVERFLOW:
                self._writing.clear()
            elif change.mask & MODIFY:
                self._writing.add(path)
                continue
            elif not change.mask & _ATTRIB:
                self._writing.discard(path)
            if change.mask & (CREATE | MOVED_TO) and path == self._path and change.watch != self._inside:
                self._watch_inside(notify)
            self._wake.set()

    def _beside(self, name: str) -> str:
        return os.path.join(os.path.dirname(self._path), name)

    def _watch_inside(self, notify: Inotify) -> None:
        try:
            self._inside = notify.add(self._path, _EVENTS)
        except (HostError, OSError):
            pass  # it is a file, which its directory's watch tells of, or gone again

    # --- reading, in a thread -----------------------------------------------------------------------------------------

    def _read(self, writing: AbstractSet[str]) -> dict[str, Manifest] | None:
        """All files; those that are as they were are not read again. None: nothing can be known now."""
        paths = self._files()
        if paths is None:
            return None
        known, self._known = self._known, {}
        found: dict[str, Manifest] = {}
        trusted: dict[str, str] = {}
        """By directory: what is wrong with it."""
        for path in paths:
            if path in writing:
                if path in known:
                    self._known[path] = (_UNREAD, known[path][1])
                    found[path] = known[path][1]
                continue
            try:
                facts = os.stat(path)
                if not stat.S_ISREG(facts.st_mode):
                    continue
                directory = os.path.dirname(os.path.realpath(path))
                if directory not in trusted:
                    trusted[directory] = untrusted(directory, listed=path != self._path)
                mark = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
                before = known.get(path)
                if trusted[directory]:
                    mark, manifest = _UNREAD, Manifest(path, problem=f"{path}: not read: {trusted[directory]}")
                elif before is not None and before[0] == mark:
                    manifest = before[1]
                else:
                    manifest = _manifest(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                mark, manifest = _UNREAD, Manifest(path, problem=f"{path}: {error.strerror}")
            self._known[path] = (mark, manifest)
            found[path] = manifest
        return found

    def _files(self) -> list[str] | None:
        try:
            names = os.listdir(self._path)
        except NotADirectoryError:
            return [self._path]
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("%s: %s", self._path, error.strerror)
            return None
        return [os.path.join(self._path, name) for name in sorted(names) if not name.startswith(".")]


def _manifest(path: str) -> Manifest:
    """What a regular file says. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)  # it may be another file by now
    with open(fd, "rb") as file:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            raise FileNotFoundError
        if problem := untrusted_file(facts):
            return Manifest(path, problem=f"{path}: not read: {problem}")
        return read_manifest(path, file.read(SIZE_MAX + 1))
