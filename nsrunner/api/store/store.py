"""The objects, their versions, and their way to the disk."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Literal

from nsrunner.api.store.disk import Disk, Loaded, Write, Writer
from nsrunner.api.store.values import Change, Changed, Exists, Key, Missing, StoreUnavailable
from nsrunner.api.store.watch import WINDOW, History, Watch

__all__ = ["TEMPORARY_MAX", "Store"]

TEMPORARY_MAX = 2500
"""Objects that may have a time to live: of more, what would go first goes at once."""


class Store:
    """All objects of the API. Made by :meth:`open`; used from one event loop.

    Objects are JSON-ready values that nobody changes: neither the store nor those who got them. Each write gives the
    object the next ``metadata.resourceVersion``, of which there is one count for everything.
    """

    def __init__(
        self, disk: Disk, loaded: Loaded, wall: Callable[[], float], told: Callable[[str], None] = lambda problem: None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = told
        self._wall = wall
        self._objects: dict[str, dict[Key, dict[str, Any]]] = defaultdict(dict)
        self._expiries: dict[Key, float] = {}
        self._agenda: list[tuple[float, Key]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._version = max(1, loaded.version)
        self._on_disk = self._version
        self._problem = ""
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._history = History(loaded.changes, self._version)
        for key, object, expires in loaded.objects:
            self._objects[key.resource][key] = object
            self._expire_at(key, expires)
        self._writer = Writer(disk, self._report)
        self._expire()

    @classmethod
    async def open(
        cls, path: str, *, wall: Callable[[], float], told: Callable[[str], None] = lambda problem: None
    ) -> Store:
        """The store of a file, which is made when there is none. ``wall`` gives seconds since the epoch; ``told`` is
        called with :attr:`problem` whenever it is another one.

        Raises StoreError when it is damaged, of a newer release, or cannot be written.
        """

        def load() -> tuple[Disk, Loaded]:
            disk = Disk(path, window=WINDOW)
            try:
                return disk, disk.load()
            except BaseException:
                disk.close()
                raise

        return cls(*await asyncio.to_thread(load), wall, told)

    async def close(self) -> None:
        """Writes what is there and ends all watches."""
        if self._timer is not None:
            self._timer.cancel()
        self._history.close()
        await asyncio.to_thread(self._writer.close)

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """The newest resourceVersion."""
        return self._version

    def get(self, key: Key) -> dict[str, Any] | None:
        return self._objects[key.resource].get(key)

    def list(self, resource: str, namespace: str | None = None) -> list[dict[str, Any]]:
        """Of one namespace, or of all (None); sorted by namespace and name."""
        objects = self._objects[resource]
        return [objects[key] for key in sorted(objects) if namespace in (None, key.namespace)]

    def watch(
        self,
        resource: str,
        namespace: str | None = None,
        since: int | None = None,
        *,
        wanted: Callable[[Change], bool] | None = None,
    ) -> Watch:
        """What happens after version ``since``, or from now on, and is ``wanted``. Raises Expired when that is too long
        ago."""
        return self._history.watch(resource, namespace, since, wanted)

    # --- writing ------------------------------------------------------------------------------------------------------

    def create(self, key: Key, object: dict[str, Any], *, ttl: float | None = None) -> dict[str, Any]:
        """``ttl``: seconds after which it is deleted. Raises Exists."""
        if key in self._objects[key.resource]:
            raise Exists(key)
        return self._put("ADDED", key, object, None, ttl)

    def update(
        self, key: Key, object: dict[str, Any], *, expected: int | None = None, ttl: float | None = None
    ) -> dict[str, Any]:
        """Replaces it; one that says the same keeps its version. Raises Missing, or Changed when its version is not the
        ``expected`` one."""
        old = self._expected(key, expected)
        if ttl is None and _content(old) == _content(object):
            return old
        return self._put("MODIFIED", key, object, old, ttl)

    def delete(self, key: Key, *, expected: int | None = None) -> dict[str, Any]:
        """Gives what it was, with the version of its deletion. Raises Missing, Changed."""
        old = self._expected(key, expected)
        del self._objects[key.resource][key]
        self._expiries.pop(key, None)
        return self._change("DELETED", key, old, old, None)

    async def committed(self) -> None:
        """Waits until all that has been written so far is on disk. Raises StoreUnavailable when it cannot be at the
        moment: it is tried again without being asked for."""
        if self._on_disk >= self._version:
            return
        waiter = self._loop.create_future()
        self._waiters.append((self._version, waiter))
        await waiter

    @property
    def problem(self) -> str:
        """Why nothing can be written to the disk now; empty when it can."""
        return self._problem

    def _expected(self, key: Key, version: int | None) -> dict[str, Any]:
        old = self._objects[key.resource].get(key)
        if old is None:
            raise Missing(key)
        if version is not None and old["metadata"]["resourceVersion"] != str(version):
            raise Changed(key)
        return old

    def _put(
        self,
        type: Literal["ADDED", "MODIFIED"],
        key: Key,
        object: dict[str, Any],
        old: dict[str, Any] | None,
        ttl: float | None,
    ) -> dict[str, Any]:
        expires = None if ttl is None else self._wall() + ttl
        stored = self._change(type, key, object, old, expires)
        self._objects[key.resource][key] = stored
        self._expiries.pop(key, None)
        if expires is not None:
            self._expire_at(key, expires)
            if len(self._expiries) > TEMPORARY_MAX:
                self._expire()
            else:
                self._set_timer()
        return stored

    def _change(
        self,
        type: Literal["ADDED", "MODIFIED", "DELETED"],
        key: Key,
        object: dict[str, Any],
        previous: dict[str, Any] | None,
        expires: float | None,
    ) -> dict[str, Any]:
        self._version += 1
        stored = {**object, "metadata": {**object["metadata"], "resourceVersion": str(self._version)}}
        change = Change(type, key, stored, previous, self._version)
        self._writer.put(Write(change, expires))
        self._history.add(change)
        return stored

    def _report(self, version: int, problem: str) -> None:
        """In the writer's thread."""
        self._loop.call_soon_threadsafe(self._written, version, problem)

    def _written(self, version: int, problem: str) -> None:
        before, self._problem = self._problem, problem
        self._on_disk = max(self._on_disk, version)
        if problem != before:
            self._told(problem)
        waiting, self._waiters = self._waiters, []
        for wanted, waiter in waiting:
            if waiter.done():
                continue
            if wanted <= self._on_disk:
                waiter.set_result(None)
            elif problem:
                waiter.set_exception(StoreUnavailable(problem))
            else:
                self._waiters.append((wanted, waiter))

    # --- expiry -------------------------------------------------------------------------------------------------------

    def _expire_at(self, key: Key, when: float | None) -> None:
        if when is not None:
            self._expiries[key] = when
            heapq.heappush(self._agenda, (when, key))

    def _expire(self) -> None:
        """Deletes what has had its time, or is too much, and sets the timer for what comes next."""
        now = self._wall()
        while self._agenda and (self._agenda[0][0] <= now or len(self._expiries) > TEMPORARY_MAX):
            when, key = heapq.heappop(self._agenda)
            if self._expiries.get(key) == when:
                with contextlib.suppress(Missing):
                    self.delete(key)
        self._set_timer()

    def _set_timer(self) -> None:
        """An entry may be stale: then the timer comes for nothing, once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._agenda:
            self._timer = self._loop.call_later(max(0.0, self._agenda[0][0] - self._wall()), self._expire)


def _content(object: dict[str, Any]) -> dict[str, Any]:
    """All but the version."""
    return {**object, "metadata": {**object["metadata"], "resourceVersion": ""}}
