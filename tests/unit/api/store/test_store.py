"""Objects, versions, watches; what is on disk after the process is gone."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nsrunner.api.store import Changed, Exists, Expired, Key, Missing, Store, StoreError, StoreUnavailable
from nsrunner.api.store.store import TEMPORARY_MAX
from nsrunner.api.store.watch import QUEUED_MAX, WINDOW

pytestmark = pytest.mark.asyncio

WEB = Key("pods", "default", "web")


def thing(name: str = "web", **fields: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": name, "namespace": "default"}, **fields}


@asynccontextmanager
async def opened(path: Path, wall: Any = time.time, **options: Any) -> AsyncIterator[Store]:
    store = await Store.open(str(path / "store.db"), wall=wall, **options)
    try:
        yield store
    finally:
        await store.close()


async def test_an_object_from_creation_to_deletion(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        created = store.create(WEB, thing())
        assert created["metadata"]["resourceVersion"] == str(store.version)
        with pytest.raises(Exists):
            store.create(WEB, thing())
        updated = store.update(WEB, {**created, "spec": {}})
        assert int(updated["metadata"]["resourceVersion"]) > int(created["metadata"]["resourceVersion"])
        assert store.get(WEB) == updated
        assert store.update(WEB, {**updated, "metadata": created["metadata"]}) is updated, "it says the same"
        with pytest.raises(Changed):
            store.update(WEB, thing(), expected=int(created["metadata"]["resourceVersion"]))
        gone = store.delete(WEB, expected=int(updated["metadata"]["resourceVersion"]))
        assert gone["metadata"]["resourceVersion"] == str(store.version)
        assert store.get(WEB) is None
        for action in (store.delete, lambda key: store.update(key, thing())):
            with pytest.raises(Missing):
                action(WEB)


async def test_lists_are_sorted_and_of_one_namespace_or_all(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for namespace, name in itertools.product("ba", "zy"):
            store.create(Key("pods", namespace, name), thing(name))
        store.create(Key("secrets", "a", "s"), thing("s"))
        assert [each["metadata"]["name"] for each in store.list("pods", "a")] == ["y", "z"]
        assert len(store.list("pods")) == 4


async def test_a_watch_sees_each_change_once_and_from_where_it_asked(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.create(WEB, thing())
        since = store.version
        store.update(WEB, thing(spec=1))
        watch = store.watch("pods", "default", since)
        store.create(Key("pods", "other", "x"), thing("x"))
        store.delete(WEB)
        changes = [await anext(watch) for _ in range(2)]
        assert [change.type for change in changes] == ["MODIFIED", "DELETED"]
        assert changes[0].previous == {**thing(), "metadata": {**thing()["metadata"], "resourceVersion": str(since)}}
        reader = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
        watch.close()
        with pytest.raises(StopAsyncIteration):
            await reader


async def test_a_watch_from_before_the_window_has_expired(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        since = store.version
        for number in range(WINDOW):
            store.create(Key("pods", "default", f"p{number}"), thing())
        store.watch("pods", None, since).close()
        store.delete(Key("pods", "default", "p0"))
        with pytest.raises(Expired, match="too old resource version"):
            store.watch("pods", None, since)


async def test_a_watcher_that_does_not_read_is_told_to_list_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        watch = store.watch("pods")
        for number in range(QUEUED_MAX + 1):
            store.create(Key("pods", "default", f"p{number}"), thing())
        with pytest.raises(Expired):
            await anext(watch)


async def test_another_process_finds_everything_and_its_history(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.create(WEB, thing())
        since = store.version
        kept = store.update(WEB, thing(spec={"a": [1, None, "ü"]}))
        store.create(Key("pods", "default", "gone"), thing("gone"))
        store.delete(Key("pods", "default", "gone"))
        version = store.version
    async with opened(tmp_path) as store:
        assert store.version == version
        assert store.list("pods") == [kept]
        watch = store.watch("pods", None, since)
        assert [(await anext(watch)).type for _ in range(3)] == ["MODIFIED", "ADDED", "DELETED"]


async def test_what_was_committed_outlives_a_killed_process(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys, time\n"
        "from nsrunner.api.store import Key, Store\n"
        "async def main():\n"
        "    store = await Store.open(sys.argv[1], wall=time.time)\n"
        "    for number in range(10**6):\n"
        "        store.create(Key('pods', 'default', f'p{number}'), {'metadata': {'name': f'p{number}'}})\n"
        "        await store.committed()\n"
        "        print(number, flush=True)\n"
        "asyncio.run(main())\n"
    )
    argv = [sys.executable, "-c", program, str(tmp_path / "store.db")]
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(20):
        told = int(await asyncio.wait_for(process.stdout.readline(), 30))
    process.send_signal(signal.SIGKILL)
    rest = (await process.stdout.read()).split()
    await process.wait()
    told = max(told, *(int(number) for number in rest)) if rest else told
    async with opened(tmp_path) as store:
        assert {f"p{number}" for number in range(told + 1)} <= {each["metadata"]["name"] for each in store.list("pods")}


async def test_objects_with_a_time_to_live_go_by_themselves(tmp_path: Path) -> None:
    now = 1000.0
    async with opened(tmp_path, lambda: now) as store:
        event = Key("events", "default", "e")
        store.create(event, thing("e"), ttl=3600)
        store.update(event, thing("e", count=2), ttl=3600)
        now += 3599
        store.create(WEB, thing())
    async with opened(tmp_path, lambda: now) as store:
        assert store.get(event) is not None
        watch = store.watch("events")
        now += 1.01
        store.update(WEB, thing(spec=1), ttl=0)  # sets the timer anew
        change = await asyncio.wait_for(anext(watch), 5)
        assert (change.type, change.key) == ("DELETED", event)


async def test_of_too_many_objects_with_a_time_to_live_the_oldest_go(tmp_path: Path) -> None:
    names = [f"e{number}" for number in range(TEMPORARY_MAX + 2)]
    async with opened(tmp_path, itertools.count(1000, 0.01).__next__) as store:
        for name in names[:-1]:
            store.create(Key("events", "default", name), thing(name), ttl=3600)
        store.create(WEB, thing())
        store.update(Key("events", "default", names[1]), thing(names[1], count=2), ttl=3600)  # its time begins anew
        store.create(Key("events", "default", names[-1]), thing(names[-1]), ttl=3600)
        left = {each["metadata"]["name"] for each in store.list("events")}
        assert left == {names[1], *names[3:]}
        assert store.get(WEB) is not None
    async with opened(tmp_path, lambda: 2000) as store:
        assert {each["metadata"]["name"] for each in store.list("events")} == left


async def test_a_disk_without_room_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nsrunner.api.store import disk

    full = True
    write = disk.Disk.write

    def sometimes(self: disk.Disk, items: list[disk.Write]) -> None:
        if full:
            raise sqlite3.OperationalError("database or disk is full")
        write(self, items)

    monkeypatch.setattr(disk.Disk, "write", sometimes)
    told: list[str] = []
    async with opened(tmp_path, told=told.append) as store:
        store.create(WEB, thing())
        with pytest.raises(StoreUnavailable, match="full"):
            await store.committed()
        assert "full" in store.problem
        assert store.get(WEB) is not None
        full = False
        store.create(Key("pods", "default", "b"), thing("b"))
        await asyncio.wait_for(store.committed(), 10)
        assert store.problem == ""
        assert told == ["database or disk is full", ""]
    async with opened(tmp_path) as store:
        assert len(store.list("pods")) == 2


async def test_a_file_is_opened_where_nothing_can_be_written(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.create(WEB, thing())
    connection = sqlite3.connect(tmp_path / "store.db")
    before = connection.execute("PRAGMA data_version").fetchone()
    await (await Store.open(str(tmp_path / "store.db"), wall=time.time)).close()
    assert connection.execute("PRAGMA data_version").fetchone() == before
    connection.close()


async def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match=r"store\.db: "):
        await Store.open(str(path), wall=time.time)
    assert path.read_bytes() == b"no database" * 100


async def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreError, match="written by a newer nsrunner"):
        await Store.open(str(tmp_path / "store.db"), wall=time.time)


async def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.create(WEB, thing())
        await store.committed()
        for name in os.listdir(tmp_path):
            assert os.stat(tmp_path / name).st_mode & 0o077 == 0, name
