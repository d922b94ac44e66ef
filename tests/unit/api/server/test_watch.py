"""Watches over HTTP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from unit.api.registry.served import config_map
from unit.api.server.asked import CONFIGS, Asked, asked

pytestmark = pytest.mark.asyncio


async def line(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    async with asyncio.timeout(20):
        found: dict[str, Any] = json.loads(await answer.content.readline())
    return found


def watching(ask: Asked, query: str = "", **headers: str) -> Any:
    return ask.session.get(f"http://d{CONFIGS}?watch=true{query}", headers=headers)


async def test_what_is_there_and_what_comes(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        await ask("POST", CONFIGS, config_map())
        async with watching(ask) as answer:
            assert answer.headers["Content-Type"] == "application/json"
            first = await line(answer)
            assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "conf")
            await ask("PUT", f"{CONFIGS}/conf", config_map(data={"k": "w"}))
            assert (await line(answer))["type"] == "MODIFIED"
            await ask("DELETE", f"{CONFIGS}/conf")
            assert (await line(answer))["type"] == "DELETED"


async def test_from_a_version_and_with_initial_events(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        _, made = await ask("POST", CONFIGS, config_map())
        version = made["metadata"]["resourceVersion"]
        await ask("POST", CONFIGS, config_map("other"))
        async with watching(ask, f"&resourceVersion={version}") as answer:
            assert (await line(answer))["object"]["metadata"]["name"] == "other"
        async with watching(ask, "&sendInitialEvents=true&allowWatchBookmarks=true") as answer:
            kinds = [(await line(answer)) for _ in range(3)]
            assert [each["type"] for each in kinds] == ["ADDED", "ADDED", "BOOKMARK"]
            assert kinds[2]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_rows_of_a_table_have_headers_once(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        await ask("POST", CONFIGS, config_map())
        await ask("POST", CONFIGS, config_map("other"))
        async with watching(ask, Accept="application/json;as=Table;v=v1;g=meta.k8s.io") as answer:
            tables = [(await line(answer))["object"] for _ in range(2)]
            assert [each["rows"][0]["cells"][0] for each in tables] == ["conf", "other"]
            assert [each["columnDefinitions"] is None for each in tables] == [False, True]


async def test_it_ends_when_it_was_to_end(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask, watching(ask, "&timeoutSeconds=1") as answer:
        async with asyncio.timeout(20):
            assert await answer.read() == b""


async def test_a_client_that_goes_leaves_nothing(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        before = len(asyncio.all_tasks())
        answers = [await ask.session.get(f"http://d{CONFIGS}?watch=1") for _ in range(50)]
        assert all(answer.status == 200 for answer in answers) and len(asyncio.all_tasks()) > before
        for answer in answers:
            answer.close()
        async with asyncio.timeout(20):
            while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110 - a task's end has no event
                await asyncio.sleep(0.01)


async def test_five_hundred_watchers_all_hear(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        connector = aiohttp.UnixConnector(ask.path, limit=0)
        async with aiohttp.ClientSession(connector=connector) as many:
            answers = await asyncio.gather(*(many.get(f"http://d{CONFIGS}?watch=1") for _ in range(500)))
            await ask("POST", CONFIGS, config_map())
            heard = await asyncio.gather(*(line(answer) for answer in answers))
            assert {(each["type"], each["object"]["metadata"]["name"]) for each in heard} == {("ADDED", "conf")}
            for answer in answers:
                answer.close()
