"""A pod whose containers get other images while it lives, through the task, the machine and the performer together
(kubelet-semantics 2.5, 6.3, 9, 19, 30.1)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from nsrunner.lifecycle.events import SpecChanged
from nsrunner.sandbox.spec import ContainerSpec
from nsrunner.supervisor.pod import PodTask
from nsrunner.testing.clock import VirtualClock
from nsrunner.testing.fake_sandbox import Run
from unit.supervisor.world import POD, World, container, play, world

TWO = POD.replace(
    "containers: [{name: web, image: host, command: [serve]}]",
    "containers: [{name: web, image: IMAGE, command: [serve]}, {name: side, image: IMAGE, command: [serve]}]",
)


@pytest.fixture
def rootfs(tmp_path: Path) -> str:
    directory = tmp_path / "root"
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
        (directory / name).mkdir(parents=True)
    return f"rootfs:{directory}"


def change(task: PodTask, image: str, name: str = "web") -> None:
    spec = task.pod.spec
    containers = tuple(replace(each, image=image) if each.name == name else each for each in spec.containers)
    task.post(SpecChanged(pod=replace(task.pod, spec=replace(spec, containers=containers))))


def roots(w: World, task: PodTask, name: str = "web") -> list[str]:
    """The directories that the instances of a container had as their root image, in order."""
    specs = [spec for spec in w.sandbox(task).specs if isinstance(spec, ContainerSpec) and spec.name == name]
    return [spec.root.lower for spec in specs]


def waits(task: PodTask, name: str) -> str | None:
    state = container(task, name).state
    return state.waiting.reason if state is not None and state.waiting is not None else None


def now() -> float:
    return asyncio.get_running_loop().time()


def test_6_3_the_new_image_is_what_the_next_instance_runs_from(rootfs: str) -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add()
            await w.until(lambda: container(task).ready)
            before = container(task)
            change(task, rootfs)
            await w.until(lambda: container(task).restart_count == 1 and container(task).ready)
            after = container(task)
            assert (before.image, after.image) == ("host", rootfs)
            assert before.image_id != after.image_id
            assert roots(w, task) == ["/", rootfs.removeprefix("rootfs:")]
            killing = next(event for event in w.events if event.reason == "Killing")
            assert killing.message == "Container web definition changed, will be restarted"
            assert [event.message for event in w.events if event.reason == "Pulled"] == [
                f'Container image "{image}" already present on machine and can be accessed by the pod'
                for image in ("host", rootfs)
            ]
            await w.delete(task)

    play(script)


def test_6_3_another_image_while_the_old_one_starts(rootfs: str) -> None:
    async def script() -> None:
        async with world(latency=1) as w:
            task = w.add()
            await w.until(lambda: "start web/0" in w.commands)
            change(task, rootfs)
            await w.until(lambda: container(task).restart_count == 1 and container(task).ready)
            assert roots(w, task) == ["/", rootfs.removeprefix("rootfs:")]
            await w.delete(task)

    play(script)


def test_9_another_image_ends_a_crash_loop_and_begins_its_own(rootfs: str) -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("web", Run(lasts=1, exit_code=1))
            task = w.add()
            await w.until(lambda: container(task).restart_count == 3, 600)
            await asyncio.sleep(5)
            assert task.next_starts["web"] > 0, "it waits for 40 s"
            began = now()
            change(task, rootfs)
            await w.until(lambda: container(task).restart_count == 4)
            assert now() - began < 1
            await w.until(lambda: container(task).restart_count == 5, 60)
            assert now() - began == pytest.approx(1 + 10, abs=0.5), "the first delay again"
            await w.delete(task)

    play(script)


def test_19_the_back_off_of_an_image_is_not_that_of_another(rootfs: str) -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add(TWO.replace("IMAGE", "registry.example/none:1"))
            await asyncio.sleep(100)
            assert (waits(task, "web"), waits(task, "side")) == ("ImagePullBackOff", "ImagePullBackOff")
            starts = task.next_starts
            assert set(starts) == {"web", "side"}
            began = now()
            change(task, rootfs)
            await w.until(lambda: container(task).ready)
            assert now() - began < 1, "the other image has no back-off"
            assert set(task.next_starts) == {"side"}
            assert task.next_starts["side"] == pytest.approx(starts["side"], abs=0.01), "its own goes on"
            change(task, "registry.example/none:2", "side")
            await w.until(lambda: waits(task, "side") == "ErrImagePull", 1)
            assert task.next_starts["side"] == pytest.approx(VirtualClock().now().wall + 10, abs=1), "its first delay"
            await w.delete(task)

    play(script)
