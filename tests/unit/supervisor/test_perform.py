"""Commands to effects: one event each, with the same id, whatever happens. The rest is played in test_pod.py."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from nsrunner.errors import SandboxError
from nsrunner.library.documents import Documents, load_objects
from nsrunner.lifecycle import commands, events
from nsrunner.lifecycle.commands import AnsweredCommand, RecordEvent
from nsrunner.lifecycle.events import Event
from nsrunner.sandbox.spec import ContainerSpec, Owner
from nsrunner.sandbox.state import RegisteredPod, Roots
from nsrunner.supervisor.perform import Performer
from nsrunner.supervisor.plan import Node
from nsrunner.testing import clock
from nsrunner.testing.fake_sandbox import FakeShims, Run
from unit.supervisor.world import FACTS

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default, uid: u}
spec:
  containers:
  - name: web
    image: host
    command: [serve]
    resources: {limits: {memory: 64Mi}}
    envFrom: [{configMapRef: {name: settings}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {COLOUR: blue}
"""


class Bench:
    """A performer with a list in the place of the machine."""

    def __init__(self, root: Path, manifest: str = POD) -> None:
        documents = Documents(load_objects(manifest.encode(), "test"))
        roots = Roots.from_environment({"NSRUNNER_ROOT": str(root)})
        self.shims = FakeShims()
        self.posted: list[Event] = []
        self.recorded: list[RecordEvent] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.performer = Performer(
            documents.pod(None),
            RegisteredPod(
                uid="u",
                namespace="default",
                name="web",
                owner=Owner(kind="process", pid=1, start_time=1),
                paths=roots.pod_paths("default", "web", "u"),
                cgroup="",
            ),
            node=Node(facts=FACTS, roots=roots),
            shims=self.shims,
            objects=documents,
            fallback_host=False,
            post=self.posted.append,
            record=self.recorded.append,
            spawn=self.spawn,
            silence=lambda silent: None,
        )

    def spawn(self, effect: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(effect)
        self.tasks.add(task)
        return task

    async def do(self, command: AnsweredCommand) -> Event:
        before = len(self.posted)
        answer = self.performer.at_once(command)
        if answer is not None:
            return answer
        await self.performer.perform(command)
        answers = [event for event in self.posted[before:] if getattr(event, "id", None) == command.id]
        assert len(answers) == 1
        return answers[0]

    async def end(self) -> None:
        await self.performer.destroy()
        for task in self.tasks:
            await task


CREATE = commands.CreateSandbox(id=1, attempt=0)
IMAGE = commands.EnsureImage(id=2, container="web")
START = commands.StartContainer(id=3, container="web", attempt=0)


@pytest.mark.parametrize("number", [2, 3], ids=["create", "start"])
def test_a_step_that_took_too_long_is_an_answer(tmp_path: Path, number: int) -> None:
    """A file system of the network may say so, or a start; the shim and all else of the pod go on."""

    async def script() -> None:
        bench = Bench(tmp_path)
        bench.shims.faults[number] = SandboxError("wait for the process to start", errno.ETIMEDOUT)
        created = await bench.do(CREATE)
        if number == 2:
            assert isinstance(created, events.SandboxFailed)
        else:
            await bench.do(IMAGE)
            answer = await bench.do(START)
            assert isinstance(answer, events.ContainerFailed)
            assert answer.reason == "RunContainerError"
        assert not any(isinstance(event, events.SandboxDied) for event in bench.posted)
        assert not bench.shims.sandboxes["u"].closed
        await bench.end()

    clock.run(script())


def test_a_life(tmp_path: Path) -> None:
    async def script() -> None:
        bench = Bench(tmp_path)
        bench.shims.script("web", Run(lasts=5, exit_code=2))
        assert await bench.do(CREATE) == events.SandboxReady(id=1, attempt=0, pod_ip="192.0.2.1")
        assert await bench.do(IMAGE) == events.ImageReady(id=2, container="web", image_id="host")
        started = await bench.do(START)
        assert isinstance(started, events.ContainerStarted)
        live = bench.performer.ledger.running["web"]
        assert (live.id, live.attempt) == (started.container_id, 0)
        spec = bench.shims.sandboxes["u"].specs[-1]
        assert isinstance(spec, ContainerSpec)
        assert "COLOUR=blue" in spec.env
        who = spec.credentials
        assert started.user == events.User(uid=who.uid, gid=who.gid, groups=who.groups)
        await asyncio.sleep(6)
        exited = bench.posted[-1]
        assert isinstance(exited, events.ContainerExited)
        assert (exited.exit_code, exited.started) == (2, started.started)
        assert not bench.performer.ledger.running
        assert bench.performer.ledger.instances == {("web", 0): False}
        removed = await bench.do(commands.RemoveContainer(id=4, container="web", attempt=0))
        assert removed == events.ContainerRemoved(id=4, container="web", attempt=0)
        assert not bench.performer.ledger.instances
        assert await bench.do(commands.StopSandbox(id=5, attempt=0)) == events.SandboxStopped(id=5, attempt=0)
        assert await bench.do(commands.RemovePod(id=6)) == events.PodRemoved(id=6)
        assert not bench.shims.left
        await bench.end()

    clock.run(script())


def test_a_limit_that_is_not_enforced_is_told_once(tmp_path: Path) -> None:
    async def script() -> None:
        bench = Bench(tmp_path)
        await bench.do(CREATE)
        await bench.do(IMAGE)
        await bench.do(START)
        told = [event for event in bench.recorded if "memory" in event.message or "limit" in event.message]
        assert len(told) == 1 and told[0].type == "Warning"
        await bench.end()

    clock.run(script())


def test_an_exit_before_the_answer_leaves_nothing_running(tmp_path: Path) -> None:
    async def script() -> None:
        bench = Bench(tmp_path)
        bench.shims.script("web", Run(lasts=0))
        await bench.do(CREATE)
        await bench.do(IMAGE)
        await bench.do(START)
        await asyncio.sleep(1)
        assert any(isinstance(event, events.ContainerExited) for event in bench.posted)
        assert not bench.performer.ledger.running
        await bench.end()

    clock.run(script())


@pytest.mark.parametrize(
    "command",
    [
        START,
        commands.SignalContainer(id=3, container="web", attempt=7, signal="KILL"),
        commands.RemoveContainer(id=3, container="web", attempt=7),
        commands.StopSandbox(id=3, attempt=0),
        commands.RemovePod(id=3),
    ],
    ids=lambda command: type(command).__name__,
)
def test_without_a_sandbox_every_command_is_answered_all_the_same(command: AnsweredCommand, tmp_path: Path) -> None:
    async def script() -> None:
        bench = Bench(tmp_path)
        event = await bench.do(command)
        assert getattr(event, "id", None) == 3
        if command is START:
            assert isinstance(event, events.ContainerFailed)
        await bench.end()

    clock.run(script())


def test_the_log_of_an_earlier_shims_instance_is_removed_directly(tmp_path: Path) -> None:
    async def script() -> None:
        bench = Bench(tmp_path)
        await bench.do(CREATE)
        await bench.do(commands.RemoveContainer(id=9, container="web", attempt=4))
        assert str(bench.shims.calls[-1]) == "remove log web/4"
        await bench.end()

    clock.run(script())


def test_a_start_that_names_what_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    async def script() -> None:
        bench = Bench(tmp_path, POD.partition("---")[0])
        await bench.do(CREATE)
        await bench.do(IMAGE)
        failed = await bench.do(START)
        assert isinstance(failed, events.ContainerFailed)
        assert failed.reason == "CreateContainerConfigError"
        assert 'configmaps "settings" not found' in failed.message
        await bench.end()

    clock.run(script())


def test_a_sandbox_dies_once(tmp_path: Path) -> None:
    async def script() -> None:
        bench = Bench(tmp_path)
        await bench.do(CREATE)
        bench.shims.sandboxes["u"].kill_pause()
        await asyncio.sleep(1)
        bench.shims.sandboxes["u"].die()
        await asyncio.sleep(1)
        assert bench.posted.count(events.SandboxDied(attempt=0)) == 1
        await bench.end()

    clock.run(script())


def test_what_the_shim_cannot_remove_is_removed_without_it(tmp_path: Path) -> None:
    async def script() -> None:
        bench = Bench(tmp_path)
        await bench.do(CREATE)
        bench.shims.faults[3] = SandboxError("remove directory", errno.EBUSY)
        assert await bench.do(commands.RemovePod(id=2)) == events.PodRemoved(id=2)
        assert not bench.shims.left
        await bench.end()

    clock.run(script())
