"""Forwarded ports by SPDY: two streams for each connection, its data and what is wrong with it
(``kubelet/pkg/cri/streaming/portforward/httpstream.go``)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from nsrunner.api.errors import ApiError
from nsrunner.api.ports import PodRef, Runtime
from nsrunner.api.streams.carriers import Carrier
from nsrunner.api.streams.spdy_session import SpdySession, SpdyStream
from nsrunner.api.streams.spdy_upgrade import running
from nsrunner.api.streams.splice import splice

__all__ = ["forward_spdy"]

_PAIR_SECONDS: Final = 30.0
"""For the second stream of a connection (kubelet: DefaultStreamCreationTimeout)."""


async def forward_spdy(carrier: Carrier, runtime: Runtime, pod: PodRef, gone: asyncio.Future[None]) -> None:
    """Serves connections until the client is gone."""
    session = SpdySession(carrier)
    async with running(session) as reading:
        forwarding = _Forwarding(session, runtime, pod)
        accepting = asyncio.ensure_future(forwarding.accept())
        waited: list[asyncio.Future[Any]] = [accepting, reading, gone]
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            accepting.cancel()
            await asyncio.gather(accepting, return_exceptions=True)


class _Pair:
    """The streams of one connection, as far as they are there."""

    def __init__(self) -> None:
        self.streams: dict[str, SpdyStream] = {}
        self.complete = asyncio.Event()

    def add(self, kind: str, stream: SpdyStream) -> bool:
        if kind not in ("data", "error") or kind in self.streams:
            return False
        self.streams[kind] = stream
        if len(self.streams) == 2:
            self.complete.set()
        return True


class _Forwarding:
    def __init__(self, session: SpdySession, runtime: Runtime, pod: PodRef) -> None:
        self._session = session
        self._runtime = runtime
        self._pod = pod
        self._pairs: dict[str, _Pair] = {}

    async def accept(self) -> None:
        """Streams as they are opened; each connection is a task beside."""
        async with asyncio.TaskGroup() as group:
            while (stream := await self._session.accept()) is not None:
                key = stream.headers.get("requestid") or _implied(stream)
                pair = self._pairs.get(key)
                if pair is None:
                    pair = self._pairs[key] = _Pair()
                    group.create_task(self._serve(key, pair))
                if not pair.add(stream.headers.get("streamtype", ""), stream):
                    await self._session.reset(stream.number)

    async def _serve(self, key: str, pair: _Pair) -> None:
        with suppress(ConnectionError):  # the session's end is told elsewhere
            try:
                async with asyncio.timeout(_PAIR_SECONDS):
                    await pair.complete.wait()
                await self._forward(pair.streams["data"], pair.streams["error"])
            except TimeoutError:
                for stream in pair.streams.values():
                    await self._session.reset(stream.number)
            finally:
                del self._pairs[key]

    async def _forward(self, data: SpdyStream, error: SpdyStream) -> None:
        error.discard()
        port = data.headers.get("port", "")
        try:
            if not (port.isascii() and port.isdigit()) or len(port) > 5 or not 0 < int(port) < 65536:
                await error.write(f'unable to parse "{port}" as a port'.encode())
                return
            connection = await self._runtime.dial(self._pod, int(port))
        except ApiError as refused:
            await error.write(str(refused).encode())
        else:
            await splice(connection, data.read, lambda sent: data.write(sent) if sent else data.close())
        finally:
            data.discard()
            await data.close()
            await error.close()


def _implied(stream: SpdyStream) -> str:
    """Of clients that name no request: the error stream is opened just before that of the data."""
    is_data = stream.headers.get("streamtype") == "data"
    return str(stream.number - 2 if is_data else stream.number)
