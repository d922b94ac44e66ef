"""A watch over HTTP: one JSON document a line for as long as both sides like."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import Any, Final

import msgspec
from aiohttp import web

from nsrunner.api.errors import ApiError
from nsrunner.api.registry import Json, Registry
from nsrunner.api.resources import Resource
from nsrunner.api.server.forms import Include, shown, table
from nsrunner.api.server.media import Form
from nsrunner.api.server.requests import number, truth

__all__ = ["watch"]

_BOOKMARK_SECONDS: Final = 60.0
"""How often a client that wants them hears how far it is when nothing happens."""
_MIN_SECONDS: Final = 1800
"""Without timeoutSeconds a watch ends after this time, or up to twice of it (apiserver --min-request-timeout)."""
_STALL_SECONDS: Final = 60.0
"""For which a client may leave what it was sent unread."""

_encode = msgspec.json.encode


async def watch(
    request: web.Request, registry: Registry, resource: Resource, namespace: str | None, name: str, form: Form
) -> web.StreamResponse:
    """Answers with the changes of a resource, or of one object of it. Raises ApiError before the first byte only."""
    query = request.query
    fields = query.get("fieldSelector", "")
    if name:
        fields = f"metadata.name={name}" + (f",{fields}" if fields else "")
    events = registry.watch(
        resource,
        namespace,
        label_selector=query.get("labelSelector", ""),
        field_selector=fields,
        since=query.get("resourceVersion", ""),
        initial_events=truth(request, "sendInitialEvents"),
    )
    bookmarks = truth(request, "allowWatchBookmarks")
    seconds = number(request, "timeoutSeconds") or random.randint(_MIN_SECONDS, 2 * _MIN_SECONDS)  # noqa: S311
    deadline = time.monotonic() + seconds
    lines = _Lines(resource, form, query.get("includeObject", "Metadata"))  # type: ignore[arg-type] # others: Metadata
    response = web.StreamResponse(headers={"Content-Type": form.type, "Cache-Control": "no-cache, private"})
    coming: asyncio.Task[Json] = asyncio.ensure_future(anext(events))
    try:
        # A watch that cannot begin is an ordinary error.
        await asyncio.wait([coming], timeout=0)
        if coming.done() and isinstance(coming.exception(), ApiError):
            coming.result()
        await response.prepare(request)
        while (left := deadline - time.monotonic()) > 0:
            await asyncio.wait([coming], timeout=min(left, _BOOKMARK_SECONDS))
            if coming.done():
                await _write(response, lines.line(coming.result()))
                coming = asyncio.ensure_future(anext(events))
            elif bookmarks:
                await _write(response, lines.line(registry.bookmark(resource)))
    except StopAsyncIteration:
        pass  # the store closes
    except ApiError as error:
        if not response.prepared:
            raise
        await _write(response, _encode({"type": "ERROR", "object": error.status}) + b"\n")
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the client reads nothing any more") from None
    finally:
        coming.cancel()
        with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration, ApiError):
            await coming
        await events.aclose()
    await response.write_eof()
    return response


async def _write(response: web.StreamResponse, line: bytes) -> None:
    async with asyncio.timeout(_STALL_SECONDS):
        await response.write(line)


class _Lines:
    """Watch events in the form that was asked for."""

    def __init__(self, resource: Resource, form: Form, include: Include) -> None:
        self._resource = resource
        self._form = form
        self._include: Include = include
        self._first = True

    def line(self, event: Json) -> bytes:
        object: Any = event["object"]
        if event["type"] != "BOOKMARK" or self._form.kind == "Table":
            object = self._shown(event)
        return _encode({"type": event["type"], "object": object}) + b"\n"

    def _shown(self, event: Json) -> Json:
        now, object = time.time(), event["object"]
        if self._form.kind != "Table":
            return shown(object, self._resource, self._form, now=now)
        items = [] if event["type"] == "BOOKMARK" else [object]
        first, self._first = self._first, False
        metadata = {"resourceVersion": object["metadata"]["resourceVersion"]}
        version = self._form.version
        return table(self._resource, items, metadata, version=version, now=now, include=self._include, headers=first)
