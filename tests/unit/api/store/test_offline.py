"""A look at the store's file while no daemon runs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from nsrunner.api.store import Key, Store, StoreError, read_offline

pytestmark = pytest.mark.asyncio


async def test_it_gives_the_objects_and_when_they_were_written(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    before = time.time() - 2
    store = await Store.open(path, wall=time.time)
    for namespace, name in (("b", "x"), ("a", "z"), ("a", "y")):
        store.create(Key("pods", namespace, name), {"metadata": {"name": name}})
    store.create(Key("secrets", "a", "s"), {"metadata": {"name": "s"}})
    await store.committed()
    whole = read_offline(path, "pods")
    assert [each["metadata"]["name"] for each in whole.objects] == ["y", "z", "x"]
    await store.close()
    one = read_offline(path, "pods", "b")
    assert [each["metadata"]["name"] for each in one.objects] == ["x"]
    assert one.written >= before


async def test_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_offline(str(tmp_path / "none"), "pods")
    assert not os.listdir(tmp_path)


async def test_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError):
        read_offline(str(tmp_path / "store.db"), "pods")
