"""A process that supervises dies at each instant of a pod's life, and another one carries on."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import pytest

from nsrunner.model.types import ContainerStatus
from nsrunner.sandbox.records import ExecResult
from nsrunner.supervisor.pod import PodTask
from nsrunner.testing.fake_sandbox import Run
from unit.supervisor.world import MemoryJournal, World, container, play, world

LATENCY: Final = 0.5
"""Seconds that each command takes: instants between a command and its answer are many."""
STEP: Final = 0.25 if os.environ.get("NSRUNNER_TEST_NIGHTLY") else 0.75
POD: Final = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 5
  initContainers:
  - {name: first, image: host, command: [prepare]}
  - {name: side, image: host, command: [help], restartPolicy: Always}
  containers:
  - name: web
    image: host
    command: [serve]
    readinessProbe: {exec: {command: [ready]}, periodSeconds: 2, failureThreshold: 2, successThreshold: 2}
    lifecycle:
      postStart: {exec: {command: [warm, up]}}
      preStop: {sleep: {seconds: 1}}
"""
DELETED_AT: Final = 24.0
END: Final = 45.0


def script(w: World) -> None:
    w.shims.script("first", Run(lasts=1.2))
    w.shims.script("web", Run(lasts=2.2, exit_code=3), Run(lasts=3.2, exit_code=4), Run(ignores_term=True))


def codes(status: ContainerStatus) -> tuple[int, int | None]:
    """Restarts, and the exit code of the last instance that ended."""
    ended = (status.state and status.state.terminated) or (status.last_state and status.last_state.terminated)
    return status.restart_count, ended.exit_code if ended is not None else None


def started(w: World) -> Counter[str]:
    return Counter(command for command in w.commands if command.startswith("start "))


async def until(instant: float) -> None:
    await asyncio.sleep(max(0.0, instant - asyncio.get_running_loop().time()))


async def play_on(w: World, task: PodTask | None, *, deleted: bool) -> None:
    """To the pod's end: nothing of it may be left."""
    if task is None:
        return
    if not deleted:
        await until(DELETED_AT)
        task.delete(None)
    async with asyncio.timeout(300):
        await task.wait_removed()


def instants(first: float = 0.0, last: float = END) -> Iterable[float]:
    return itertools.takewhile(lambda at: at <= last, (first + STEP * n for n in itertools.count()))


def killed_at(instant: float, meanwhile: Callable[[World], None], seen: list[str]) -> None:
    """One life with a death of the supervisor in it. ``seen``: states of the machine at that."""

    async def life() -> None:
        async with world(latency=LATENCY, journal=MemoryJournal()) as w:
            script(w)
            task: PodTask | None = w.add(POD)
            assert task is not None
            deleted = instant > DELETED_AT
            if deleted:
                await until(DELETED_AT)
                task.delete(None)
            await until(instant + STEP / 2)
            if task.removed:
                return
            seen.append(task._machine.value.state.value)
            await w.kill()
            meanwhile(w)
            await asyncio.sleep(0.1)
            task = await w.resume()
            await play_on(w, task, deleted=deleted)
            assert all(count == 1 for count in started(w).values()), w.commands

    play(life)


def nothing(w: World) -> None:
    """The shim is alive and nothing happens."""


def shim_dies(w: World) -> None:
    for sandbox in tuple(w.shims.sandboxes.values()):
        sandbox.die()


def pause_dies(w: World) -> None:
    for sandbox in w.shims.sandboxes.values():
        if sandbox.attempt is not None:
            sandbox.kill_pause()


def container_ends(w: World) -> None:
    for sandbox in w.shims.sandboxes.values():
        if "web" in sandbox.running:
            sandbox.exit("web", 77)


@pytest.mark.parametrize("meanwhile", [nothing, shim_dies, pause_dies, container_ends])
def test_each_instant(meanwhile: Callable[[World], None]) -> None:
    """Whatever happens meanwhile: nothing is started twice (the fake shim refuses a second live instance, too), and
    nothing is left."""
    seen: list[str] = []
    for instant in instants():
        killed_at(instant, meanwhile, seen)
    assert {"Creating", "Active", "Terminating", "Stopping"} <= set(seen)


def life_until(end: float, deaths: Iterable[float], look: Callable[[World, PodTask], None]) -> None:
    async def life() -> None:
        async with world(latency=LATENCY, journal=MemoryJournal()) as w:
            script(w)
            task: PodTask | None = w.add(POD)
            for death in deaths:
                await until(death)
                await w.kill()
                task = await w.resume()
            assert task is not None
            await until(end)
            look(w, task)
            await w.delete(task, 0)

    play(life)


def test_exit_codes_restarts_and_back_offs_are_those_of_a_life_without_deaths() -> None:
    """With the shim alive the only difference is the time that an adoption takes."""
    plain: list[object] = []
    life_until(40, (), lambda w, task: plain.append((codes(container(task)), started(w))))
    assert plain == [
        ((2, 4), Counter({"start first/0": 1, "start side/0": 1, **{f"start web/{n}": 1 for n in range(3)}}))
    ]
    for first in instants(last=4):
        deaths = [first + 3.75 * n for n in range(8)]
        with_deaths: list[object] = []
        life_until(75, deaths, lambda w, task: with_deaths.append((codes(container(task)), started(w))))  # noqa: B023
        assert with_deaths == plain, first


def test_a_back_off_ends_when_it_would_have_ended() -> None:
    async def life() -> None:
        async with world(journal=MemoryJournal()) as w:
            w.shims.script("first", Run(lasts=1))
            w.shims.script("web", Run(lasts=1, exit_code=1), Run(lasts=1, exit_code=1), Run())
            task: PodTask | None = w.add(POD.replace("      postStart: {exec: {command: [warm, up]}}\n", ""))
            assert task is not None
            await w.until(lambda: task.next_starts.get("web", 0) and "start web/1" in w.commands)
            due = task.next_starts["web"]
            await w.kill()
            await asyncio.sleep(5)
            task = await w.resume()
            assert task is not None
            assert task.next_starts == {"web": pytest.approx(due)}
            await w.until(lambda: "start web/2" in w.commands)
            assert w.environment.clock.now().wall == pytest.approx(due, abs=0.1)
            await w.delete(task, 0)

    play(life)


def test_an_end_that_nobody_saw_has_its_exit_code() -> None:
    """Not acknowledged before it was taken in and written down."""

    async def life() -> None:
        journal = MemoryJournal()
        async with world(journal=journal) as w:
            w.shims.script("first", Run(lasts=1))
            task: PodTask | None = w.add(POD)
            assert task is not None
            await w.until(lambda: "start web/0" in w.commands and container(task).started)
            sandbox = w.sandbox(task)
            journal.full = True
            sandbox.exit("web", 42)
            await w.until(lambda: codes(container(task)) == (1, 42) or codes(container(task)) == (0, 42))
            assert not any(record in sandbox.acknowledged for record in sandbox._kept)
            await w.kill()
            journal.full = False
            task = await w.resume()
            assert task is not None
            await w.until(lambda: codes(container(task))[1] == 42)
            await w.until(lambda: not sandbox._kept)
            await w.delete(task, 0)

    play(life)


def test_what_could_not_be_written_is_written_when_there_is_room() -> None:
    async def life() -> None:
        journal = MemoryJournal()
        async with world(journal=journal) as w:
            w.shims.script("first", Run(lasts=1))
            task: PodTask | None = w.add(POD)
            assert task is not None
            await w.until(lambda: container(task).started)
            sandbox = w.sandbox(task)
            journal.full = True
            sandbox.exit("web", 42)
            await asyncio.sleep(0.5)
            assert sandbox._kept
            journal.full = False
            await asyncio.sleep(1.5)
            assert not sandbox._kept
            await w.delete(task, 0)

    play(life)


def test_readiness_and_what_probes_have_counted_stay() -> None:
    async def life() -> None:
        async with world(journal=MemoryJournal()) as w:
            w.shims.script("first", Run(lasts=1))
            task: PodTask | None = w.add(POD)
            assert task is not None
            await w.until(lambda: container(task).ready)
            await w.kill()
            task = await w.resume()
            assert task is not None
            assert container(task).ready
            assert task.conditions["Ready"] == "True"
            w.shims.exec_result = ExecResult(record=0, exit_code=1)
            failed = asyncio.get_running_loop().time()
            await w.until(lambda: w.commands[-1] == "exec ready")
            await asyncio.sleep(0.1)
            await w.kill()  # after the first of two failures
            task = await w.resume()
            assert task is not None and container(task).ready
            await w.until(lambda: not container(task).ready)
            assert asyncio.get_running_loop().time() - failed < 5
            await w.delete(task, 0)

    play(life)


def test_a_pod_that_was_accepted_and_no_more_begins() -> None:
    async def life() -> None:
        async with world(journal=MemoryJournal()) as w:
            w.shims.script("first", Run(lasts=1))
            w.add(POD)
            await w.kill()
            task = await w.resume()
            assert task is not None
            await w.phase(task, "Running")
            await w.delete(task, 0)

    play(life)


def test_a_hook_that_ran_runs_again() -> None:
    """At least once: the one that was under way may have done its work or not."""

    async def life() -> None:
        async with world(journal=MemoryJournal()) as w:
            w.shims.script("first", Run(lasts=1))
            w.shims.exec_lasts = 10
            task: PodTask | None = w.add(POD)
            assert task is not None
            await w.until(lambda: "exec warm up" in w.commands)
            await w.kill()
            task = await w.resume()
            assert task is not None
            await w.until(lambda: container(task).started)
            assert w.commands.count("exec warm up") == 2
            assert started(w)["start web/0"] == 1
            await w.delete(task, 0)

    play(life)


def test_a_mistake_of_ours_at_the_adoption_costs_the_pod_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def life() -> None:
        async with world(journal=MemoryJournal()) as w:
            w.shims.script("first", Run(lasts=1))
            task: PodTask | None = w.add(POD)
            assert task is not None
            await w.phase(task, "Running")
            await w.kill()
            monkeypatch.setattr("nsrunner.supervisor.perform.plan_sandbox", lambda *a, **k: 1 / 0)
            task = await w.resume()
            assert task is not None
            async with asyncio.timeout(60):
                await task.wait_removed()
            assert "InternalError" in w.reasons

    play(life)
