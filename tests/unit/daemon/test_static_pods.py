"""Static pods: what sources say, and what becomes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from nsrunner.model.types import Pod
from nsrunner.sources.manifests import Manifest, read_manifest
from nsrunner.sources.static import static_pod
from nsrunner.testing.fake_sandbox import FakeShims, Run
from unit.daemon.pods_world import DaemonPods, daemon_pods, manifest, reboot


def play(script: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(script())


def edited(name: str, command: str, **metadata: Any) -> dict[str, Any]:
    object = manifest(name, **metadata)
    object["spec"]["containers"][0]["command"] = [command]
    return object


def command(d: DaemonPods, name: str) -> str:
    found = d.get(name)
    return found["spec"]["containers"][0]["command"][0] if found is not None else ""


def test_they_come_change_and_go(tmp_path: Path) -> None:
    async def script() -> None:
        shims = FakeShims()
        async with daemon_pods(tmp_path, shims, sources=["file"]) as d:
            d.report("file", web=[manifest("web")])
            await d.running("web-node")
            d.report("file", web=[edited("web", "other")])
            await d.until(lambda: command(d, "web-node") == "other" and d.container("web-node").get("started"))
            assert len(d.pods.tasks) == 1
            d.report("file")
            await d.until(lambda: d.get("web-node") is None)
        assert not shims.left

    play(script)


def test_a_fixed_uid_edited_in_place(tmp_path: Path) -> None:
    async def script() -> None:
        shims = FakeShims()
        async with daemon_pods(tmp_path, shims, sources=["file"]) as d:
            d.report("file", web=[edited("web", "one", uid="mine")])
            await d.running("web-node")
            d.report("file", web=[edited("web", "two", uid="mine")])
            await d.until(lambda: command(d, "web-node") == "two" and d.container("web-node").get("started"))
        async with daemon_pods(tmp_path, shims, sources=["file"]) as d:
            d.report("file", web=[edited("web", "two", uid="mine")])
            await asyncio.sleep(0.05)
            assert not next(iter(d.pods.tasks.values())).deleted
            d.report("file")
            await d.until(lambda: d.get("web-node") is None)

    play(script)


def test_a_bad_file_keeps_its_pods_over_a_restart_and_its_config_maps(tmp_path: Path) -> None:
    async def script() -> None:
        shims = FakeShims()
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}}
        async with daemon_pods(tmp_path, shims, sources=["file"]) as d:
            d.report("file", web=[manifest("web"), config])
            await d.running("web-node")
            before = d.get("web-node")
            d.report("file", web="kind: [")
            assert await d.pods.objects.config_map("default", "c") is not None
        async with daemon_pods(tmp_path, shims, sources=["file"]) as d:
            d.report("file", web="kind: [")
            assert not next(iter(d.pods.tasks.values())).deleted
            after = d.get("web-node")
            assert before is not None and after is not None
            assert after["metadata"]["uid"] == before["metadata"]["uid"]
            (told,) = [message for message in d.events if "/m/web" in message]
            assert told.count("/m/web") == 1
            assert told.endswith("the pods of its last version go on")
            d.report("file", web=[manifest("web")])
            await asyncio.sleep(0.05)
            assert not next(iter(d.pods.tasks.values())).deleted
            d.report("file")
            await d.until(lambda: d.get("web-node") is None)

    play(script)


def test_nothing_is_removed_before_every_source_has_reported(tmp_path: Path) -> None:
    async def script() -> None:
        shims = FakeShims()
        async with daemon_pods(tmp_path, shims, sources=["file", "http"]) as d:
            d.report("http", web=[manifest("web")])
            await d.running("web-node")  # another source's silence keeps nobody from beginning
        async with daemon_pods(tmp_path, shims, sources=["file", "http"]) as d:
            d.report("file")
            d.static.problem("http://h/", "http://h/: refused")
            await asyncio.sleep(0.05)
            assert not next(iter(d.pods.tasks.values())).deleted
            d.report("http")
            await d.until(lambda: d.get("web-node") is None)

    play(script)


def test_of_two_sources_with_one_name_the_first_one_stays(tmp_path: Path) -> None:
    async def script() -> None:
        shims = FakeShims()
        async with daemon_pods(tmp_path, shims, sources=["file", "http"]) as d:
            d.report("http", web=[edited("web", "http")])
            await d.running("web-node")
            d.report("file", web=[edited("web", "file")])
            await asyncio.sleep(0.05)
            assert command(d, "web-node") == "http"
            assert len(d.pods.tasks) == 1
            d.report("http")
            await d.until(lambda: command(d, "web-node") == "file" and d.container("web-node").get("started"))
            d.report("file")
            await d.until(lambda: d.get("web-node") is None)

    play(script)


def test_a_mirror_that_is_deleted_comes_back(tmp_path: Path) -> None:
    async def script() -> None:
        shims = FakeShims()
        async with daemon_pods(tmp_path, shims, sources=["file"]) as d:
            d.report("file", web=[manifest("web")])
            await d.running("web-node")
            before = d.get("web-node")
            await d.delete("web-node")
            after = d.get("web-node")
            assert before is not None and after is not None
            assert after["metadata"]["uid"] != before["metadata"]["uid"]
            assert after["status"] == before["status"]
            d.report("file")
            await d.until(lambda: d.get("web-node") is None)

    play(script)


def test_a_file_that_is_as_it_was_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(pod: Pod, **whose: str) -> Pod:
        made.append(pod.metadata.name)
        return static_pod(pod, **whose)

    monkeypatch.setattr("nsrunner.daemon.static_pods.static_pod", counted)

    async def script() -> None:
        async with daemon_pods(tmp_path, FakeShims(), sources=["file"]) as d:
            files = {f"/m/{name}": manifest_of(name) for name in ("a", "b")}
            d.static.report("file", files)
            await d.running("b-node")
            d.static.report("file", {"/m/a": files["/m/a"], "/m/c": manifest_of("c")})
            await d.until(lambda: d.get("b-node") is None)
            d.static.report("file", {"/m/a": files["/m/a"], "/m/b": manifest_of("b")})
            await d.running("b-node")
            assert made == ["a", "b", "c", "b"]
            d.static.report("file", {})
            await d.until(lambda: d.get("a-node") is None and d.get("b-node") is None)

    play(script)


def manifest_of(name: str) -> Manifest:
    return read_manifest(f"/m/{name}", json.dumps(manifest(name)).encode())


def test_a_storm(tmp_path: Path) -> None:
    async def script() -> None:
        shims = FakeShims()
        async with daemon_pods(tmp_path, shims, sources=["file"]) as d:
            for number in range(100):
                d.report("file", web=[edited("web", f"c{number}")])
                if number % 7 == 0:
                    d.report("file")
                await asyncio.sleep(0.001 * (number % 4))
            await d.until(lambda: command(d, "web-node") == "c99" and d.container("web-node").get("started"))
            assert len(d.pods.tasks) == 1
            d.report("file")
            await d.until(lambda: d.get("web-node") is None)
        assert not shims.left

    play(script)


def test_a_reboot(tmp_path: Path) -> None:
    async def script() -> None:
        shims = FakeShims()
        shims.script("c", Run())
        done = manifest("done")
        done["spec"]["restartPolicy"] = "Never"
        files = {"web": [manifest("web")], "done": [done]}
        async with daemon_pods(tmp_path, shims, sources=["file"]) as d:
            d.report("file", **files)
            await d.running("web-node")
            await d.running("done-node")
            (uid,) = [uid for uid, task in d.pods.tasks.items() if task.pod.metadata.name == "done-node"]
            shims.sandboxes[uid].exit("c", 0)
            await d.until(lambda: d.status("done-node").get("phase") == "Succeeded")
            ended = d.status("done-node")
            await d.store.committed()
        reboot(tmp_path, shims)
        async with daemon_pods(tmp_path, shims, sources=["file"]) as d:
            d.report("file", **files)
            await d.until(
                lambda: d.container("web-node").get("restartCount") == 1 and d.container("web-node")["started"]
            )
            assert d.container("web-node")["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown"
            assert d.status("done-node") == ended
            d.report("file")
            await d.until(lambda: d.get("web-node") is None and d.get("done-node") is None)

    play(script)
