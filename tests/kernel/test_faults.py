"""Every step of making a sandbox, a container and an exec, made to fail in turn: the pod says which step failed, on
what, and why; it goes on, as under a kubelet, as soon as the step works; and nothing of the attempt is left.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kernel.fault_steps import (
    ELSEWHERE,
    EVERY_STEP,
    EXEC,
    FIRST_EXEC,
    HOST_PID,
    LONG_EXEC,
    PAUSE,
    SANDBOX,
    SHIM,
    START,
    TARGET,
    TERMINAL,
    Step,
)
from nsrunner import AsyncPod, PodEvent, PodFailed
from nsrunner.errors import SandboxError
from nsrunner.lifecycle.events import Now, Tick
from nsrunner.sandbox import native
from nsrunner.sandbox.shim import Shim
from nsrunner.sandbox.wire import MAX_MESSAGE
from nsrunner.supervisor.clock import SystemClock
from real_pods import Manifest, container, pod
from strace import Call, Fault, Tracer, find, hits, without

pytestmark = [pytest.mark.needs_tool("strace"), pytest.mark.needs_cgroup2]

SYSCTLS = {
    "kernel.shm_rmid_forced": "1",
    "net.ipv4.ip_local_port_range": "1024 65000",
    "net.ipv4.tcp_syncookies": "1",
}
WITHIN = 20.0
"""Seconds for anything that is waited for."""


def manifest(directory: Path, **fields: Any) -> Manifest:
    (directory / "host").mkdir(exist_ok=True)
    main = container(
        "main",
        securityContext={
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
        },
        workingDir="/srv",
        volumeMounts=[
            {"name": "memory", "mountPath": "/m"},
            {"name": "disk", "mountPath": "/v", "subPath": "part", "readOnly": True},
            {"name": "host", "mountPath": "/h"},
        ],
        **{name: value for name, value in fields.items() if name in ("tty", "stdin")},
    )
    return pod(
        main,
        restartPolicy="Always",
        securityContext={"sysctls": [{"name": name, "value": value} for name, value in SYSCTLS.items()]},
        volumes=[
            {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
            {"name": "disk", "emptyDir": {}},
            {"name": "host", "hostPath": {"path": str(directory / "host"), "type": "Directory"}},
        ],
        **{name: value for name, value in fields.items() if name not in ("tty", "stdin")},
    )


class LeapClock(SystemClock):
    """A back-off is over when the test says so."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> Now:
        now = super().now()
        return Now(mono=now.mono + self.ahead, wall=now.wall + self.ahead)


class Stage:
    """A pod, and strace on what makes it."""

    def __init__(self, **fields: Any) -> None:
        directory = Path(os.environ["NSRUNNER_ROOT"])
        self.pod = AsyncPod.from_dict(manifest(directory, **fields), grace_period=0)
        self.shim = 0
        self.traced = False
        self.seen: set[str] = set()
        """Reasons that the container's status has shown, and of its ends."""
        self._clock = LeapClock()
        self._directory = directory
        self._tracer: Tracer | None = None

    @asynccontextmanager
    async def running(self, at: str = "", *faults: Fault) -> AsyncIterator[AsyncGenerator[PodEvent, None]]:
        """Runs the pod, traced from where it is ``at``, and gives its events."""
        shim_launch, shim_start = Shim.launch, Shim.start_container

        def reached(place: str, pid: int) -> None:
            if place == at and not self.traced:  # the first time only: what comes later is to work
                self.trace(pid, *faults)

        async def launch(run_dir: str, first: Callable[[Shim], Any], **options: Any) -> tuple[Shim, Any]:
            reached("shim", os.getpid())
            shim, _ = await shim_launch(run_dir, lambda shim: None, **options)
            assert shim.process is not None
            self.shim = shim.process.pid
            reached("sandbox", self.shim)
            return shim, first(shim)

        def start_container(shim: Shim, *arguments: Any, **options: Any) -> Any:
            reached("start", self.shim)
            return shim_start(shim, *arguments, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Shim, "launch", launch)
            patch.setattr(Shim, "start_container", start_container)
            # What fails while it is prepared is silent: the start does it again, and is what tells.
            patch.setattr(Shim, "prepare_container", lambda shim, spec, *, after="": None)
            patch.setattr("nsrunner.library.engine.SystemClock", lambda: self._clock)
            async with asyncio.timeout(WITHIN), self.pod:
                self.pod.subscribe(self._look)
                try:
                    async with aclosing(self.pod.events()) as events:
                        yield events
                finally:
                    self.untrace()

    def _look(self) -> None:
        for status in self.pod.status.container_statuses:
            if status.state is not None and status.state.waiting is not None:
                self.seen.add(status.state.waiting.reason or "")
            for state in (status.state, status.last_state):
                if state is not None and state.terminated is not None:
                    self.seen.add(f"{state.terminated.reason} {state.terminated.exit_code}")

    def trace(self, pid: int, *faults: Fault) -> None:
        self.traced = True
        self._tracer = Tracer(pid, self._directory / "calls", *faults)

    def untrace(self) -> list[Call]:
        if self._tracer is None:
            return []
        tracer, self._tracer = self._tracer, None
        return tracer.stop()

    def leap(self) -> None:
        """All back-offs are over."""
        self._clock.ahead += 1000
        self.pod.task.post(Tick())

    async def recovers(self, events: AsyncGenerator[PodEvent, None]) -> None:
        """Waits until the container runs."""
        self.leap()
        async for event in events:
            if event.reason == "Started":
                return
            if event.reason in ("BackOff", "Failed", "FailedCreatePodSandBox", "FailedMount"):
                self.leap()
        raise AssertionError("the pod has ended")


def plain(text: str, stage: Stage) -> str:
    """Without what differs from run to run."""
    root, paths = os.environ["NSRUNNER_ROOT"], stage.pod.task.registered.paths
    for path, name in ((paths.logs, "LOGS"), (paths.run, "RUN"), (paths.state, "STATE")):
        text = text.replace(path, name)
    text = text.replace(stage.pod.task.registered.cgroup, "CGROUP").replace(str(stage._directory / "host"), "HOST")
    text = re.sub(rf"{root}/log/containers/\S*?(?=:|$)", "LINK", text)
    return re.sub(r"\b[0-9a-f]{64}\b", "ID", text.replace(root, "ROOT").replace(stage.pod.uid, "UID"))


def descriptor(shim: int, name: str) -> str:
    """What it is of; empty when it has been closed since it was listed."""
    try:
        return os.readlink(f"/proc/{shim}/fd/{name}")
    except FileNotFoundError:
        return ""


def footprint(stage: Stage) -> dict[str, list[str]]:
    """What there is of a pod: processes, cgroups, files, and what its shim holds."""
    shim, registered = stage.shim, stage.pod.task.registered
    root = Path(os.environ["NSRUNNER_ROOT"])
    found = {
        "process": [Path(f"/proc/{pid}/comm").read_text() for pid in children(shim)],
        "cgroup": [folder for folder, _, _ in os.walk(registered.cgroup)],
        "file": [
            str(path) for path in root.rglob("*") if "/containers/" not in str(path) or path.parent.name == "containers"
        ],
        "descriptor": [target for name in os.listdir(f"/proc/{shim}/fd") if (target := descriptor(shim, name))],
        "mount": [
            f"{line.split()[4]} {line.partition(' - ')[2].split()[0]}"
            for line in Path(f"/proc/{shim}/mountinfo").read_text().splitlines()
            if str(root) in line
        ],
    }
    return {kind: sorted(re.sub(r"\d+", "N", plain(each, stage)) for each in some) for kind, some in found.items()}


async def settled(stage: Stage, expected: dict[str, list[str]] | None = None) -> dict[str, list[str]]:
    """The footprint once it is as expected, or does not change any more: that a process is reaped no event tells."""
    loop, found, since = asyncio.get_running_loop(), footprint(stage), 0.0
    while found != expected:
        before, found = found, footprint(stage)
        since = since if found == before and since else loop.time()
        if loop.time() - since > (0.05 if expected is None else 1.0):
            break
        await asyncio.sleep(0.005)
    return found


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cgroup_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text().rstrip().rpartition("::")[2]


def pause_of(shim: int) -> int:
    return next(pid for pid in children(shim) if Path(f"/proc/{pid}/comm").read_text() == "pause\n")


@cache
def undisturbed(at: str, *fields: tuple[str, Any]) -> tuple[list[Call], dict[str, list[str]]]:
    """What is called when nothing fails, and what there is then."""

    async def script() -> tuple[list[Call], dict[str, list[str]]]:
        stage = Stage(**dict(fields))
        async with stage.running(at) as events:
            await anext_of(events, "Started")
            if at == "pause":
                stage.trace(stage.shim)
                os.kill(pause_of(stage.shim), signal.SIGKILL)
                await anext_of(events, "Started")
            return stage.untrace(), await settled(stage)

    return asyncio.run(script())


async def anext_of(events: AsyncGenerator[PodEvent, None], *reasons: str) -> PodEvent:
    """The next event of one of these reasons."""
    async for event in events:
        if event.reason in reasons:
            return event
    raise AssertionError(f"the pod has ended without {reasons}")


PREFIXES = {"sandbox": "Failed to create pod sandbox: ", "volume": ""}
REASONS = {"sandbox": "FailedCreatePodSandBox", "volume": "FailedMount"}
SHOWN = {"config": "CreateContainerConfigError", "create": "CreateContainerError", "run": "StartError 128"}


def play(step: Step, at: str, *fields: tuple[str, Any]) -> None:
    calls, expected = undisturbed(at, *fields)
    asyncio.run(_play(step, at, calls, expected, *fields))


async def _play(
    step: Step, at: str, calls: list[Call], expected: dict[str, list[str]], *fields: tuple[str, Any]
) -> None:
    # What removes things from disk works beside the rest, at any time. It may be hit, too: then the shim does its work.
    calls = without(calls, "prctl", "nsrunner-aside")
    fault = Fault(*find(calls, step.call, step.text, step.nth), step.error, step.always)
    stage = Stage(**dict(fields))
    async with stage.running(at, fault) as events:
        if at == "pause":
            await anext_of(events, "Started")
            stage.trace(stage.shim, fault)
            os.kill(pause_of(stage.shim), signal.SIGKILL)
        event = await anext_of(events, "Failed", "FailedCreatePodSandBox", "FailedMount", "Started")
        hit = hits(stage.untrace(), fault)
        assert any(re.search(step.text, call.text) for call in hit), hit
        reason, prefix = REASONS.get(step.kind, "Failed"), PREFIXES.get(step.kind, "Error: ")
        assert (event.type, event.reason, plain(event.message, stage)) == ("Warning", reason, prefix + step.message)
        await stage.recovers(events)
        if step.kind in SHOWN:
            assert SHOWN[step.kind] in stage.seen
        assert await settled(stage, expected) == expected


@pytest.mark.parametrize("step", SHIM, ids=str)
def test_a_step_of_starting_the_shim(step: Step) -> None:
    play(step, "shim")


@pytest.mark.parametrize("step", SANDBOX, ids=str)
def test_a_step_of_a_sandbox(step: Step) -> None:
    play(step, "sandbox")


@pytest.mark.parametrize("step", PAUSE, ids=str)
def test_a_step_of_pause(step: Step) -> None:
    play(step, "pause")


@pytest.mark.parametrize("step", START, ids=str)
def test_a_step_of_a_container(step: Step) -> None:
    play(step, "start")


@pytest.mark.parametrize("step", HOST_PID, ids=str)
def test_a_step_of_a_container_in_the_host_s_pid_namespace(step: Step) -> None:
    play(step, "start", ("hostPID", True))


@pytest.mark.parametrize("step", TERMINAL, ids=str)
def test_a_step_of_a_container_with_a_terminal(step: Step) -> None:
    play(step, "start", ("tty", True), ("stdin", True))


@pytest.mark.parametrize("joins", [True, False])
def test_a_cgroup_that_cannot_be_cloned_into(joins: bool) -> None:
    """Older kernels, threaded cgroups: the container joins by itself, or says that it cannot."""

    async def script() -> None:
        stage = Stage()
        faults = [Fault("clone3", 1, "EBUSY"), *([] if joins else [Fault("write", 1, "EIO")])]
        async with stage.running("start", *faults) as events:
            event = await anext_of(events, "Started", "Failed")
            calls = stage.untrace()
            if joins:
                assert cgroup_of(stage.pod.pid("main")).endswith(f"/{stage.pod.uid}/main.0/main")
            else:
                assert [call.name for call in calls if call.injected][:2] == ["clone3", "write"]
                words = "unable to start container process: join cgroup cgroup.procs: input/output error"
                assert (event.reason, event.message) == ("Failed", f"Error: {words}")

    asyncio.run(script())


async def outcome(stage: Stage, *words: str) -> tuple[str, str, int]:
    """Step, path and errno of an exec that fails, or what is said of its program."""
    try:
        result = await stage.pod.exec("main", ["true", *words])
    except SandboxError as error:
        return error.step, re.sub("exec-[0-9]+", "exec-N", error.path), error.errno
    return result.error, "", result.exit_code


async def failing_execs(steps: list[Step], *words: str) -> None:
    calls = await recorded_exec(*words)
    faults = [(step, Fault(*find(calls, step.call, step.text), step.error)) for step in steps]
    stage = Stage()
    async with stage.running() as events:
        await anext_of(events, "Started")
        assert await outcome(stage) == ("", "", 0)  # which leaves its cgroup to the next
        before, pid = await settled(stage), stage.pod.pid("main")
        for step, fault in faults:
            stage.trace(stage.shim, fault)
            said = await outcome(stage, *words)
            hit = hits(stage.untrace(), fault)
            assert any(re.search(step.text, call.text) for call in hit), step
            assert said == ((step.says, "", 126) if step.says else (step.step, step.path, step.errno)), step
            assert await outcome(stage) == ("", "", 0), step
            assert await settled(stage, before) == before, step
        assert (stage.pod.pid("main"), stage.pod.status.phase) == (pid, "Running")


async def recorded_exec(*words: str) -> list[Call]:
    stage = Stage()
    async with stage.running() as events:
        await anext_of(events, "Started")
        assert await outcome(stage) == ("", "", 0)
        stage.trace(stage.shim)
        assert await outcome(stage, *words) == ("", "", 0)
        return stage.untrace()


def test_a_step_of_an_exec() -> None:
    """Each in turn, in one pod: its container does not notice, and the next exec works."""
    asyncio.run(failing_execs(EXEC))


def test_a_step_of_an_exec_of_many_words() -> None:
    asyncio.run(failing_execs(LONG_EXEC, "x" * MAX_MESSAGE))


def test_a_step_of_the_first_exec() -> None:
    async def script() -> None:
        stage = Stage()
        async with stage.running() as events:
            await anext_of(events, "Started")
            stage.trace(stage.shim)
            stage.untrace()  # its file is there from now on
            before = await settled(stage)
            for step in FIRST_EXEC:
                stage.trace(stage.shim, Fault(step.call, 1, step.error))
                assert await outcome(stage) == (step.step, step.path, step.errno)
                assert any(re.search(step.text, call.text) for call in stage.untrace() if call.injected)
                assert await settled(stage, before) == before
            assert await outcome(stage) == ("", "", 0)

    asyncio.run(script())


@cache
def recorded_target() -> list[Call]:
    async def script() -> list[Call]:
        stage = Stage()
        async with stage.running() as events:
            await anext_of(events, "Started")
            stage.trace(stage.shim)
            await stage.pod.debug(["sleep", "1000"], target="main")
            return stage.untrace()

    return asyncio.run(script())


@pytest.mark.parametrize("step", TARGET, ids=str)
def test_a_step_of_joining_another_container(step: Step) -> None:
    """That one does not notice. What has been created fails for good, anything before is tried again."""

    fault = Fault(*find(recorded_target(), step.call, step.text, step.nth), step.error)

    async def script() -> None:
        stage = Stage()
        async with stage.running() as events:
            await anext_of(events, "Started")
            before, pid = await settled(stage), stage.pod.pid("main")
            stage.trace(stage.shim, fault)
            said = rf"cannot be started: (CreateContainerError: )?{re.escape(step.message)}$"
            with pytest.raises(PodFailed, match=said) as failed:
                await stage.pod.debug(["sleep", "1000"], name="debugger", target="main")
            assert ("CreateContainerError" in str(failed.value)) is (step.kind == "create")
            hit = hits(stage.untrace(), fault)
            assert any(re.search(step.text, call.text) for call in hit), hit
            if step.kind == "create":
                stage.leap()
                while "debugger" not in stage.pod.task.running:
                    await anext_of(events, "Started")
                os.kill(stage.pod.pid("debugger"), signal.SIGKILL)
                async for _ in stage.pod.follow("debugger"):
                    pass
            after = await settled(stage)
            assert {kind: after[kind] for kind in ("process", "descriptor", "mount")} == {
                kind: before[kind] for kind in ("process", "descriptor", "mount")
            }
            assert (stage.pod.pid("main"), stage.pod.status.phase) == (pid, "Running")

    asyncio.run(script())


def test_every_step_is_here() -> None:
    """Or it is said why not."""
    steps = set()
    while (name := native.step_name(len(steps))) != "unknown step":
        steps.add(name)
    assert steps == {step.step for step in EVERY_STEP} | set(ELSEWHERE)
    assert not {step.step for step in EVERY_STEP} & set(ELSEWHERE)
