"""What may be changed of a pod that runs, on the fake runtime. Real pods are in tests/kernel."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from nsrunner.errors import ManifestError, PodFailed, SandboxError, UsageError, WaitTimeout
from nsrunner.library.aio import AsyncPod
from nsrunner.library.pod import Pod
from nsrunner.model.types import Container, EphemeralContainer
from nsrunner.sandbox.spec import ContainerSpec
from nsrunner.testing import clock
from nsrunner.testing.fake_sandbox import FakeShims, Run
from unit.library.stage import stage

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: shop}}
spec:
  readinessGates: [{conditionType: shop/lb}]
  containers:
  - {name: web, image: host, command: [serve]}
"""


@pytest.fixture
def shims(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeShims:
    return stage(monkeypatch, tmp_path)


def test_a_readiness_gate_is_opened_from_outside(shims: FakeShims) -> None:
    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            await pod.wait("ContainersReady")
            with pytest.raises(WaitTimeout, match="Ready"):
                await pod.wait("Ready", timeout=5)
            await pod.set_condition("shop/lb", reason="Registered", message="by the test")
            status = await pod.wait("Ready", timeout=5)
            gate = status.conditions[0]
            assert (gate.type, gate.status, gate.reason, gate.message) == (
                "shop/lb",
                "True",
                "Registered",
                "by the test",
            )
            assert await pod.wait("shop/lb", timeout=0)
            await pod.set_condition("shop/lb", "False")
            await pod.wait("Ready=False", timeout=5)

    clock.run(script())


def test_conditions_that_cannot_be_set(shims: FakeShims) -> None:
    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            with pytest.raises(UsageError, match='condition "Ready" is nsrunner\'s own'):
                await pod.set_condition("Ready")
            with pytest.raises(UsageError, match=r"the status is .* not True"):
                await pod.set_condition("shop/lb", True)

    clock.run(script())


def test_a_debugger_is_added_and_never_restarted(shims: FakeShims) -> None:
    shims.script("debugger-1", Run(lasts=3, exit_code=4))

    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            await pod.wait("Running")
            assert await pod.debug(["sh"], env={"A": "b"}) == "debugger-1"
            assert pod.containers == ("web", "debugger-1")
            assert pod.pid("debugger-1")
            await asyncio.sleep(100)
            (status,) = pod.status.ephemeral_container_statuses
            assert status.state is not None and status.state.terminated is not None
            assert (status.state.terminated.exit_code, status.restart_count) == (4, 0)
            assert await pod.debug(["sh"], name="second") == "second"
            assert await pod.debug(["sh"]) == "debugger-2"
            assert pod.object.metadata.generation == 4
            assert pod.status.phase == "Running"

    clock.run(script())


def test_several_at_once_do_not_push_each_other_out(shims: FakeShims) -> None:
    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            names = await asyncio.gather(*(pod.debug(["sh"]) for _ in range(3)))
            assert sorted(names) == ["debugger-1", "debugger-2", "debugger-3"]
            assert sorted(pod.containers) == [*sorted(names), "web"]

    clock.run(script())


def test_a_debugger_that_cannot_be_added(shims: FakeShims) -> None:
    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            await pod.wait("Running")
            with pytest.raises(ManifestError, match='name: Duplicate value: "web"'):
                await pod.debug(["sh"], name="web")
            with pytest.raises(ManifestError, match='targetContainerName: Not found: "db"'):
                await pod.debug(["sh"], target="db")
            with pytest.raises(ManifestError, match=r"livenessProbe: Forbidden: cannot be set"):
                from nsrunner.model.types import ExecAction, Probe

                probe = Probe(exec=ExecAction(command=("x",)))
                await pod.add_ephemeral_container(EphemeralContainer(name="d", image="host", liveness_probe=probe))
            assert pod.containers == ("web",)
            pod.request_delete()
            await asyncio.sleep(0.1)
            with pytest.raises(UsageError, match="pod web has ended"):
                await pod.debug(["sh"])

    clock.run(script())


@pytest.mark.parametrize("more", ["", "\n  shareProcessNamespace: true"])
def test_a_target(shims: FakeShims, more: str) -> None:
    async def script() -> None:
        async with AsyncPod.from_yaml(POD.replace("spec:", f"spec:{more}")) as pod:
            await pod.wait("Running")
            assert await pod.debug(["sh"], target="web") == "debugger-1"
            (sandbox,) = shims.sandboxes.values()
            web, debugger = sandbox.specs[-2:]
            assert isinstance(web, ContainerSpec) and isinstance(debugger, ContainerSpec)
            assert debugger.target == ("" if more else web.id)

    clock.run(script())


def test_a_target_that_does_not_run_is_waited_for(shims: FakeShims) -> None:
    shims.script("web", Run(lasts=1, exit_code=1), Run(lasts=1, exit_code=1), Run())

    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            await pod.wait("Running")
            await asyncio.sleep(5)
            with pytest.raises(
                PodFailed, match=r'CreateContainerError: .*"web" is not running - in state CONTAINER_EX'
            ):
                await pod.debug(["sh"], target="web", name="d")
            await asyncio.sleep(60)
            (status,) = pod.status.ephemeral_container_statuses
            assert status.state is not None and status.state.running is not None
            assert (status.restart_count, pod.status.container_statuses[0].restart_count) == (0, 2)

    clock.run(script())


def test_a_debugger_without_its_image(shims: FakeShims) -> None:
    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            await pod.wait("Running")
            with pytest.raises(PodFailed, match='container "debugger-1" cannot be started: ErrImage'):
                await pod.debug(["sh"], image="nowhere/nothing:1")

    clock.run(script())


def test_a_debugger_whose_program_is_not_there(shims: FakeShims) -> None:
    shims.script("debugger-1", Run(fails=SandboxError("execve", errno.ENOENT, path="/bin/nosuch")))

    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            await pod.wait("Running")
            with pytest.raises(PodFailed, match=r'container "debugger-1" cannot be started: .*/bin/nosuch'):
                await pod.debug(["/bin/nosuch"])

    clock.run(script())


def test_a_copy_has_the_same_options_and_is_another_pod(shims: FakeShims) -> None:
    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            await pod.wait("Running")
            copy = pod.copy("web-debug", command=["sh"], add=Container(name="tools", image="host", command=("sh",)))
            assert (copy.name, copy.started, copy.manifest.metadata.labels) == ("web-debug", False, {})
            async with copy:
                await copy.wait("Running")
                assert copy.uid != pod.uid
                assert copy.containers == ("web", "tools")
            assert pod.status.phase == "Running"
        with pytest.raises(ManifestError):
            pod.copy("Web")

    clock.run(script())


def test_the_synchronous_twin_copies_too() -> None:
    pod = Pod.from_yaml(POD)
    assert pod.copy("other").name == "other"
