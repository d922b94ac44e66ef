"""A watch over HTTP: one JSON document a line for as long as both sides like."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from aiohttp import web

from nsrunner.api.errors import ApiError
from nsrunner.api.registry import Json, Registry
from nsrunner.api.resources import Resource
from nsrunner.api.server.budget import BODIES
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
_CHUNK: Final = 32 * 1024
"""Bytes."""

_encode = msgspec.json.encode


async def watch(
    request: web.Request, registry: Registry, resource: Resource, namespace: str | None, name: str, form: Form
) -> web.StreamResponse:
    """Answers with the changes of a resource, or of one object of it. Raises ApiError before the first byte only; later
    it is an event of type ERROR: 410 for a client that does not keep up, 429 when slow ones hold too much memory."""
    query = request.query
    fields = query.get("fieldSelector", "")
    if name:
        fields = f"metadata.name={name}" + (f",{fields}" if fields else "")
    initial, bookmarks = truth(request, "sendInitialEvents"), truth(request, "allowWatchBookmarks")
    seconds = number(request, "timeoutSeconds") or random.randint(_MIN_SECONDS, 2 * _MIN_SECONDS)  # noqa: S311
    deadline = time.monotonic() + seconds
    lines = _Lines(resource, form, query.get("includeObject", "Metadata"))  # type: ignore[arg-type] # others: Metadata
    events = registry.watch(
        resource,
        namespace,
        label_selector=query.get("labelSelector", ""),
        field_selector=fields,
        since=query.get("resourceVersion", ""),
        initial_events=initial,
    )
    response = web.StreamResponse(headers={"Content-Type": form.type, "Cache-Control": "no-cache, private"})
    try:
        await response.prepare(request)
        while not events.ended and (left := deadline - time.monotonic()) > 0:
            found = await events.more(min(left, _BOOKMARK_SECONDS))
            if not found and bookmarks and not events.ended:
                found = [registry.bookmark(resource)]
            for chunk in _chunks(map(lines.line, found)):
                with request.app[BODIES].holding(len(chunk)):
                    await _write(response, chunk)
    except ApiError as error:
        await _write(response, _encode({"type": "ERROR", "object": error.status}) + b"\n")
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the client reads nothing any more") from None
    finally:
        events.close()
    await response.write_eof()
    return response


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """What is written at once: few writes for many lines, and little memory for those who do not read."""
    chunk = b""
    for line in lines:
        if chunk and len(chunk) + len(line) > _CHUNK:
            yield chunk
            chunk = b""
        chunk = chunk + line if chunk else line
    if chunk:
        yield chunk


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
