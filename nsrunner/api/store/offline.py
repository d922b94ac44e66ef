"""The store's file as it is, for those who look while no daemon runs."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

import msgspec

from nsrunner.api.store.disk import SCHEMA, connect_for_reading
from nsrunner.api.store.values import StoreError

__all__ = ["Snapshot", "read_offline"]


class Snapshot(msgspec.Struct, frozen=True):
    """What a file holds."""

    objects: list[dict[str, Any]]
    written: float
    """When something was written last, in seconds since the epoch."""


def read_offline(path: str, resource: str, namespace: str | None = None) -> Snapshot:
    """The objects of one resource (and namespace), sorted by namespace and name. Changes nothing.

    Raises StoreError; FileNotFoundError when there is no store.
    """
    files = [name for name in (path, f"{path}-wal") if os.path.exists(name)]
    written = max((os.stat(name).st_mtime for name in files), default=0.0)
    if not os.path.exists(path):
        raise FileNotFoundError(path)
    query = "SELECT object FROM objects WHERE resource = ?"
    values = [resource]
    if namespace is not None:
        query += " AND namespace = ?"
        values.append(namespace)
    try:
        connection = connect_for_reading(path)
        try:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found > SCHEMA:
                raise StoreError(f"{path}: written by a newer nsrunner (version {found}, this one knows {SCHEMA})")
            rows = connection.execute(f"{query} ORDER BY namespace, name", values).fetchall()
        finally:
            connection.close()
        return Snapshot([msgspec.json.decode(data, type=dict[str, Any]) for (data,) in rows], written)
    except (sqlite3.Error, msgspec.DecodeError) as error:
        raise StoreError(f"{path}: {error}") from None
