"""Changes are gathered, and nothing is written once the pod goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from nsrunner.library.documents import load_objects
from nsrunner.model.types import Pod, PodStatus
from nsrunner.sandbox.published import LATEST, QUIET, published
from nsrunner.supervisor.publisher import Publisher
from nsrunner.testing import clock

POD = b"""
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: c, image: host}]}
"""


def counted() -> tuple[Callable[[], Pod], list[int]]:
    (pod,) = load_objects(POD, "test")
    assert isinstance(pod, Pod)
    asked: list[int] = []

    def current() -> Pod:
        asked.append(1)
        return msgspec.structs.replace(pod, status=PodStatus(phase=f"Phase{len(asked)}"))

    return current, asked


def phase(directory: Path) -> str | None:
    shown = published(str(directory))
    return None if shown is None else shown["status"]["phase"]


def test_many_changes_are_one_file(tmp_path: Path) -> None:
    async def script() -> None:
        current, asked = counted()
        publisher = Publisher(str(tmp_path), current)
        for _ in range(10):
            publisher.changed()
        assert phase(tmp_path) is None
        await asyncio.sleep(1)
        assert (phase(tmp_path), len(asked)) == ("Phase1", 1)
        publisher.changed()
        publisher.flush()
        assert phase(tmp_path) == "Phase2"
        publisher.flush()
        await asyncio.sleep(1)
        assert len(asked) == 2

    clock.run(script())


def test_what_goes_on_changing_is_published_all_the_same(tmp_path: Path) -> None:
    async def script() -> None:
        current, asked = counted()
        publisher = Publisher(str(tmp_path), current)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while not asked:
            publisher.changed()
            await asyncio.sleep(QUIET / 2)
        assert LATEST <= loop.time() - begun <= LATEST + QUIET
        while len(asked) == 1:
            publisher.changed()
            await asyncio.sleep(QUIET / 2)
        assert 2 * LATEST <= loop.time() - begun <= 2 * (LATEST + QUIET)
        publisher.close()

    clock.run(script())


def test_a_quiet_moment_after_the_last_change_is_enough(tmp_path: Path) -> None:
    async def script() -> None:
        current, asked = counted()
        publisher = Publisher(str(tmp_path), current)
        publisher.changed()
        await asyncio.sleep(QUIET * 0.9)
        publisher.changed()
        await asyncio.sleep(QUIET * 0.9)
        assert not asked
        await asyncio.sleep(QUIET * 0.2)
        assert asked

    clock.run(script())


def test_a_closed_publisher_writes_nothing(tmp_path: Path) -> None:
    async def script() -> None:
        current, asked = counted()
        publisher = Publisher(str(tmp_path), current)
        publisher.changed()
        publisher.close()
        publisher.changed()
        publisher.flush()
        await asyncio.sleep(1)
        assert not asked

    clock.run(script())
    assert not list(tmp_path.iterdir())


def test_a_directory_that_is_not_there_yet_is_no_error(tmp_path: Path) -> None:
    async def script() -> None:
        publisher = Publisher(str(tmp_path / "later"), counted()[0])
        publisher.changed()
        publisher.flush()
        (tmp_path / "later").mkdir()
        publisher.changed()
        publisher.flush()
        assert phase(tmp_path / "later") == "Phase2"

    clock.run(script())
