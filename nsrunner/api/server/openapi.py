"""``/openapi/v2`` and ``/openapi/v3``: made when they are asked for first, and known by their hash from then on."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from nsrunner.api import errors
from nsrunner.api.openapi import documents, gnostic
from nsrunner.api.resources import ResourceInfo
from nsrunner.api.server.app import Page
from nsrunner.api.server.media import JSON, parse_accept

__all__ = ["openapi_pages"]

_V2_PROTOBUF: Final = (
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
)
_V3_PROTOBUF: Final = (
    "application/com.github.proto-openapi.spec.v3@v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
)
"""As clients ask for it, and as it is answered: ``@`` may not stand in a Content-Type."""


class _Made:
    """An encoded document."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.hash = hashlib.sha512(data).hexdigest().upper()


class _Documents:
    """Each made once; in a thread, as it takes tens of milliseconds."""

    def __init__(self, infos: list[ResourceInfo], version: str) -> None:
        self._infos = infos
        self._version = version
        self._made: dict[tuple[str, bool], asyncio.Task[_Made]] = {}
        self.groups = sorted({documents.group_of(info) for info in infos})

    async def get(self, name: str, protobuf: bool) -> _Made:
        """``name``: ``v2``, or a group of version 3."""
        task = self._made.get((name, protobuf))
        if task is None:
            task = asyncio.create_task(asyncio.to_thread(self._make, name, protobuf), name=f"openapi {name}")
            self._made[name, protobuf] = task
        return await asyncio.shield(task)

    def _make(self, name: str, protobuf: bool) -> _Made:
        encode: Callable[[Any], bytes]
        if name == "v2":
            document, encode = documents.v2(self._infos, self._version), gnostic.encode_v2
        else:
            document, encode = documents.v3(self._infos, name, self._version), gnostic.encode_v3
        return _Made(encode(document) if protobuf else msgspec.json.encode(document))


def openapi_pages(infos: list[ResourceInfo], version: str) -> dict[str, Page]:
    """``version``: the one of Kubernetes that the documents are of."""
    made = _Documents(infos, version)

    async def v2(request: web.Request) -> web.StreamResponse:
        protobuf = _wants_protobuf(request, _V2_PROTOBUF)
        return _answer(request, await made.get("v2", protobuf), _V2_PROTOBUF[1] if protobuf else JSON)

    async def index(request: web.Request) -> web.StreamResponse:
        paths = {}
        for group in made.groups:
            hash = (await made.get(group, False)).hash
            paths[group] = {"serverRelativeURL": f"/openapi/v3/{group}?{urlencode({'hash': hash})}"}
        return _answer(request, _Made(msgspec.json.encode({"paths": paths})), JSON)

    async def v3(request: web.Request) -> web.StreamResponse:
        group = request.path.removeprefix("/openapi/v3/").rstrip("/")
        if group not in made.groups:
            raise errors.path_not_found()
        # The hash is the same whichever form is asked for: it names the document.
        hash = (await made.get(group, False)).hash
        asked = request.query.get("hash", "")
        if asked and asked != hash:
            return web.Response(status=301, headers={"Location": f"/openapi/v3/{group}?{urlencode({'hash': hash})}"})
        protobuf = _wants_protobuf(request, _V3_PROTOBUF)
        response = _answer(request, await made.get(group, protobuf), _V3_PROTOBUF[1] if protobuf else JSON)
        if asked:
            response.headers["Cache-Control"] = "public, immutable, max-age=31536000"
        return response

    return {"/openapi/v2": v2, "/openapi/v3": index, "/openapi/v3/": v3}


def _wants_protobuf(request: web.Request, types: tuple[str, ...]) -> bool:
    """Raises ApiError (406)."""
    header = request.headers.get("Accept", "")
    if not header:
        return False
    for each in parse_accept(header):
        if each.type in types:
            return True
        if each.type in (JSON, "application/*", "*/*"):
            return False
    raise errors.not_acceptable([JSON, types[0]])


def _answer(request: web.Request, made: _Made, type: str) -> web.Response:
    """The document, or that the client has it already (RFC 9110 13.1.2)."""
    headers = {"ETag": f'"{made.hash}"', "Content-Type": type, "Vary": "Accept", "Cache-Control": "no-cache, private"}
    known = {each.strip().removeprefix("W/").strip('"') for each in request.headers.get("If-None-Match", "").split(",")}
    if made.hash in known:
        return web.Response(status=304, headers=headers)
    return web.Response(body=made.data, headers=headers)
