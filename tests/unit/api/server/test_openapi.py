"""``/openapi`` over HTTP: forms, hashes, and what a client has already."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from nsrunner.api.resources import served
from nsrunner.api.server.app import application
from nsrunner.api.server.openapi import openapi_pages

pytestmark = pytest.mark.asyncio

V2 = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
V3 = "application/com.github.proto-openapi.spec.v3@v1.0+protobuf"


@asynccontextmanager
async def client() -> AsyncIterator[TestClient[web.Request, web.Application]]:
    pages = openapi_pages([resource.info for resource in served("node-1")], "v1.36.0")
    app = application(None, authenticate=lambda request: "me", pages=pages)  # type: ignore[arg-type] # no resources
    async with TestClient(TestServer(app)) as opened:
        yield opened


async def test_v2_in_both_forms() -> None:
    async with client() as http:
        answer = await http.get("/openapi/v2")
        assert answer.status == 200 and (await answer.json())["swagger"] == "2.0"
        answer = await http.get("/openapi/v2", headers={"Accept": V2})
        # "@" may not stand in a type that is sent: Go's mime.ParseMediaType refuses it.
        assert answer.headers["Content-Type"] == V2.replace("@", ".")
        assert (await answer.read()).startswith(b"\n\x032.0")
        answer = await http.get("/openapi/v2", headers={"Accept": "text/html"})
        assert answer.status == 406


async def test_a_document_that_is_known_is_not_sent_again() -> None:
    async with client() as http:
        first = await http.get("/openapi/v2")
        again = await http.get("/openapi/v2", headers={"If-None-Match": first.headers["ETag"]})
        assert again.status == 304 and not await again.read()
        other = await http.get("/openapi/v2", headers={"If-None-Match": first.headers["ETag"], "Accept": V2})
        assert other.status == 200


async def test_v3_is_listed_and_known_by_its_hash() -> None:
    async with client() as http:
        paths = (await (await http.get("/openapi/v3")).json())["paths"]
        assert set(paths) >= {"api/v1", "apis/events.k8s.io/v1", "apis/authorization.k8s.io/v1"}
        url = paths["api/v1"]["serverRelativeURL"]
        answer = await http.get(url)
        assert "immutable" in answer.headers["Cache-Control"] and (await answer.json())["openapi"] == "3.0.0"
        assert answer.headers["ETag"].strip('"') in url
        binary = await http.get(url, headers={"Accept": V3})
        assert binary.headers["Content-Type"] == V3.replace("@", ".")
        stale = await http.get("/openapi/v3/api/v1?hash=0", allow_redirects=False)
        assert stale.status == 301 and stale.headers["Location"] == url
        plain = await http.get("/openapi/v3/api/v1")
        assert plain.status == 200 and "immutable" not in plain.headers["Cache-Control"]
        assert (await http.get("/openapi/v3/apis/apps/v1")).status == 404
