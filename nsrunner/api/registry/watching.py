"""One watch: the events that a client is told, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from nsrunner.api import errors
from nsrunner.api.registry.selection import Json, Selection
from nsrunner.api.resources import Resource
from nsrunner.api.store import Change, Expired, Watch

__all__ = ["Watching"]


class Watching:
    """Made by :meth:`Registry.watch`; to be closed. Also an async iterator of single events."""

    def __init__(self, watch: Watch, resource: Resource, selection: Selection, first: Sequence[Json]) -> None:
        """``first``: events before those of the watch."""
        self._watch = watch
        self._resource = resource
        self._selection = selection
        self._events = list(first)

    async def more(self, seconds: float | None = None) -> list[Json]:
        """What has happened since the last call. When that is nothing, what happens next; empty after ``seconds`` in
        which nothing has, and when the store closes (:attr:`ended`). May be cancelled without loss.

        Raises ApiError (410) when the client did not keep up.
        """
        loop = asyncio.get_running_loop()
        end = None if seconds is None else loop.time() + seconds
        while not self._events and not self._watch.ended:
            try:
                async with asyncio.timeout_at(end):
                    await self._watch.wait()
                self._events = [event for change in self._watch.take() if (event := self._event(change)) is not None]
            except TimeoutError:
                break
            except Expired as error:
                raise errors.expired(str(error)) from None
        events, self._events = self._events, []
        return events

    @property
    def ended(self) -> bool:
        """There will be no more."""
        return self._watch.ended and not self._events

    def close(self) -> None:
        """May be called again."""
        self._watch.close()

    def __aiter__(self) -> Watching:
        return self

    async def __anext__(self) -> Json:
        events = await self.more()
        if not events:
            raise StopAsyncIteration
        self._events = events[1:]
        return events[0]

    def _event(self, change: Change) -> Json | None:
        has = self._selection.has
        was = change.previous is not None and has(change.previous)
        if change.type != "DELETED" and has(change.object):
            return {"type": "MODIFIED" if was else "ADDED", "object": self._resource.shown(change.object)}
        return {"type": "DELETED", "object": self._resource.shown(change.object)} if was else None
