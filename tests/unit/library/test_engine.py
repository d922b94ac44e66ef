"""One engine per loop and configuration, counted."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from nsrunner.errors import HostError, PrivilegeError
from nsrunner.library.engine import Engine, require_root
from nsrunner.library.options import RunOptions
from nsrunner.sandbox.state import Roots
from nsrunner.testing import clock
from unit.library.stage import stage

REMOVE_LEFTOVERS = Engine._remove_leftovers


@pytest.fixture(autouse=True)
def staged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stage(monkeypatch, tmp_path)


def test_the_same_options_share_an_engine() -> None:
    async def script() -> None:
        first = await Engine.acquire(RunOptions())
        second = await Engine.acquire(RunOptions(image_fallback="host", namespace="x", grace_period=1))
        other = await Engine.acquire(RunOptions(address="198.51.100.1/32"))
        assert first is second and first is not other
        assert other.node.pod_address == "198.51.100.1/32"
        allowing = await Engine.acquire(RunOptions(allowed_unsafe_sysctls=("net.core.*",)))
        assert allowing is not first and allowing.node.allowed_unsafe_sysctls == ("net.core.*",)
        await first.release()
        assert await Engine.acquire(RunOptions()) is first
        for engine in (first, second, other, allowing):
            await engine.release()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(script())


def test_leftovers_are_swept_when_there_are_any(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    swept: list[Roots] = []
    monkeypatch.setattr(Engine, "_remove_leftovers", REMOVE_LEFTOVERS)
    monkeypatch.setattr("nsrunner.library.engine.sweep", swept.append)

    async def script() -> None:
        options = RunOptions(root=str(tmp_path / "x"))
        await (await Engine.acquire(options)).release()
        assert swept == []
        engine = await Engine.acquire(options)
        roots = engine.node.roots
        await engine.release()
        os.makedirs(f"{roots.run}/pods/u1")
        await (await Engine.acquire(options)).release()
        assert swept == [roots]

    asyncio.run(script())  # it works in a thread


def test_the_root_moves_everything(tmp_path: Path) -> None:
    async def script() -> None:
        engine = await Engine.acquire(RunOptions(root=str(tmp_path / "x")))
        roots = engine.node.roots
        for path in (roots.run, roots.state, roots.logs, roots.log_links):
            assert Path(path).is_relative_to(tmp_path / "x")
        await engine.release()

    clock.run(script())


def test_places_that_cannot_hold_state_are_told_before_any_pod_begins(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    async def script() -> None:
        with pytest.raises(HostError) as caught:
            await Engine.acquire(RunOptions(root=str(file)))
        assert str(caught.value) == (
            f"{file}/run: Not a directory: pods keep their state there (NSRUNNER_ROOT names another place)"
        )

    clock.run(script())


def test_root_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(PrivilegeError, match="pods need root"):
        require_root()
