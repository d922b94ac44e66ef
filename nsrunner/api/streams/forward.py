"""``pods/portforward``: connections to ports of a pod, from inside its network namespace."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from aiohttp import WSMsgType, web

from nsrunner.api import errors
from nsrunner.api.errors import ApiError
from nsrunner.api.ports import PodRef, Runtime
from nsrunner.api.streams.carriers import Hijacked, Tunnel
from nsrunner.api.streams.channels import FORWARDING_DIALECTS, ChannelError, Dialect, End
from nsrunner.api.streams.descriptors import ByteQueue
from nsrunner.api.streams.gone import when_gone
from nsrunner.api.streams.pods import reference
from nsrunner.api.streams.spdy_forward import forward_spdy
from nsrunner.api.streams.spdy_upgrade import asks_for_spdy, negotiated, upgraded
from nsrunner.api.streams.splice import splice
from nsrunner.api.streams.upgrades import asked_protocols, websocket

__all__ = ["serve_forward"]

_TUNNEL: Final = "SPDY/3.1+portforward.k8s.io"
_PROTOCOL: Final = "portforward.k8s.io"
_PORTS_MAX: Final = 100
_Send = Callable[[int, bytes], Awaitable[None]]


async def serve_forward(runtime: Runtime, request: web.Request, pod: dict[str, Any]) -> web.StreamResponse:
    """Raises ApiError before the connection becomes another one."""
    if request.method not in ("GET", "POST"):
        raise errors.method_not_allowed("pods", request.method.lower())
    which = reference(pod)
    if asks_for_spdy(request):
        protocol = negotiated(request, (_PROTOCOL,))
        with when_gone(request) as gone:
            async with upgraded(request, protocol) as carrier:
                await forward_spdy(carrier, runtime, which, gone)
        return Hijacked()
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise errors.bad_request("Upgrade request required")
    if _TUNNEL in asked_protocols(request):
        socket, _ = await websocket(request, (_TUNNEL,))
        with when_gone(request) as gone:
            await forward_spdy(Tunnel(socket), runtime, which, gone)
        return socket
    ports = _ports(request)
    socket, protocol = await websocket(request, tuple(FORWARDING_DIALECTS))
    with when_gone(request) as gone:
        await _Channels(socket, FORWARDING_DIALECTS[protocol], runtime, which).run(ports, gone)
    return socket


def _ports(request: web.Request) -> list[int]:
    """Raises ApiError (400)."""
    words = [word for value in request.query.getall("ports", []) for word in value.split(",")]
    if not words:
        raise errors.bad_request('query parameter "ports" is required')
    if len(words) > _PORTS_MAX:
        raise errors.bad_request(f"at most {_PORTS_MAX} ports can be forwarded by one connection")
    ports = []
    for word in words:
        if not (word.isascii() and word.isdigit()) or len(word) > 5 or not 0 < int(word) < 65536:
            raise errors.bad_request(f'unable to parse "{word}" as a port')
        ports.append(int(word))
    return ports


class _Channels:
    """A connection for each of the ports, on two channels: its data, and what is wrong with it."""

    def __init__(self, socket: web.WebSocketResponse, dialect: Dialect, runtime: Runtime, pod: PodRef) -> None:
        self._socket = socket
        self._dialect = dialect
        self._runtime = runtime
        self._pod = pod
        self._sending = asyncio.Lock()
        self._inputs: dict[int, ByteQueue] = {}

    async def run(self, ports: list[int], gone: asyncio.Future[None]) -> None:
        """Until all connections are over, or the client is. Raises ConnectionError."""
        for index, port in enumerate(ports):
            self._inputs[2 * index] = ByteQueue()
            for channel in (2 * index, 2 * index + 1):
                await self._send(channel, struct.pack("<H", port))  # whose channel it is
        taking = asyncio.ensure_future(self._take())
        forwarding = asyncio.gather(*(self._forward(2 * index, port) for index, port in enumerate(ports)))
        waited: list[asyncio.Future[Any]] = [taking, forwarding, gone]
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            taking.cancel()
            forwarding.cancel()
            await asyncio.gather(taking, forwarding, return_exceptions=True)
        if not gone.done():
            await self._socket.close()

    async def _forward(self, channel: int, port: int) -> None:
        queue = self._inputs[channel]
        try:
            connection = await self._runtime.dial(self._pod, port)
        except ApiError as error:
            await self._send(channel + 1, str(error).encode())
        else:

            async def send(data: bytes) -> None:
                if data:
                    await self._send(channel, data)

            await splice(connection, queue.get, send)
        queue.discard()

    async def _take(self) -> None:
        """What the client sends, until it is gone."""
        while True:
            message = await self._socket.receive()
            if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                return
            with suppress(ChannelError):
                event = self._dialect.decode(message.data)
                queue = self._inputs.get(event.channel)
                if queue is not None:
                    await queue.put(b"" if isinstance(event, End) else event.data)

    async def _send(self, channel: int, data: bytes) -> None:
        message = self._dialect.encode(channel, data)
        async with self._sending:
            if isinstance(message, str):
                await self._socket.send_str(message)
            else:
                await self._socket.send_bytes(message)
