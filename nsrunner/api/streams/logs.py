"""``pods/log``: as plain bytes, or as messages of a WebSocket."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

from aiohttp import web

from nsrunner.api import errors
from nsrunner.api.ports import LogFiles, PodRef, Runtime
from nsrunner.api.streams.gone import when_gone
from nsrunner.api.streams.log_options import LogOptions, log_options
from nsrunner.api.streams.pods import chosen_container, reference
from nsrunner.api.streams.upgrades import websocket
from nsrunner.sandbox.logs import LogEntry, LogItem, LogReader, Renderer, batches

__all__ = ["serve_log"]

_BINARY: Final = "binary.k8s.io"
_BASE64: Final = "base64.binary.k8s.io"
_Send = Callable[[bytes], Awaitable[None]]


async def serve_log(runtime: Runtime, request: web.Request, pod: dict[str, Any]) -> web.StreamResponse:
    """Raises ApiError before the first byte only."""
    if request.method not in ("GET", "HEAD"):
        raise errors.method_not_allowed("pods", request.method.lower())
    name = pod["metadata"]["name"]
    options = log_options(request, name, time.time())
    container = chosen_container(pod, options.container)
    which = reference(pod)
    files = runtime.log_files(which, container, previous=options.previous)
    ended = asyncio.Event()
    if not (options.follow and files.running):
        ended.set()
    items = _items(files, options, ended)
    response: web.StreamResponse
    if request.headers.get("Upgrade", "").lower() == "websocket":
        socket, protocol = await websocket(request, (_BINARY, _BASE64))
        response, send = socket, _messages(socket, text=protocol == _BASE64)
    else:
        response = web.StreamResponse(headers={"Content-Type": "text/plain", "Cache-Control": "no-cache, private"})
        await response.prepare(request)
        send = response.write
    with when_gone(request) as gone:
        copying = asyncio.ensure_future(_copy(items, options, send))
        waiting = asyncio.ensure_future(_await_end(runtime, which, container, files.attempt, ended))
        try:
            await asyncio.wait([copying, gone], return_when=asyncio.FIRST_COMPLETED)
            if not copying.done():
                raise ConnectionResetError("the client is gone")
            copying.result()
        finally:
            for task in (copying, waiting):
                task.cancel()
            await asyncio.gather(copying, waiting, return_exceptions=True)
    await response.write_eof()
    return response


async def _await_end(runtime: Runtime, pod: PodRef, container: str, attempt: int, ended: asyncio.Event) -> None:
    if not ended.is_set():
        await runtime.log_ended(pod, container, attempt)
        ended.set()


def _messages(socket: web.WebSocketResponse, *, text: bool) -> _Send:
    async def send(data: bytes) -> None:
        if text:
            await socket.send_str(base64.b64encode(data).decode())
        else:
            await socket.send_bytes(data)

    return send


async def _copy(items: AsyncGenerator[list[LogItem], None], options: LogOptions, send: _Send) -> None:
    renderer = Renderer(timestamps=options.timestamps, limit=options.limit_bytes)
    async with aclosing(items):
        async for batch in items:
            data = b"".join(renderer.text(item) for item in batch if _wanted(item, options))
            if data:
                await send(data)
            if renderer.full:
                return


def _wanted(item: LogItem, options: LogOptions) -> bool:
    return not options.stream or (isinstance(item, LogEntry) and item.stream == options.stream)


async def _items(files: LogFiles, options: LogOptions, ended: asyncio.Event) -> AsyncGenerator[list[LogItem], None]:
    """As the kubelet: the file that is written now, and what is begun after it."""
    try:
        if ended.is_set():
            with LogReader(
                files.directory, files.attempt, tail_lines=options.tail_lines, since=options.since
            ) as reader:
                while found := reader.read():
                    yield found
                    await asyncio.sleep(0)
                yield reader.finish()
            return
        coming = batches(
            files.directory,
            files.attempt,
            ended,
            history=False,
            tail_lines=options.tail_lines,
            since=options.since,
        )
        async with aclosing(coming):
            async for found in coming:
                yield found
    except FileNotFoundError:
        return  # removed with its container
