"""Which containers are prepared beside the making of their sandbox, and what becomes of that."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import msgspec
import pytest

from nsrunner.errors import SandboxError
from nsrunner.library.documents import Documents, load_objects
from nsrunner.model.types import Container, Pod
from nsrunner.sandbox.spec import Owner
from nsrunner.sandbox.state import Roots
from nsrunner.supervisor.plan import Node, plan_sandbox
from nsrunner.supervisor.plan_container import container_id
from nsrunner.supervisor.prepare import Preparations, first_containers
from nsrunner.testing.fake_sandbox import FakeSandbox, FakeShims
from unit.supervisor.world import FACTS, container, play, world

MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {{name: web, uid: u, namespace: default}}
spec:
  {more}
  volumes: [{{name: data, emptyDir: {{}}}}]
  containers:
  - {{name: a, image: host, command: [serve], volumeMounts: [{{name: data, mountPath: /a, subPath: x}}]}}
  - {{name: b, image: host, command: [serve]{of_b}}}
  - {{name: c, image: host, command: [serve], volumeMounts: [{{name: data, mountPath: /c{of_c}}}]}}
"""


def pod(of_b: str = "", of_c: str = "", more: str = "") -> Pod:
    text = MANIFEST.format(of_b=of_b, of_c=of_c, more=more)
    return Documents(load_objects(text.encode(), "test")).pod(None)


@pytest.mark.parametrize(
    ("manifest", "names"),
    [
        (pod(), "abc"),
        (pod(of_c=", subPath: x"), "ab"),
        (pod(of_c=", subPathExpr: x"), "ab"),
        (pod(of_b=", lifecycle: {postStart: {exec: {command: [x]}}}"), "ab"),
        (pod(of_b=", lifecycle: {preStop: {exec: {command: [x]}}}"), "abc"),
        (pod(more="initContainers: [{name: i, image: host, command: [x]}, {name: j, image: host, command: [x]}]"), "i"),
    ],
)
def test_those_that_depend_on_nothing_that_another_one_does(manifest: Pod, names: str) -> None:
    assert [container.name for container in first_containers(manifest)] == list(names)


def test_not_more_than_there_are_processors_for() -> None:
    containers = ", ".join(f"{{name: c{number}, image: host, command: [x]}}" for number in range(20))
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{containers: [{containers}]}}"
    assert len(list(first_containers(Documents(load_objects(text.encode(), "test")).pod(None)))) == 8


class Bench:
    def __init__(self, root: Path, manifest: Pod) -> None:
        self.pod = manifest
        self.node = Node(facts=FACTS, roots=Roots.from_environment({"NSRUNNER_ROOT": str(root)}))
        self.sandbox = FakeSandbox(FakeShims(), "u")
        self.preparations = Preparations(self.node, fallback_host=False)
        owner = Owner(kind="process", pid=1, start_time=1)
        self.plan = plan_sandbox(manifest, self.node, owner=owner, attempt=0)
        self.preparations._begin(manifest, self.sandbox, self.plan)

    @property
    def names(self) -> list[str]:
        return list(self.sandbox.prepared)


def test_what_cannot_be_planned_now_is_left_to_its_start(tmp_path: Path) -> None:
    broken = pod(of_b=", workingDir: relative", of_c="}], envFrom: [{configMapRef: {name: settings}}], env: [{name: x")
    assert Bench(tmp_path, broken).names == ["a"]
    missing = msgspec.structs.replace(
        broken, spec=msgspec.structs.replace(broken.spec, containers=[with_image(broken, "rootfs:/no/such/directory")])
    )
    assert Bench(tmp_path, missing).names == []


def with_image(manifest: Pod, image: str) -> Container:
    return msgspec.structs.replace(manifest.spec.containers[0], image=image)


def test_a_plan_is_taken_once_and_only_for_the_start_that_it_was_made_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path, pod())
    assert bench.names == ["a", "b", "c"]
    take, image = bench.preparations.take, bench.preparations._prepared["a"].image
    plan = take(bench.pod, "a", 0, image)
    assert plan is not None and plan.spec is bench.sandbox.prepared["a"]
    assert take(bench.pod, "a", 0, image) is None
    assert take(bench.pod, "b", 1, image) is None
    assert take(pod(), "c", 0, image) is None


def test_what_was_prepared_for_another_sandbox_is_not_taken(tmp_path: Path) -> None:
    bench = Bench(tmp_path, pod())
    image = bench.preparations._prepared["a"].image
    owner = Owner(kind="process", pid=1, start_time=1)
    again = plan_sandbox(bench.pod, bench.node, owner=owner, attempt=1)

    async def script() -> None:
        await bench.preparations.create(2, bench.pod, again, FakeSandbox(FakeShims(), "u"))

    play(script)
    assert bench.preparations.take(bench.pod, "a", 0, image) is None


def test_the_start_has_what_was_prepared() -> None:
    async def script() -> None:
        async with world(latency=1) as w:
            task = w.add()
            await asyncio.sleep(1.5)  # the sandbox takes until 2
            assert w.commands == ["launch", "create sandbox 0"]
            (prepared,) = w.sandbox(task).prepared.values()
            await w.phase(task, "Running")
            assert w.sandbox(task).specs[-1] is prepared
            assert not w.sandbox(task).prepared
            w.sandbox(task).exit("web", 1)
            await w.until(lambda: container(task).restart_count == 1)
            assert w.sandbox(task).specs[-1] is not prepared
            await w.delete(task)

    play(script)


def test_a_pod_that_is_deleted_meanwhile_starts_nothing() -> None:
    async def script() -> None:
        async with world(latency=1) as w:
            task = w.add()
            await asyncio.sleep(1.5)  # the sandbox takes until 2
            sandbox = w.sandbox(task)
            assert sandbox.prepared
            await w.delete(task)
            assert not sandbox.prepared
            assert not any(call.startswith("start") for call in w.commands)

    play(script)


def test_a_sandbox_that_fails_is_made_again_and_the_containers_are_started_in_that_one() -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.faults[2] = SandboxError("add network link", errno.EPERM)
            task = w.add()
            await w.until(lambda: "FailedCreatePodSandBox" in w.reasons)
            assert not w.sandbox(task).prepared
            await w.phase(task, "Running")
            assert w.commands == ["launch", "create sandbox 0", "create sandbox 1", "start web/0"]
            assert task.running["web"].id == container_id("uid-web", "web", 0, sandbox_attempt=1)
            await w.delete(task)

    play(script)
