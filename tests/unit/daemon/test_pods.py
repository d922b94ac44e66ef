"""The pods of the API and what runs: what one daemon leaves and the next one makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from nsrunner.daemon.objects import same_content
from nsrunner.errors import SandboxError
from nsrunner.sandbox.published import published
from nsrunner.sandbox.state import RegisteredPod
from nsrunner.testing.fake_sandbox import FakeSandbox, FakeShims, Run
from unit.daemon.pods_world import daemon_pods, manifest, reboot


def play(script: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(script())


def test_the_next_daemon_carries_on(tmp_path: Path) -> None:
    async def script() -> None:
        shims = FakeShims()
        async with daemon_pods(tmp_path, shims) as d:
            await d.create(manifest("web"))
            await d.running("web")
            before = d.status("web")
        assert shims.sandboxes
        async with daemon_pods(tmp_path, shims) as d:
            await asyncio.sleep(0)
            assert d.status("web") == before
            gone = asyncio.Event()
            d.pods.when_removed(lambda uid: gone.set())
            await d.delete("web")
            assert d.get("web") is None
            await asyncio.wait_for(gone.wait(), 20)
        assert not shims.left
        assert [str(call) for call in shims.calls].count("start c/0") == 1

    play(script)


def test_what_happened_meanwhile_is_told(tmp_path: Path) -> None:
    async def script() -> None:
        shims = FakeShims()
        async with daemon_pods(tmp_path, shims) as d:
            await d.create(manifest("web"))
            await d.running("web")
        (sandbox,) = shims.sandboxes.values()
        sandbox.exit("c", 42)
        async with daemon_pods(tmp_path, shims) as d:
            await d.until(lambda: d.container("web").get("restartCount") == 1)
            assert d.container("web")["lastState"]["terminated"]["exitCode"] == 42
            await d.delete("web")

    play(script)


def spoil(root: Path) -> None:
    (machine,) = root.glob("run/pods/*/machine.json")
    machine.write_text('{"version": 0}')


def test_a_reboot(tmp_path: Path) -> None:
    async def script() -> None:
        shims = FakeShims()
        shims.script("c", Run())
        async with daemon_pods(tmp_path, shims) as d:
            for name in ("web", "going"):
                await d.create(manifest(name))
                await d.running(name)
            done = manifest("done")
            done["spec"]["restartPolicy"] = "Never"
            await d.create(done)
            await d.running("done")
            (uid,) = [uid for uid, task in d.pods.tasks.items() if task.pod.metadata.name == "done"]
            shims.sandboxes[uid].exit("c", 0)
            await d.until(lambda: d.status("done").get("phase") == "Succeeded")
            ended = d.status("done")
            await d.store.committed()
        async with daemon_pods(tmp_path, shims) as d:
            for sandbox in shims.sandboxes.values():
                for instance in sandbox._live():
                    instance.run = Run(ignores_term=True)
            await d.delete("going", 600)
        reboot(tmp_path, shims)
        (tmp_path / "lib/pods/nobodys").mkdir(parents=True)
        async with daemon_pods(tmp_path, shims) as d:
            await d.until(lambda: d.container("web").get("restartCount") == 1 and d.container("web")["started"])
            await d.until(lambda: d.get("going") is None)
            assert d.status("done") == ended
            assert d.container("web")["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown"

    play(script)


def test_a_machine_that_cannot_be_read_begins_anew_when_its_remains_are_gone(tmp_path: Path) -> None:
    async def script() -> None:
        shims = FakeShims()
        async with daemon_pods(tmp_path, shims) as d:
            await d.create(manifest("web"))
            await d.running("web")
        spoil(tmp_path)
        async with daemon_pods(tmp_path, shims) as d:
            await d.until(lambda: d.container("web").get("restartCount") == 1 and d.container("web")["started"])
            assert [str(call) for call in shims.calls].count("launch") == 2
            await d.delete("web")

    play(script)


def test_what_has_no_room_to_begin_begins_when_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script() -> None:
        shims = FakeShims()

        def refuse(*_: object) -> None:
            raise SandboxError("write file", 28, "/run/nsrunner/pods/u/pod.json")

        async with daemon_pods(tmp_path, shims) as d:
            with monkeypatch.context() as patch:
                patch.setattr("nsrunner.supervisor.supervisor.register", refuse)
                await d.create(manifest("web"))
                await d.create(manifest("gone"))
            assert d.status("web")["phase"] == "Pending"
            assert any("No space left on device" in message for message in d.events)
            await d.delete("gone")
            await d.running("web")
            assert d.get("gone") is None
            assert len(d.pods.tasks) == 1
            await d.delete("web")

    play(script)


def test_a_shim_that_does_not_answer_holds_up_the_others_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Frozen(FakeShims):
        async def connect(self, pod: RegisteredPod, silence: object, /) -> FakeSandbox:
            if pod.name == "frozen":
                await asyncio.Event().wait()
            return await super().connect(pod, silence)

    monkeypatch.setattr("nsrunner.daemon.pods._TAKE_OVER_SECONDS", 0.1)

    async def script() -> None:
        shims = Frozen()
        async with daemon_pods(tmp_path, shims) as d:
            for name in ("frozen", "web"):
                await d.create(manifest(name))
                await d.running(name)
        async with daemon_pods(tmp_path, shims) as d:
            assert not any(task.running for task in d.pods.tasks.values())
            await asyncio.wait_for(d.pods.taken_over(), 20)
            assert {task.pod.metadata.name for task in d.pods.tasks.values() if task.running} == {"web"}
        assert len(shims.sandboxes) == 2
        for sandbox in tuple(shims.sandboxes.values()):
            sandbox.die()

    play(script)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda other: None, True),
        (lambda other: other["metadata"].update(labels={}), True),
        (lambda other: other["metadata"].update(labels={"a": "b"}), False),
        (lambda other: other["metadata"].update(annotations={"a": "b"}), False),
        (lambda other: other["spec"].pop("hostNetwork", None), True),
        (lambda other: other["spec"].update(activeDeadlineSeconds=5), False),
        (lambda other: other["spec"].update(nodeSelector={}), True),
    ],
)
def test_what_a_client_may_change(change: Callable[[dict[str, Any]], object], same: bool) -> None:
    other = manifest("web")
    change(other)
    assert same_content(manifest("web"), other) is same


def test_who_lets_go_says_first_how_the_pods_are(tmp_path: Path) -> None:
    async def script() -> None:
        async with daemon_pods(tmp_path, FakeShims()) as d:
            await d.create(manifest("web"))
            await d.running("web")
            (task,) = d.pods.tasks.values()
        shown = published(task.registered.paths.run)
        assert shown is not None and shown["status"]["containerStatuses"][0]["started"]

    play(script)
