from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from nsrunner.api.streams.descriptors import ByteQueue
from nsrunner.api.streams.splice import splice

pytestmark = pytest.mark.asyncio


def ends() -> tuple[socket.socket, socket.socket]:
    ours, pods = socket.socketpair()
    ours.setblocking(False)
    pods.setblocking(False)
    return ours, pods


def into(parts: list[bytes]) -> Callable[[bytes], Awaitable[None]]:
    async def send(data: bytes) -> None:
        parts.append(data)

    return send


async def test_the_clients_end_is_passed_on_and_the_pods_ends_it() -> None:
    ours, pods = ends()
    client, parts = ByteQueue(), list[bytes]()
    loop = asyncio.get_running_loop()
    with pods:
        running = asyncio.ensure_future(splice(ours, client.get, into(parts)))
        await client.put(b"question")
        assert await loop.sock_recv(pods, 100) == b"question"
        await client.put(b"")
        assert await loop.sock_recv(pods, 100) == b""
        await loop.sock_sendall(pods, b"answer")
        pods.shutdown(socket.SHUT_WR)
        await asyncio.wait_for(running, 10)
    assert parts == [b"answer", b""]
    assert ours.fileno() == -1


async def test_a_pod_that_does_not_read_any_more() -> None:
    ours, pods = ends()
    client, parts = ByteQueue(), list[bytes]()
    pods.close()
    await client.put(b"question")
    await asyncio.wait_for(splice(ours, client.get, into(parts)), 10)
    assert parts == [b""]


async def test_a_client_that_is_gone() -> None:
    ours, pods = ends()

    async def send(data: bytes) -> None:
        raise ConnectionResetError

    with pods:
        await asyncio.get_running_loop().sock_sendall(pods, b"answer")
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(splice(ours, ByteQueue().get, send), 10)
    assert ours.fileno() == -1
