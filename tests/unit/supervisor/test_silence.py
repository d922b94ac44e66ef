"""A pod whose shim does not answer: what is shown of it, and what becomes of it."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from nsrunner.sandbox.state import RegisteredPod
from nsrunner.supervisor.pod import PodTask
from nsrunner.testing.fake_sandbox import FakeSandbox, FakeShims, Run
from unit.supervisor.world import MemoryJournal, World, container, play, world


class Frozen(FakeShims):
    """Those of an earlier process do not answer, until ``thaw`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.thaw = asyncio.Event()

    async def connect(self, pod: RegisteredPod, silence: object, /) -> FakeSandbox:
        assert callable(silence)
        silence(True)
        await self.thaw.wait()
        silence(False)
        return await super().connect(pod, silence)

    def end(self, pod: RegisteredPod) -> None:
        super().end(pod)
        self.thaw.set()


def shown(task: PodTask) -> tuple[str, str, str]:
    ready = next(each.status for each in task.status.conditions if each.type == "Ready")
    assert task.phase == task.status.phase == task.object.status.phase
    assert task.conditions["Ready"] == ready
    return task.phase, ready, task.status.reason or ""


async def another_process(w: World) -> tuple[PodTask, Frozen]:
    """Takes over from one that is killed, and whose pod's shim is frozen."""
    await w.kill()
    frozen = Frozen()
    frozen.sandboxes, frozen.left = w.shims.sandboxes, w.shims.left
    for sandbox in frozen.sandboxes.values():
        sandbox._shims = frozen
    w.shims, w.environment = frozen, replace(w.environment, shims=frozen)
    task = await w.resume()
    assert task is not None
    await w.until(lambda: task.phase == "Unknown")
    return task, frozen


async def running(w: World) -> PodTask:
    task = w.add()
    await w.phase(task, "Running")
    return task


def test_it_is_unknown_until_it_answers() -> None:
    async def script() -> None:
        async with world(journal=MemoryJournal()) as w:
            await running(w)
            task, frozen = await another_process(w)
            assert shown(task) == ("Unknown", "Unknown", "Unknown")
            assert "does not answer" in (task.status.message or "")
            assert w.reasons[-1] == "ShimNotResponding"
            await asyncio.sleep(3600)
            assert shown(task)[0] == "Unknown" and not task.finished
            frozen.thaw.set()
            await w.phase(task, "Running")
            assert shown(task) == ("Running", "True", "")
            assert container(task).restart_count == 0
            await w.delete(task, 0)

    play(script)


def test_it_is_known_dead() -> None:
    async def script() -> None:
        async with world(journal=MemoryJournal()) as w:
            await running(w)
            task, frozen = await another_process(w)
            for sandbox in tuple(frozen.sandboxes.values()):
                sandbox.die()
            frozen.thaw.set()
            await w.until(lambda: container(task).restart_count == 1 and task.phase == "Running")
            await w.delete(task, 0)

    play(script)


def test_one_that_is_to_go_is_not_waited_for_for_ever() -> None:
    async def script() -> None:
        async with world(journal=MemoryJournal()) as w:
            await running(w)
            task, _ = await another_process(w)
            began = asyncio.get_running_loop().time()
            await w.delete(task)
            assert 10 <= asyncio.get_running_loop().time() - began < 20

    play(script)


def test_one_that_was_deleted_before() -> None:
    async def script() -> None:
        async with world(journal=MemoryJournal()) as w:
            w.shims.script("web", Run(ignores_term=True))
            before = await running(w)
            before.delete(1000)
            await asyncio.sleep(1)
            task, _ = await another_process(w)
            async with asyncio.timeout(30):
                await task.wait_removed()

    play(script)


def test_a_pod_that_has_ended_stays_what_it_was() -> None:
    async def script() -> None:
        async with world() as w:
            task = await running(w)
            task._heard(True)
            assert shown(task)[0] == "Unknown"
            task._heard(False)
            assert shown(task)[0] == "Running"
            await w.delete(task, 0)
            task._heard(True)
            assert task.phase != "Unknown"

    play(script)
