"""Servers that answer as a test says, on a loopback address of the host, in the loop of the test."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from nsrunner.supervisor.probes.dial import Network

T = TypeVar("T")
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

IP = "127.0.0.1"
HOST = Network(IP, None)


def run(main: Coroutine[Any, Any, T]) -> T:
    """In real time, with the checks of asyncio's debug mode, and a limit for what would hang."""

    async def bounded() -> T:
        async with asyncio.timeout(20):
            return await main

    return asyncio.run(bounded(), debug=True)


@asynccontextmanager
async def serving(talk: Talk, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server that talks so. Conversations that still go on at the end are cut off."""
    tasks: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass  # the client has gone, or the test is over
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(converse, IP, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for _ in range(5):
            await asyncio.sleep(0)  # what was just accepted becomes a conversation
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # connection_lost of what was closed


async def request_of(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode()


def answering(*responses: str | bytes) -> tuple[Talk, list[str]]:
    """A server whose n-th conversation is a request and the n-th of these (the last one again and again), and the
    requests that it got."""
    requests: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await request_of(reader))
        response = responses[min(len(requests), len(responses)) - 1]
        writer.write(response if isinstance(response, bytes) else response.encode())

    return talk, requests


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes everything, says nothing."""
    while await reader.read(65536):
        pass


def self_signed(directory: Path) -> ssl.SSLContext:
    """A server's context with a certificate that nobody has reason to believe."""
    key, certificate = directory / "key.pem", directory / "cert.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=nobody.invalid"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
