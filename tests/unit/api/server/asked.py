"""The HTTP application on a real socket over a registry of its own, and a client of it."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from nsrunner.api.protobuf import decode_body
from nsrunner.api.server.accounts import ServiceAccounts
from nsrunner.api.server.app import application
from nsrunner.api.server.listen import listening, unix_socket
from nsrunner.api.server.pages import pages
from nsrunner.api.server.verbs import Verbs
from nsrunner.api.tokens import Tokens
from unit.api.registry.served import Served, serving

PODS = "/api/v1/namespaces/default/pods"
CONFIGS = "/api/v1/namespaces/default/configmaps"


class Asked:
    """``session`` is an aiohttp client of it; paths are as on the wire."""

    def __init__(
        self, served: Served, session: aiohttp.ClientSession, path: str, counted: list[tuple[str, ...]]
    ) -> None:
        self.served = served
        self.session = session
        self.path = path
        self.counted = counted

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The code, and the body: what its JSON says, or its text. Names of headers have ``_`` for ``-``."""
        from yarl import URL

        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = {"data": body} if isinstance(body, bytes | io.IOBase) else {"json": body} if body is not None else {}
        url = URL(f"http://daemon{path}", encoded=True)
        async with self.session.request(method, url, headers=named, **data) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await answer.json() if is_json else await answer.text()

    async def raw(self, data: bytes, *, end: bool = False) -> bytes:
        """Everything that is answered to these bytes until the server closes, or the answers have ended."""
        reader, writer = await asyncio.open_unix_connection(self.path)
        try:
            writer.write(data)
            if end:
                writer.write_eof()
            async with asyncio.timeout(30):
                return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def asked(
    tmp_path: Path,
    *,
    authenticate: Callable[[web.Request], str] = lambda request: "root",
    problems: Callable[[], dict[str, str]] = dict,
    **options: Any,
) -> AsyncIterator[Asked]:
    counted: list[tuple[str, ...]] = []
    async with serving(tmp_path) as served:
        accounts = ServiceAccounts(
            served.registry, Tokens(str(tmp_path / "key"), now=lambda: 1e9), protobuf=decode_body
        )
        app = application(
            Verbs(served.registry, streams={"token": accounts.serve}, protobuf=decode_body, computed={}),
            authenticate=authenticate,
            pages=pages(
                served.registry,
                version="0.1",
                git_version="v1.36.0",
                problems=problems,
                metrics={"/metrics": lambda: "up 1\n"},
            ),
            count=lambda *what: counted.append(what),
            **options,
        )
        path = str(tmp_path / "api.sock")
        listener: socket.socket = unix_socket(path)
        async with (
            listening(app, [(listener, None)]),
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path), auto_decompress=False) as session,
        ):
            yield Asked(served, session, path, counted)
