"""Many followers, one inotify instance."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nsrunner.sandbox.inotify import CREATE, OVERFLOW, Change, Inotify
from nsrunner.sandbox.logs import follow
from nsrunner.sandbox.watches import Watches


def instances() -> int:
    """Of this process, those excepted that are being closed."""
    for thread in threading.enumerate():
        if thread.name == "close inotify":
            thread.join(60)
    count = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:inotify"
        except FileNotFoundError:  # that of the listing itself
            pass
    return count


def test_whoever_watches_needs_no_ctypes(tmp_path: Path) -> None:
    """It takes longer to import than a short run has left."""
    code = """
import os, sys
from nsrunner.sandbox.inotify import CREATE, Inotify
assert "nsrunner.sandbox.native" not in sys.modules  # until somebody watches
watch = Inotify(sys.argv[1], CREATE)
os.close(os.open(f"{sys.argv[1]}/new", os.O_CREAT, 0o600))
print(*(change.name for change in watch.changes()), "ctypes" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "new False\n", "")


def test_what_cannot_be_watched(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    watch = Inotify(str(tmp_path), CREATE)
    try:
        with pytest.raises(FileNotFoundError) as error:
            watch.add(f"{tmp_path}/nope", CREATE)
        assert error.value.filename == f"{tmp_path}/nope"
        with pytest.raises(NotADirectoryError):
            watch.add(str(file), CREATE)
        watch.remove(1000)  # ended already
    finally:
        watch.close()
    instances()  # waits for the end of it


@pytest.mark.asyncio
async def test_followers_share_an_instance_and_the_last_one_closes_it(tmp_path: Path) -> None:
    before = instances()
    watches = Watches.of_this_loop()
    assert Watches.of_this_loop() is watches
    told = asyncio.Event()
    each = []
    for number in range(200):  # more than a user may have instances
        directory = tmp_path / str(number)
        directory.mkdir()
        each.append(watches.add(str(directory), told.set if number == 7 else lambda: None))
    assert instances() == before + 1
    (tmp_path / "7/0.log").touch()
    async with asyncio.timeout(30):
        await told.wait()
    assert [(change.mask, change.name) for change in each[7].changes()] == [(CREATE, "0.log")]
    assert not list(each[7].changes())
    assert not list(each[8].changes())
    for watch in each:
        watch.close()
        watch.close()  # again: nothing
    assert instances() == before


@pytest.mark.asyncio
async def test_two_followers_of_one_directory(tmp_path: Path) -> None:
    watches = Watches.of_this_loop()
    told = [asyncio.Event(), asyncio.Event()]
    first, second = (watches.add(str(tmp_path), event.set) for event in told)
    (tmp_path / "a").touch()
    async with asyncio.timeout(30):
        for event in told:
            await event.wait()
    first.close()
    told[1].clear()
    (tmp_path / "b").touch()
    async with asyncio.timeout(30):
        await told[1].wait()
    assert {change.name for change in second.changes()} == {"a", "b"}
    assert [change.name for change in first.changes()] == ["a"]
    second.close()


@pytest.mark.asyncio
async def test_a_directory_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    before = instances()
    with pytest.raises(FileNotFoundError):
        Watches.of_this_loop().add(str(tmp_path / "nope"), lambda: None)
    ended = asyncio.Event()
    with pytest.raises(FileNotFoundError):
        await anext(follow(str(tmp_path / "nope"), 0, ended))
    with pytest.raises(FileNotFoundError):  # the directory is there, the log is not
        await anext(follow(str(tmp_path), 0, ended))
    assert instances() == before


@pytest.mark.asyncio
async def test_a_directory_that_goes_is_told(tmp_path: Path) -> None:
    directory = tmp_path / "log"
    directory.mkdir()
    told = asyncio.Event()
    watch = Watches.of_this_loop().add(str(directory), told.set)
    directory.rmdir()
    async with asyncio.timeout(30):
        await told.wait()
    watch.close()


@pytest.mark.asyncio
async def test_an_overflow_is_everybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watches = Watches.of_this_loop()
    told: list[int] = []
    each = []
    for number in range(2):
        directory = tmp_path / str(number)
        directory.mkdir()
        each.append(watches.add(str(directory), lambda number=number: told.append(number)))  # type: ignore[misc] # bound now
    monkeypatch.setattr(Inotify, "changes", lambda self: iter([Change(OVERFLOW, "")]))
    watches._read()
    assert told == [0, 1]
    for watch in each:
        watch.close()
