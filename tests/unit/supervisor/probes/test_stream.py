"""Streams of bytes, plain and by TLS. What servers do to probes over them is in test_http.py."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl

import pytest

from nsrunner.supervisor.probes.stream import Plain, StreamError, Tls
from unit.supervisor.probes.servers import HOST, IP, run, self_signed, serving


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return self_signed(tmp_path_factory.mktemp("tls"))


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def returned(stream: Plain | Tls, data: bytes) -> bytes:
    """What comes back while it is written."""
    received = b""

    async def collect() -> None:
        nonlocal received
        while len(received) < len(data):
            received += await stream.read()

    async with asyncio.TaskGroup() as group:
        group.create_task(collect())
        await stream.write(data)
    return received


DATA = bytes(range(256)) * 8192
"""2 MiB: more than any buffer on the way holds."""


def test_plain() -> None:
    async def script() -> None:
        async with serving(echo) as port:
            stream = await HOST.dial(IP, port)
            assert await returned(stream, DATA) == DATA
            stream.close()

    run(script())


def test_a_closed_one_tells_its_two_ends() -> None:
    async def script() -> None:
        with socket.create_server((IP, 0)) as server:
            port = server.getsockname()[1]
            stream = await HOST.dial(IP, port)
            accepted, _ = server.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        accepted.close()
        with pytest.raises(StreamError, match=rf"read tcp {IP}:\d+->{IP}:{port}: read: connection reset by peer"):
            await stream.read()
        with pytest.raises(StreamError, match=rf"write tcp {IP}:\d+->{IP}:{port}: write: broken pipe"):
            await stream.write(b"x")
        stream.close()

    run(script())


@pytest.mark.needs_tool("openssl")
def test_tls(context: ssl.SSLContext) -> None:
    async def script() -> None:
        async with serving(echo, context) as port:
            stream = Tls(await HOST.dial(IP, port), "example.com")
            await stream.handshake()
            # One direction at a time: a session is for one reader or writer.
            for at in range(0, len(DATA), 1 << 18):
                part = DATA[at : at + (1 << 18)]
                await stream.write(part)
                received = b""
                while len(received) < len(part):
                    received += await stream.read()
                assert received == part
            stream.close()

    run(script())


@pytest.mark.needs_tool("openssl")
def test_the_name_goes_to_the_server_and_an_address_does_not(context: ssl.SSLContext) -> None:
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)

    async def script() -> None:
        async with serving(echo, context) as port:
            for host in ("example.com", IP):
                stream = Tls(await HOST.dial(IP, port), host)
                await stream.handshake()
                stream.close()

    run(script())
    assert names == ["example.com", None]


@pytest.mark.needs_tool("openssl")
def test_the_end_of_a_session(context: ssl.SSLContext) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")

    async def script() -> None:
        async with serving(talk, context) as port:
            stream = Tls(await HOST.dial(IP, port), IP)
            await stream.handshake()
            assert await stream.read() == b"bye"
            assert await stream.read() == b""
            stream.close()

    run(script())


@pytest.mark.needs_tool("openssl")
def test_a_session_that_breaks(context: ssl.SSLContext) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        os.write(writer.get_extra_info("socket").fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
        await reader.read()

    async def script() -> None:
        async with serving(talk, context) as port:
            stream = Tls(await HOST.dial(IP, port), IP)
            await stream.handshake()
            with pytest.raises(StreamError, match=r"^tls: "):
                while await stream.read():
                    pass
            stream.close()

    run(script())
