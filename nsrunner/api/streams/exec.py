"""``pods/exec`` and ``pods/attach``."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from typing import Any

from aiohttp import web

from nsrunner.api import errors
from nsrunner.api.ports import Runtime, StreamSession
from nsrunner.api.streams.carriers import Hijacked
from nsrunner.api.streams.channels import ERROR, REMOTE_DIALECTS, RESIZE, STDERR, STDIN, STDOUT
from nsrunner.api.streams.gone import when_gone
from nsrunner.api.streams.peer import Wanted
from nsrunner.api.streams.pods import chosen_container, container_spec, flag, reference
from nsrunner.api.streams.remote import Start, run_remote
from nsrunner.api.streams.spdy_peer import REMOTE_PROTOCOLS, SpdyPeer, open_channels
from nsrunner.api.streams.spdy_session import SpdySession
from nsrunner.api.streams.spdy_upgrade import asks_for_spdy, negotiated, running, upgraded
from nsrunner.api.streams.upgrades import websocket
from nsrunner.api.streams.websocket_peer import WebSocketPeer

__all__ = ["serve_attach", "serve_exec"]

Json = dict[str, Any]


async def serve_exec(runtime: Runtime, request: web.Request, pod: Json) -> web.StreamResponse:
    """Raises ApiError before the connection becomes another one."""
    command = tuple(request.query.getall("command", []))
    container, wanted = _asked(runtime, request, pod)
    if not command or not command[0]:
        raise errors.bad_request("you must specify at least one command for the container")
    if any("\0" in word for word in command):
        raise errors.bad_request("the command has a NUL byte in it")
    which = reference(pod)

    async def start(*ends: int) -> StreamSession:
        with ExitStack() as given:
            fds = [fd if fd >= 0 or wanted.tty else _null(given, write=channel > 0) for channel, fd in enumerate(ends)]
            return await runtime.exec(
                which, container, command, stdin=fds[0], stdout=fds[1], stderr=fds[2], tty=wanted.tty
            )

    return await _serve(request, wanted, start)


async def serve_attach(runtime: Runtime, request: web.Request, pod: Json) -> web.StreamResponse:
    """Raises ApiError before the connection becomes another one."""
    container, asked = _asked(runtime, request, pod)
    spec, which = container_spec(pod, container), reference(pod)
    tty = bool(spec.get("tty"))
    wanted = Wanted(stdin=asked.stdin and bool(spec.get("stdin")), stdout=asked.stdout, stderr=asked.stderr and not tty)

    async def start(*ends: int) -> StreamSession:
        return await runtime.attach(which, container, stdin=ends[0], stdout=ends[1], stderr=ends[2])

    return await _serve(request, wanted, start, asked=asked)


def _null(given: ExitStack, *, write: bool) -> int:
    fd = os.open(os.devnull, (os.O_WRONLY if write else os.O_RDONLY) | os.O_CLOEXEC)
    given.callback(os.close, fd)
    return fd


def _asked(runtime: Runtime, request: web.Request, pod: Json) -> tuple[str, Wanted]:
    """The container and the streams. Raises ApiError."""
    if request.method not in ("GET", "POST"):
        raise errors.method_not_allowed("pods", request.method.lower())
    container = chosen_container(pod, request.query.get("container", ""))
    tty = flag(request, "tty")
    wanted = Wanted(
        stdin=flag(request, "stdin"),
        stdout=flag(request, "stdout"),
        stderr=flag(request, "stderr") and not tty,  # a terminal has one stream for both
        tty=tty,
    )
    if not (wanted.stdin or wanted.stdout or wanted.stderr):
        raise errors.bad_request("you must specify at least 1 of stdin, stdout, stderr")
    runtime.check_running(reference(pod), container)
    return container, wanted


async def _serve(
    request: web.Request, wanted: Wanted, start: Start, *, asked: Wanted | None = None
) -> web.StreamResponse:
    upgrade = request.headers.get("Upgrade", "").lower()
    if upgrade == "websocket":
        return await _by_websocket(request, wanted, start)
    if asks_for_spdy(request):
        return await _by_spdy(request, wanted, start, asked or wanted)
    raise errors.bad_request("Upgrade request required")


async def _by_websocket(request: web.Request, wanted: Wanted, start: Start) -> web.StreamResponse:
    socket, protocol = await websocket(request, tuple(REMOTE_DIALECTS))
    peer = WebSocketPeer(socket, REMOTE_DIALECTS[protocol])
    with when_gone(request) as gone:
        # An empty message says that it stands.
        await peer.send(STDOUT if wanted.stdout else STDERR if wanted.stderr else ERROR, b"")
        await run_remote(peer, gone, wanted, start)
    return socket


async def _by_spdy(request: web.Request, wanted: Wanted, start: Start, asked: Wanted) -> web.StreamResponse:
    protocol = negotiated(request, tuple(REMOTE_PROTOCOLS))
    version = REMOTE_PROTOCOLS[protocol]
    channels = {
        ERROR: True,
        STDIN: asked.stdin,
        STDOUT: asked.stdout,
        STDERR: asked.stderr,
        RESIZE: asked.tty and version >= 3,
    }
    with when_gone(request) as gone:
        async with upgraded(request, protocol) as carrier, running(session := SpdySession(carrier)) as task:
            streams = await open_channels(session, [channel for channel, there in channels.items() if there])
            if streams is None:
                raise ConnectionAbortedError("the client does not open its streams")
            peer = SpdyPeer(session, streams, version)
            taking = asyncio.ensure_future(peer.take(task))
            try:
                await run_remote(peer, gone, wanted, start)
            finally:
                taking.cancel()
                await asyncio.gather(taking, return_exceptions=True)
    return Hijacked()
