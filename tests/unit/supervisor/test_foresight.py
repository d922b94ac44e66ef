"""What is prepared of the instances that come next, what becomes of that, and what takes it back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from nsrunner.lifecycle.events import SpecChanged
from nsrunner.lifecycle.upcoming import LEAD, Upcoming
from nsrunner.model.types import ConfigMap, ConfigMapKeySelector, Container, EnvVar, EnvVarSource, VolumeMount
from nsrunner.sandbox.spec import ContainerSpec
from nsrunner.supervisor.foresight import may_be_prepared
from nsrunner.supervisor.pod import PodTask
from nsrunner.supervisor.ports import ObjectReader
from nsrunner.testing.fake_sandbox import Run
from unit.supervisor.world import POD, MemoryJournal, World, container, play, world

TWO = POD.replace("containers: [", "containers: [{name: other, image: host, command: [serve]}, ")
FROM_MAP = POD.replace(
    "command: [serve]",
    "command: [serve], env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: a}}}]",
)
SETTINGS = """
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: old}
"""


def now() -> float:
    return asyncio.get_running_loop().time()


def newest(w: World, task: PodTask) -> ContainerSpec:
    spec = w.sandbox(task).specs[-1]
    assert isinstance(spec, ContainerSpec)
    return spec


def at_work(w: World, task: PodTask) -> tuple[list[int], list[int]]:
    """Attempts of what is held, and of what is to be held when another one has ended."""
    sandbox = w.sandbox(task)
    return [spec.attempt for spec in sandbox.prepared.values()], [each.attempt for each in sandbox.successors.values()]


async def waits(w: World, task: PodTask) -> float:
    """Until the container waits for its second restart, which is then due at that time."""
    w.shims.script("web", Run(lasts=1, exit_code=1))
    await w.until(lambda: container(task).restart_count == 1 and "web" in task.next_starts)
    due = task._machine.next_start("web")
    assert due is not None
    return due


def test_the_first_restart_has_what_was_prepared_when_its_predecessor_ended() -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add()
            await w.phase(task, "Running")
            assert at_work(w, task) == ([], [1])
            (prepared,) = w.sandbox(task).successors.values()
            w.sandbox(task).exit("web", 1)
            assert at_work(w, task) == ([1], [])
            await w.until(lambda: container(task).restart_count == 1)
            assert newest(w, task) == prepared
            assert at_work(w, task) == ([], [])
            assert w.sandbox(task).forgotten == []
            await w.delete(task)

    play(script)


def test_one_that_will_wait_is_prepared_shortly_before_the_end_of_the_wait() -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add()
            due = await waits(w, task)
            await asyncio.sleep(due - LEAD - 0.001 - now())
            assert at_work(w, task) == ([], [])
            await asyncio.sleep(0.002)
            assert at_work(w, task) == ([2], [])
            (prepared,) = w.sandbox(task).prepared.values()
            assert container(task).restart_count == 1
            await w.until(lambda: container(task).restart_count == 2)
            assert now() == pytest.approx(due, abs=0.01)
            assert newest(w, task) == prepared
            assert (at_work(w, task), w.sandbox(task).forgotten) == (([], []), [])
            await w.delete(task)

    play(script)


def test_a_run_of_ten_minutes_is_followed_at_once_again() -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("web", Run(lasts=1, exit_code=1), Run())
            task = w.add()
            await w.until(lambda: container(task).restart_count == 1)
            await asyncio.sleep(590)
            assert at_work(w, task) == ([], [])
            await asyncio.sleep(20)
            assert at_work(w, task) == ([], [2])
            await w.delete(task)

    play(script)


def test_a_deletion_takes_it_back_at_once_though_another_container_takes_its_time() -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("other", Run(ignores_term=True))
            task = w.add(TWO)
            due = await waits(w, task)
            await asyncio.sleep(due - LEAD / 2 - now())
            held = [spec.id for spec in w.sandbox(task).prepared.values()]
            assert len(held) == 1
            sandbox = w.sandbox(task)
            task.delete(None)
            await w.until(lambda: task.deleted)
            assert (sandbox.prepared, sandbox.forgotten[-1:]) == ({}, held)
            assert w.commands[-1] == "signal 15 other/0"
            await w.delete(task)

    play(script)


def test_a_deletion_takes_back_what_was_to_follow_those_that_run() -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add()
            await w.phase(task, "Running")
            sandbox = w.sandbox(task)
            (successor,) = sandbox.successors.values()
            await w.delete(task)
            assert (sandbox.prepared, sandbox.successors) == ({}, {})
            assert sandbox.forgotten == [successor.id]
            assert not any(call.startswith("start web/1") for call in w.commands)

    play(script)


def test_the_death_of_the_sandbox_takes_it_along_and_the_next_one_begins_anew() -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add()
            due = await waits(w, task)
            await asyncio.sleep(due - LEAD / 2 - now())
            assert at_work(w, task) == ([2], [])
            before = w.sandbox(task).prepared["web"].id
            w.sandbox(task).kill_pause()
            await w.until(lambda: container(task).restart_count == 2)
            assert newest(w, task).id != before
            assert "web" not in task.next_starts or container(task).restart_count > 2
            await w.delete(task)

    play(script)


def test_another_image_is_started_at_once_and_the_old_one_taken_back(tmp_path: Path) -> None:
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
        (tmp_path / name).mkdir()

    async def script() -> None:
        async with world() as w:
            task = w.add()
            due = await waits(w, task)
            await asyncio.sleep(due - LEAD / 2 - now())
            held = w.sandbox(task).prepared["web"]
            spec = task.pod.spec
            changed = (replace(spec.containers[0], image=f"rootfs:{tmp_path}"),)
            task.post(SpecChanged(pod=replace(task.pod, spec=replace(spec, containers=changed))))
            await w.until(lambda: container(task).restart_count == 2)
            assert now() < due
            assert w.sandbox(task).forgotten[-1] == held.id
            assert (newest(w, task).id, newest(w, task).root.lower) == (held.id, str(tmp_path))
            await w.delete(task)

    play(script)


class Changing:
    """One ConfigMap, of other content at each look."""

    def __init__(self) -> None:
        self.looks = 0

    async def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        self.looks += 1
        return ConfigMap(data={"a": str(self.looks)})

    async def secret(self, namespace: str, name: str) -> None:
        return None


def test_the_environment_is_that_of_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was prepared with another one is made anew by the shim."""

    async def script() -> None:
        async with world() as w:
            task = w.add(FROM_MAP + SETTINGS)
            objects: ObjectReader = Changing()
            monkeypatch.setattr(task._performer, "_objects", objects)
            due = await waits(w, task)
            await asyncio.sleep(due - LEAD / 2 - now())
            prepared = w.sandbox(task).prepared["web"]
            assert w.sandbox(task).successors == {}
            await w.until(lambda: container(task).restart_count == 2)
            values = [next(v for v in spec.env if v.startswith("A=")) for spec in (prepared, newest(w, task))]
            assert int(values[1][2:]) == int(values[0][2:]) + 1
            assert prepared.id == newest(w, task).id
            await w.delete(task)

    play(script)


def test_a_process_that_takes_over_prepares_what_comes_next() -> None:
    async def script() -> None:
        async with world(journal=MemoryJournal()) as w:
            task = w.add()
            await w.phase(task, "Running")
            w.sandbox(task).successors.clear()
            await w.kill()
            again = await w.resume()
            assert again is not None
            await asyncio.sleep(1)
            assert at_work(w, again) == ([], [1])
            await w.delete(again)

    play(script)


def test_what_cannot_be_planned_is_left_to_its_start() -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add(POD.replace("command: [serve]", "command: [serve], workingDir: relative"))
            await w.until(lambda: "Failed" in w.reasons)
            assert at_work(w, task) == ([], [])
            await w.delete(task)

    play(script)


FROM_SETTINGS = EnvVar(
    name="A", value_from=EnvVarSource(config_map_key_ref=ConfigMapKeySelector(name="settings", key="a"))
)


@pytest.mark.parametrize(
    ("container", "waiting", "running"),
    [
        (Container(name="c"), True, True),
        (Container(name="c", env=(FROM_SETTINGS,)), True, False),
        (Container(name="c", volume_mounts=(VolumeMount(name="v", mount_path="/v", sub_path="x"),)), False, True),
        (Container(name="c", volume_mounts=(VolumeMount(name="v", mount_path="/v", sub_path_expr="x"),)), False, True),
    ],
)
def test_what_may_be_another_one_by_the_time_of_its_start(container: Container, waiting: bool, running: bool) -> None:
    assert may_be_prepared(container, Upcoming(attempt=1, at=0)) == waiting
    assert may_be_prepared(container, Upcoming(attempt=1, after=0, at=0)) == running
