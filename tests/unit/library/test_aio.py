"""AsyncPod: what it does with the supervisor. Real pods are in tests/kernel."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

import nsrunner
from nsrunner.errors import ManifestError, PodFailed, SandboxError, UsageError, WaitTimeout
from nsrunner.library.aio import AsyncPod
from nsrunner.sandbox.records import ExecResult
from nsrunner.testing import clock
from nsrunner.testing.fake_sandbox import FakeShims, Run
from unit.library.stage import stage

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 5
  containers:
  - {name: web, image: host, command: [serve]}
  - {name: side, image: host, command: [serve]}
"""


@pytest.fixture
def shims(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeShims:
    return stage(monkeypatch, tmp_path)


def test_a_pod_lives_as_long_as_its_block(shims: FakeShims) -> None:
    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            status = await pod.wait("Ready")
            assert status.phase == "Running"
            assert (pod.name, pod.namespace, pod.ip) == ("web", "default", "192.0.2.1")
            assert (pod.pid(), pod.pid("side")) == (2001, 2002)
            assert pod.object.metadata.uid == pod.uid
            assert shims.left == {pod.uid}
        assert not shims.left
        assert pod.status.phase == "Failed"  # ended by signals

    clock.run(script())


def test_waiting_for_what_cannot_come(shims: FakeShims) -> None:
    shims.script("web", Run(lasts=3, exit_code=7))
    shims.script("side", Run(lasts=4))

    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            await pod.wait("Ready")
            with pytest.raises(PodFailed) as caught:
                await pod.wait("Succeeded")
            assert str(caught.value) == (
                "pod default/web cannot reach phase Succeeded any more: Failed; "
                "container web terminated: Error (exit code 7)"
            )
            with pytest.raises(PodFailed):
                await pod.wait("Ready")
            assert (await pod.wait("Failed")).phase == "Failed"

    clock.run(script())


def test_a_short_state_is_seen(shims: FakeShims) -> None:
    shims.script("web", Run(lasts=0))
    shims.script("side", Run(lasts=0))

    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            assert (await pod.wait("Running")).phase == "Running"
            assert (await pod.wait("Succeeded")).phase == "Succeeded"

    clock.run(script())


def test_a_wait_ends_with_its_timeout_and_says_how_things_are(shims: FakeShims) -> None:
    shims.script("web", Run(fails=SandboxError("open mount source", errno.ENOENT, "/nope")))

    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            with pytest.raises(WaitTimeout) as caught:
                await pod.wait("Ready", timeout=3)
            assert "did not reach condition Ready within 3 s: Pending; container web is waiting: " in str(caught.value)
            assert 'CreateContainerError: failed to generate container spec: failed to stat "/nope"' in str(
                caught.value
            )

    clock.run(script())


def test_a_wait_ends_when_the_pod_is_deleted(shims: FakeShims) -> None:
    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            waiting = asyncio.create_task(pod.wait("Succeeded", timeout=None))
            await pod.wait("Ready")
            await pod.delete()
            with pytest.raises(PodFailed):
                await waiting
            await pod.delete()  # again: nothing

    clock.run(script())


def test_events_are_told_from_the_first_to_the_removal(shims: FakeShims) -> None:
    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            await pod.wait("Ready")
            reasons = []

            async def listen() -> None:
                async for event in pod.events():
                    reasons.append((event.container, event.reason))

            listening = asyncio.create_task(listen())
            await pod.delete()
            await listening
            assert reasons == [
                *((name, reason) for name in ("web", "side") for reason in ("Pulled", "Created", "Started")),
                ("web", "Killing"),
                ("side", "Killing"),
            ]

    clock.run(script())


def test_exec(shims: FakeShims) -> None:
    shims.exec_result = ExecResult(record=1, exit_code=3)

    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            with pytest.raises(UsageError, match="not running"):
                await pod.exec(None, ["true"])
            await pod.wait("Ready")
            result = await pod.exec("side", ["false", "x"], input="in")
            assert (result.exit_code, result.stdout, result.ok) == (3, b"", False)
            assert str(shims.calls[-1]) == "exec false x"
            with pytest.raises(UsageError, match="argv"):
                await pod.exec("side", "false")

    clock.run(script())


def test_a_command_that_is_not_there_is_a_result(shims: FakeShims) -> None:
    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            await pod.wait("Ready")
            shims.faults[len(shims.calls) + 1] = SandboxError("find executable in PATH", errno.ENOENT, "nope")
            result = await pod.exec("web", ["nope"])
            assert (result.exit_code, result.error) == (127, 'exec: "nope": executable file not found in $PATH')
            shims.faults[len(shims.calls) + 1] = SandboxError("join namespaces", errno.EPERM)
            with pytest.raises(SandboxError):
                await pod.exec("web", ["true"])

    clock.run(script())


def test_the_order_of_calls_is_checked(shims: FakeShims) -> None:
    async def script() -> None:
        pod = AsyncPod.from_yaml(POD)
        for ask in (lambda: pod.status, lambda: pod.uid, lambda: pod.pid()):
            with pytest.raises(UsageError, match="was not started"):
                ask()
        await pod.start()
        with pytest.raises(UsageError, match="was started already"):
            await pod.start()
        await pod.close(grace=0)
        await pod.close()

    clock.run(script())


def test_several_pods_share_an_engine_that_goes_with_the_last(shims: FakeShims) -> None:
    from nsrunner.library.engine import Engine

    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as first:
            async with AsyncPod.from_yaml(POD) as second:
                assert first.uid != second.uid
                await asyncio.gather(first.wait("Ready"), second.wait("Ready"))
                assert len(Engine._engines[asyncio.get_running_loop()]) == 1
            assert first.status.phase == "Running"
        assert not Engine._engines[asyncio.get_running_loop()]
        assert [task.get_name() for task in asyncio.all_tasks()] == [asyncio.current_task().get_name()]  # type: ignore[union-attr]

    clock.run(script())


def test_the_status_is_published_for_others(shims: FakeShims, tmp_path: Path) -> None:
    from nsrunner.sandbox.published import published

    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            directory = tmp_path / "run" / "pods" / pod.uid
            directory.mkdir(parents=True)  # the fake registers nothing
            await pod.wait("Ready")
            await asyncio.sleep(1)  # virtual: changes are gathered for a moment
            shown = published(str(directory))
            assert shown is not None and shown["status"]["phase"] == "Running"
            assert shown["metadata"]["name"] == "web"

    clock.run(script())


def test_bad_manifests_are_refused_before_anything_runs(tmp_path: Path) -> None:
    path = tmp_path / "pod.yaml"
    path.write_text("kind: Pod\napiVersion: v1\nmetadata: {name: x}\nspec: {containers: []}\n")
    with pytest.raises(ManifestError, match=r"pod\.yaml"):
        AsyncPod.from_file(path)
    with pytest.raises(ManifestError):
        AsyncPod.from_dict({"kind": "Pod", "apiVersion": "v1"})
    with pytest.raises(FileNotFoundError):
        AsyncPod.from_file(tmp_path / "nope")


def test_not_root_is_said_before_anything_is_touched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("NSRUNNER_ROOT", str(tmp_path))

    async def script() -> None:
        with pytest.raises(nsrunner.PrivilegeError, match="need root"):
            await AsyncPod.from_yaml(POD).start()

    asyncio.run(script())
    assert not list(tmp_path.iterdir())
