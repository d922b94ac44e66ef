from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from nsrunner.api.errors import ApiError, internal
from nsrunner.api.ports import PodRef
from nsrunner.api.server.verbs import answer
from nsrunner.api.streams.serving import streams

pytestmark = pytest.mark.asyncio

POD = {"metadata": {"name": "web", "namespace": "default", "uid": "u"}, "spec": {"containers": [{"name": "main"}]}}


class FakeRuntime:
    """Port 9 is refused; what is sent to another one comes back."""

    def __init__(self) -> None:
        self.echoes: list[asyncio.Task[None]] = []

    async def dial(self, pod: PodRef, port: int) -> socket.socket:
        if port == 9:
            raise internal("connection refused")
        ours, pods = socket.socketpair()
        ours.setblocking(False)
        pods.setblocking(False)
        self.echoes.append(asyncio.ensure_future(self._echo(pods)))
        return ours

    async def _echo(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with connection:
            while data := await loop.sock_recv(connection, 65536):
                await loop.sock_sendall(connection, data)


@asynccontextmanager
async def served() -> AsyncIterator[tuple[TestClient[Any, Any], FakeRuntime]]:
    runtime = FakeRuntime()
    serve = streams(runtime)["portforward"]  # type: ignore[arg-type] # as far as forwarding needs one

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await serve(request, POD)
        except ApiError as error:
            return answer(error.status, status=error.code)

    app = web.Application()
    app.router.add_route("*", "/forward", handle)
    async with TestClient(TestServer(app)) as client:
        yield client, runtime


@pytest.mark.parametrize("protocols", [["v4.channel.k8s.io"], []])
async def test_two_channels_for_each_port(protocols: list[str]) -> None:
    async with served() as (client, runtime):
        async with client.ws_connect("/forward?ports=80,9", protocols=protocols) as channels:
            got = [(await channels.receive()).data for _ in range(5)]
            assert got[:4] == [bytes((number,)) + struct.pack("<H", [80, 9][number // 2]) for number in range(4)]
            assert got[4] == b"\x03Internal error occurred: connection refused"
            await channels.send_bytes(b"\x00hello")
            assert (await channels.receive()).data == b"\x00hello"
        await asyncio.wait_for(asyncio.gather(*runtime.echoes), 10)


async def test_the_end_of_all_connections_closes_the_websocket() -> None:
    async with served() as (client, _), client.ws_connect("/forward?ports=9") as channels:
        while (message := await channels.receive()).type is WSMsgType.BINARY:
            pass
        assert message.type is WSMsgType.CLOSE


@pytest.mark.parametrize("asked", ["", "ports=0", "ports=x", "ports=70000", "ports=" + ",".join(["1"] * 101)])
async def test_ports_that_are_refused(asked: str) -> None:
    async with served() as (client, _):
        headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
        async with client.get(f"/forward?{asked}", headers=headers) as response:
            assert response.status == 400


async def test_a_plain_request_is_refused() -> None:
    async with served() as (client, _), client.post("/forward?ports=80") as response:
        assert (await response.json())["message"] == "Upgrade request required"
