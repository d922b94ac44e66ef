"""The file: its tables, and the thread that writes to it.

SQLite in WAL mode, synchronous=FULL: a commit is on disk when it returns, and a power cut in the middle of one leaves
the file as it was before it. What cannot be written is kept and tried again, so that a disk that was full for a while
has lost nothing (https://www.sqlite.org/wal.html).
"""

from __future__ import annotations

import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Final

import msgspec

from nsrunner.api.store.values import Change, Key, StoreError

__all__ = ["SCHEMA", "Disk", "Loaded", "Write", "Writer", "connect_for_reading"]

SCHEMA: Final = 1
"""Of the tables; a file with a higher one is of a newer release."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    object BLOB NOT NULL, expires REAL,
    PRIMARY KEY (resource, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
    version INTEGER PRIMARY KEY, type TEXT NOT NULL,
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    object BLOB NOT NULL, previous BLOB
);
"""

_RETRY: Final = (0.5, 1.0, 2.0, 5.0)
"""Seconds until a failed commit is tried again; the last one from then on. A new write tries at once."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Write(msgspec.Struct, frozen=True):
    """A change on its way to the file."""

    change: Change
    expires: float | None
    """Seconds since the epoch; None: never."""


class Loaded(msgspec.Struct, frozen=True):
    """What a file held."""

    objects: list[tuple[Key, dict[str, Any], float | None]]
    changes: list[Change]
    version: int


def _connect(path: str) -> sqlite3.Connection:
    # Statements begin no transaction by themselves (isolation_level None); one thread at a time uses the connection.
    return sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)


def connect_for_reading(path: str) -> sqlite3.Connection:
    """A connection that changes nothing. Raises sqlite3.Error."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5, isolation_level=None)


class Disk:
    """The file, for one thread at a time. Raises StoreError when it cannot be opened."""

    def __init__(self, path: str, *, window: int) -> None:
        self._path = path
        self._window = window
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))  # secrets are in it
            self._connection = _connect(path)
            self._prepare()
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from None
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {error}") from None

    def _prepare(self) -> None:
        run = self._connection.execute
        (found,) = run("PRAGMA user_version").fetchone()
        if found > SCHEMA:
            raise StoreError(f"{self._path}: written by a newer nsrunner (version {found}, this one knows {SCHEMA})")
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=FULL")
        if found != SCHEMA:  # otherwise nothing is written: there may be no room
            self._connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={SCHEMA}; COMMIT;")
        (sound,) = run("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise StoreError(f"{self._path}: damaged: {sound}")

    def load(self) -> Loaded:
        """Raises StoreError when the file is damaged."""
        run = self._connection.execute
        try:
            objects = [
                (Key(resource, namespace, name), _decode(data), expires)
                for resource, namespace, name, data, expires in run(
                    "SELECT resource, namespace, name, object, expires FROM objects"
                )
            ]
            changes = [
                Change(type, Key(resource, namespace, name), _decode(data), before and _decode(before), version)
                for version, type, resource, namespace, name, data, before in run(
                    "SELECT version, type, resource, namespace, name, object, previous FROM changes ORDER BY version"
                )
            ]
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise StoreError(f"{self._path}: damaged: {error}") from None
        return Loaded(objects, changes, changes[-1].version if changes else 0)

    def write(self, items: list[Write]) -> None:
        """All or nothing. Raises sqlite3.Error."""
        connection = self._connection
        newest = {item.change.key: item for item in items}.items()  # of the writes of one object the last one counts
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)",
                [
                    (*_columns(key), _encode(item.change.object), item.expires)
                    for key, item in newest
                    if item.change.type != "DELETED"
                ],
            )
            connection.executemany(
                "DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?",
                [_columns(key) for key, item in newest if item.change.type == "DELETED"],
            )
            connection.executemany("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?)", (_row(item) for item in items))
            connection.execute("DELETE FROM changes WHERE version <= ?", (items[-1].change.version - self._window,))
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # what was committed is safe without it
            self._connection.close()


def _columns(key: Key) -> tuple[str, str, str]:
    return key.resource, key.namespace, key.name


def _row(item: Write) -> tuple[Any, ...]:
    change = item.change
    before = None if change.previous is None else _encode(change.previous)
    return (change.version, change.type, *_columns(change.key), _encode(change.object), before)


class Writer:
    """The thread that commits. ``done(version, problem)`` is called in it: everything up to the version is on disk, or
    why nothing can be written now."""

    def __init__(self, disk: Disk, done: Callable[[int, str], None]) -> None:
        self._disk = disk
        self._done = done
        self._queue: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="nsrunner store", daemon=True)
        self._thread.start()

    def put(self, item: Write) -> None:
        self._queue.put(item)

    def close(self) -> None:
        """Writes what is there, once, and ends. Blocks; may be called again."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        pending: list[Write] = []
        failures = 0
        last = False
        while not last:
            wait = _RETRY[min(failures, len(_RETRY)) - 1] if pending else None
            with contextlib.suppress(queue.Empty):
                item = self._queue.get(timeout=wait)
                while True:
                    if item is None:
                        last = True
                    else:
                        pending.append(item)
                    item = self._queue.get_nowait()
            if not pending:
                continue
            try:
                self._disk.write(pending)
            except sqlite3.Error as error:
                failures += 1
                self._done(0, str(error))
            else:
                failures = 0
                self._done(pending[-1].change.version, "")
                pending = []
        self._disk.close()
