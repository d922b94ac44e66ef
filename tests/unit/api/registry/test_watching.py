"""A watch as the server reads it: many events at once, or none for a while."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nsrunner.api.errors import ApiError
from nsrunner.api.registry.watching import Watching
from nsrunner.api.store.watch import QUEUED_MAX
from unit.api.registry.served import Served, config_map, serving

pytestmark = pytest.mark.asyncio


def watched(served: Served, selector: str = "") -> Watching:
    return served.registry.watch(served.resource("configmaps"), "default", field_selector=selector)


def names(events: list[dict[str, dict[str, dict[str, str]]]]) -> list[str]:
    return [event["object"]["metadata"]["name"] for event in events]


async def test_what_has_happened_meanwhile_comes_together(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.create("configmaps", config_map("a"))
        watching = watched(served)
        await served.create("configmaps", config_map("b"))
        assert names(await watching.more()) == ["a"]
        await served.create("configmaps", config_map("c"))
        assert names(await watching.more()) == ["b", "c"]
        watching.close()


async def test_nothing_happens_for_a_while(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        watching = watched(served, "metadata.name=x")
        waiting = asyncio.create_task(watching.more(0.01))
        await served.create("configmaps", config_map("y"))
        assert await waiting == []
        assert not watching.ended
        await served.create("configmaps", config_map("x"))
        assert names(await watching.more(60)) == ["x"]
        watching.close()


async def test_who_is_cancelled_loses_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        watching = watched(served)
        waiting = asyncio.create_task(watching.more())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await served.create("configmaps", config_map("a"))
        assert names(await watching.more()) == ["a"]
        watching.close()


async def test_the_store_closes(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.create("configmaps", config_map("a"))
        watching = watched(served)
    assert not watching.ended, "one event is not read yet"
    assert names([event async for event in watching]) == ["a"]
    assert watching.ended and await watching.more() == []


async def test_who_does_not_keep_up_is_told_so(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        mine, others = watched(served), watched(served, "metadata.name=x")
        for number in range(QUEUED_MAX + 1):
            served.registry.put(served.resource("configmaps"), config_map("a", data={"n": str(number)}) | NAMED)
        with pytest.raises(ApiError) as refused:
            await mine.more()
        assert refused.value.code == 410
        await served.create("configmaps", config_map("x"))
        assert names(await others.more()) == ["x"], "what it does not want is not kept for it"
        mine.close()
        others.close()


NAMED = {"metadata": {"name": "a", "namespace": "default"}}
