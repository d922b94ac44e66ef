"""A directory of manifests: what is told of it, and when."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from nsrunner.model.types import Pod
from nsrunner.sources.files import DirectorySource
from nsrunner.sources.manifests import Manifests

POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec: {containers: [{name: c, image: host, command: [sleep, inf]}]}
"""


class Told:
    """What a source has said, in order."""

    def __init__(self) -> None:
        self.all: list[Manifests] = []
        self._news = asyncio.Event()

    def changed(self, manifests: Manifests) -> None:
        self.all.append(manifests)
        self._news.set()

    async def until(self, condition: Callable[[dict[str, list[str]]], object]) -> None:
        async with asyncio.timeout(20):
            while not (self.all and condition(self.now)):
                self._news.clear()
                await self._news.wait()

    @property
    def now(self) -> dict[str, list[str]]:
        """By file: the names of the pods, or what is wrong."""
        return {os.path.basename(where): names(manifest) for where, manifest in self.all[-1].items()}


def names(manifest: Any) -> list[str]:
    if manifest.problem:
        return [f"problem: {manifest.problem}"]
    return [each.metadata.name for each in manifest.objects if isinstance(each, Pod)]


def pod(name: str) -> str:
    return POD.replace("NAME", name)


def writing(path: Path) -> IO[str]:
    return path.open("w")


def move_in(directory: Path, file: str, text: str) -> None:
    fresh = directory.parent / f"{file}.new"
    fresh.write_text(text)
    fresh.rename(directory / file)


@asynccontextmanager
async def source(path: Path, *, seconds: float = 3600) -> AsyncIterator[Told]:
    told = Told()
    task = asyncio.create_task(DirectorySource(str(path), seconds=seconds, changed=told.changed).run())
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.wait([task])


def play(script: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(script())


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    directory = tmp_path / "manifests"
    directory.mkdir()
    return directory


def test_what_is_there_and_what_comes_and_goes(manifests: Path) -> None:
    async def script() -> None:
        (manifests / "a.yaml").write_text(pod("a"))
        (manifests / ".hidden.yaml").write_text(pod("hidden"))
        (manifests / "directory").mkdir()
        async with source(manifests) as told:
            await told.until(lambda now: now == {"a.yaml": ["a"]})
            move_in(manifests, "b.yaml", pod("b"))
            await told.until(lambda now: now == {"a.yaml": ["a"], "b.yaml": ["b"]})
            (manifests / "a.yaml").unlink()
            await told.until(lambda now: now == {"b.yaml": ["b"]})
            (manifests / "b.yaml").rename(manifests / ".b")
            await told.until(lambda now: now == {})

    play(script)


def test_a_directory_that_comes_later_and_again(tmp_path: Path) -> None:
    async def script() -> None:
        path = tmp_path / "later"
        async with source(path) as told:
            await told.until(lambda now: now == {})
            path.mkdir()
            move_in(path, "a.yaml", pod("a"))
            await told.until(lambda now: now == {"a.yaml": ["a"]})
            path.rename(tmp_path / "aside")
            await told.until(lambda now: now == {})
            (tmp_path / "aside").rename(path)
            await told.until(lambda now: now == {"a.yaml": ["a"]})
            move_in(path, "b.yaml", pod("b"))
            await told.until(lambda now: "b.yaml" in now)

    play(script)


def test_a_single_file(tmp_path: Path) -> None:
    async def script() -> None:
        path = tmp_path / "one.yaml"
        async with source(path) as told:
            await told.until(lambda now: now == {})
            path.write_text(pod("a"))
            await told.until(lambda now: now == {"one.yaml": ["a"]})

    play(script)


def test_a_file_that_is_being_written_is_what_it_was(manifests: Path) -> None:
    """Its half is a manifest, too: nobody may ever see it."""

    async def script() -> None:
        (manifests / "a.yaml").write_text(pod("first"))
        async with source(manifests) as told:
            await told.until(lambda now: now == {"a.yaml": ["first"]})
            with writing(manifests / "a.yaml") as file:
                file.write(pod("half"))
                file.flush()
                move_in(manifests, "b.yaml", pod("b"))  # makes it look
                await told.until(lambda now: now == {"a.yaml": ["first"], "b.yaml": ["b"]})
                file.seek(0)
                file.truncate()
                file.write(pod("whole"))
            await told.until(lambda now: now == {"a.yaml": ["whole"], "b.yaml": ["b"]})
            assert all(
                set(names(manifest)) <= {"first", "whole", "b"} for each in told.all for manifest in each.values()
            )

    play(script)


def test_a_file_that_nobody_closes_is_read_at_the_regular_look(manifests: Path) -> None:
    async def script() -> None:
        async with source(manifests, seconds=0.05) as told:
            with writing(manifests / "a.yaml") as file:
                file.write(pod("a"))
                file.flush()
                await told.until(lambda now: now == {"a.yaml": ["a"]})

    play(script)


def test_a_storm_of_edits_ends_with_the_last(manifests: Path) -> None:
    async def script() -> None:
        async with source(manifests) as told:
            for number in range(300):
                move_in(manifests, "a.yaml", pod(f"a{number}"))
                if number % 10 == 0:
                    await asyncio.sleep(0)
            await told.until(lambda now: now == {"a.yaml": ["a299"]})
            assert len(told.all) < 100

    play(script)


def test_a_bad_file_says_why_once_with_its_path_once(manifests: Path) -> None:
    async def script() -> None:
        (manifests / "a.yaml").write_text("kind: Pod\napiVersion: v1\nspec: {containers: 3}\n")
        async with source(manifests) as told:
            await told.until(lambda now: "a.yaml" in now)
            (problem,) = told.now["a.yaml"]
            assert problem.count(str(manifests / "a.yaml")) == 1

    play(script)


def test_a_directory_that_cannot_be_read_stays_what_it_was(manifests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script() -> None:
        (manifests / "a.yaml").write_text(pod("a"))
        async with source(manifests, seconds=0.01) as told:
            await told.until(lambda now: now == {"a.yaml": ["a"]})
            looked = asyncio.Event()
            loop = asyncio.get_running_loop()

            def refuse(path: str) -> list[str]:
                loop.call_soon_threadsafe(looked.set)
                raise PermissionError(13, "Permission denied")

            monkeypatch.setattr(os, "listdir", refuse)
            await looked.wait()
            looked.clear()
            await looked.wait()  # the first one's result was looked at by now
            monkeypatch.undo()
            assert [len(each) for each in told.all] == [1]

    play(script)


def test_what_others_could_have_written_is_not_run(tmp_path: Path) -> None:
    async def script() -> None:
        (tmp_path / "mine.yaml").write_text(pod("mine"))
        open_to_all = tmp_path / "open.yaml"
        open_to_all.write_text(pod("theirs"))
        open_to_all.chmod(0o666)
        async with source(tmp_path) as told:
            why = f"problem: {open_to_all}: not read: it can be written by others than root (mode 0666)"
            await told.until(lambda now: now == {"mine.yaml": ["mine"], "open.yaml": [why]})
            open_to_all.chmod(0o600)
            await told.until(lambda now: now == {"mine.yaml": ["mine"], "open.yaml": ["theirs"]})
            os.chmod(tmp_path, 0o777)
            os.utime(open_to_all)
            why = f"{tmp_path} can be written by others than root (mode 0777)"
            await told.until(lambda now: [each.endswith(why) for [each] in now.values()] == [True, True])

    play(script)
