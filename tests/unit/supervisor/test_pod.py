"""What becomes of a pod whose runtime ends, dies, hangs and fails: the task, the machine and the performer together."""

from __future__ import annotations

import asyncio
import errno
from typing import TypeVar

import pytest

from nsrunner.errors import SandboxError, UsageError
from nsrunner.lifecycle.events import ContainerStarted, Now
from nsrunner.supervisor.pod import PodTask
from nsrunner.testing.clock import VirtualClock, VirtualTimeLoop
from nsrunner.testing.fake_sandbox import Run
from unit.supervisor.world import POD, MemoryJournal, container, play, world

T = TypeVar("T")

ONCE = POD.replace("spec:", "spec:\n  restartPolicy: Never")
HOST_PID = POD.replace("spec:", "spec:\n  hostPID: true")
INIT = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  initContainers:
  - {name: first, image: host, command: [prepare]}
  - {name: second, image: host, command: [prepare]}
  containers:
  - {name: web, image: host, command: [serve]}
  - {name: side, image: host, command: [serve]}
"""


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (3, "Failed")])
def test_a_pod_that_ends(code: int, phase: str) -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("web", Run(lasts=10, exit_code=code, message=b"the end"))
            task = w.add(ONCE)
            await w.phase(task, phase)
            state = container(task).state
            assert state is not None and state.terminated is not None
            assert (state.terminated.exit_code, state.terminated.message) == (code, "the end")
            assert task.finished and not task.removed
            await w.delete(task)
            assert task.status.phase == phase

    play(script)


def test_init_containers_run_one_after_the_other_before_the_rest() -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("first", Run(lasts=2))
            w.shims.script("second", Run(lasts=2))
            task = w.add(INIT)
            await w.phase(task, "Running")
            await w.until(lambda: container(task, "side").ready)
            assert [call for call in w.commands if call.startswith("start")] == [
                "start first/0",
                "start second/0",
                "start web/0",
                "start side/0",
            ]
            await w.delete(task)

    play(script)


def test_when_a_container_that_waits_is_started_again() -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("web", Run(lasts=1, exit_code=1))
            task = w.add()
            assert task.next_starts == {}
            await w.until(lambda: "web" in task.next_starts)
            before = task.next_starts["web"]
            left = before - VirtualClock().now().wall
            assert 9.9 < left <= 10
            await asyncio.sleep(left - 1)
            assert task.next_starts["web"] == pytest.approx(before)
            await w.until(lambda: container(task).restart_count == 2)
            assert VirtualClock().now().wall == pytest.approx(before, abs=0.1)
            await w.delete(task)
            assert task.next_starts == {}

    play(script)


def test_a_crash_loop_backs_off() -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("web", Run(lasts=1, exit_code=1))
            task = w.add()
            times = []
            for count in range(1, 5):
                await w.until(lambda count=count: container(task).restart_count >= count, 3600)  # type: ignore[misc]
                times.append(round(VirtualNow.seconds()))
            # the ends are at 1, 2, 13, 34 ...: restarted at once, then after 10, 20, 40 s
            assert times == [1, 12, 33, 74]
            state = container(task).state
            assert state is not None
            assert "BackOff" in w.reasons
            await w.delete(task)

    play(script)


class VirtualNow:
    @staticmethod
    def seconds() -> float:
        return asyncio.get_running_loop().time()


def test_a_dead_pause_means_a_new_sandbox_with_the_same_shim() -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add()
            await w.phase(task, "Running")
            w.sandbox(task).kill_pause()
            await w.until(lambda: "SandboxChanged" in w.reasons)
            await w.until(lambda: container(task).ready and container(task).restart_count == 1)
            assert w.commands.count("launch") == 1
            assert w.commands.count("create sandbox 1") == 1
            await w.delete(task)

    play(script)


@pytest.mark.parametrize("manifest", [POD, HOST_PID])
def test_a_dead_shim_means_a_new_one(manifest: str) -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add(manifest)
            await w.phase(task, "Running")
            w.sandbox(task).die()
            await w.until(lambda: container(task).ready and container(task).restart_count == 1)
            assert w.commands.count("launch") == 2
            assert w.commands.count("create sandbox 1") == 1
            await w.delete(task)

    play(script)


def test_a_shim_that_dies_under_a_command_does_not_hold_up_the_pod() -> None:
    async def script() -> None:
        async with world(latency=1) as w:
            task = w.add()
            await w.until(lambda: "start web/0" in w.commands)
            w.sandbox(task).die()
            await w.until(lambda: container(task).ready)
            await w.delete(task)

    play(script)


@pytest.mark.parametrize("number", [2, 3])
def test_a_hanging_shim_is_given_up(number: int) -> None:
    """2: the creation of the sandbox, 3: the start of the container."""

    async def script() -> None:
        async with world() as w:
            w.shims.hangs.add(number)
            task = w.add()
            await w.until(lambda: container(task).ready)
            assert w.commands.count("launch") == 2
            await w.delete(task)

    play(script)


@pytest.mark.parametrize("number", range(1, 11))
def test_whichever_command_fails_the_pod_recovers_and_leaves_nothing(number: int) -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("first", Run(lasts=1))
            w.shims.script("second", Run(lasts=1))
            w.shims.faults[number] = SandboxError("clone", errno.EAGAIN)
            task = w.add(INIT)
            await w.until(lambda: container(task, "side").ready and container(task).ready, 3600)
            await w.delete(task)
            assert number <= len(w.shims.calls)

    play(script)


@pytest.mark.parametrize(
    ("step", "path", "reason", "message", "restarts"),
    [
        ("find executable in PATH", "serve", "CrashLoopBackOff", "", 1),
        ("resolve subPath", "a", "CreateContainerConfigError", "resolve subPath a: not a directory", 0),
        ("open mount source", "/x", "CreateContainerError", 'failed to stat "/x": not a directory', 0),
    ],
)
def test_a_failed_start_shows_its_reason(step: str, path: str, reason: str, message: str, restarts: int) -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("web", Run(fails=SandboxError(step, errno.ENOTDIR, path)))
            task = w.add()

            def waiting() -> str:
                state = container(task).state
                return (state.waiting.reason or "") if state is not None and state.waiting is not None else ""

            await w.until(lambda: waiting() == reason)
            state = container(task).state
            assert state is not None and state.waiting is not None
            assert message in (state.waiting.message or "")
            assert container(task).restart_count == restarts
            last = container(task).last_state
            if restarts:
                assert last is not None and last.terminated is not None
                assert (last.terminated.exit_code, last.terminated.reason) == (128, "StartError")
                assert 'exec: "serve"' in (last.terminated.message or "")
            await w.delete(task)

    play(script)


def test_a_sandbox_that_cannot_be_made_is_tried_again() -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.faults[2] = SandboxError("clone", errno.EAGAIN)
            task = w.add()
            await w.until(lambda: "FailedCreatePodSandBox" in w.reasons)
            failed = next(event for event in w.events if event.reason == "FailedCreatePodSandBox")
            assert failed.message == "Failed to create pod sandbox: clone: resource temporarily unavailable"
            await w.until(lambda: container(task).ready)
            await w.delete(task)

    play(script)


@pytest.mark.parametrize(
    ("image", "policy", "reason"),
    [
        ("busybox:1.36", "IfNotPresent", "ErrImagePull"),
        ("busybox:1.36", "Never", "ErrImageNeverPull"),
        ("Not/Valid", "Always", "InvalidImageName"),
    ],
)
def test_an_image_that_is_not_there(image: str, policy: str, reason: str) -> None:
    manifest = POD.replace("image: host", f'image: "{image}", imagePullPolicy: {policy}')

    async def script() -> None:
        async with world() as w:
            task = w.add(manifest)

            def waiting() -> str:
                state = container(task).state
                return (state.waiting.reason or "") if state is not None and state.waiting is not None else ""

            await w.until(lambda: waiting() == reason)
            await w.delete(task)

    play(script)


def test_the_fallback_runs_any_image_on_the_hosts_root() -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add(POD.replace("image: host", "image: busybox"), image_fallback="host")
            await w.until(lambda: container(task).ready)
            await w.delete(task)

    play(script)


def test_a_pod_that_the_node_refuses_never_touches_the_runtime() -> None:
    manifest = POD.replace("spec:", "spec:\n  securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}")

    async def script() -> None:
        async with world() as w:
            task = w.add(manifest)
            status = await w.phase(task, "Failed")
            assert status.reason == "SysctlForbidden"
            assert not w.commands
            await w.delete(task)

    play(script)


def test_a_container_that_ignores_term_is_killed_when_the_grace_is_over() -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("web", Run(ignores_term=True))
            task = w.add()
            await w.phase(task, "Running")
            before = VirtualNow.seconds()
            await w.delete(task)
            assert 5 <= VirtualNow.seconds() - before < 5.1
            assert [call for call in w.commands if call.startswith("signal")] == [
                "signal 15 web/0",
                "signal 9 whole web/0",
            ]

    play(script)


def test_a_second_delete_at_once_shortens_the_grace() -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("web", Run(ignores_term=True))
            task = w.add(POD.replace("PeriodSeconds: 5", "PeriodSeconds: 500"))
            await w.phase(task, "Running")
            before = VirtualNow.seconds()
            task.delete(None)
            await w.until(lambda: "signal 15 web/0" in w.commands)
            await w.delete(task, 0)
            assert VirtualNow.seconds() - before < 0.1

    play(script)


def test_old_instances_are_removed_and_their_logs_with_them() -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("web", Run(lasts=1, exit_code=1))
            task = w.add()
            await w.until(lambda: container(task).restart_count >= 3, 3600)
            assert "remove web/0" in w.commands
            assert all(attempt >= 1 for _, attempt in task.instances)
            await w.delete(task)

    play(script)


def test_a_record_is_acknowledged_when_the_machine_has_it() -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("web", Run(lasts=1))
            task = w.add(ONCE)
            await w.phase(task, "Succeeded")
            sandbox = w.sandbox(task)
            await w.delete(task)
            assert sandbox.acknowledged == [1]

    play(script)


def test_a_bug_fails_the_pod_visibly_and_no_other() -> None:
    async def script() -> None:
        async with world() as w:
            healthy = w.add(POD.replace("{name: web}", "{name: healthy}"))
            task = w.add()
            await w.phase(task, "Running")
            nobody = ContainerStarted(id=999, container="web", attempt=9, container_id="", started=Now(mono=0, wall=0))
            task.post(nobody)
            status = await w.phase(task, "Failed")
            assert status.reason == "InternalError"
            assert "nsrunner's own mistake" in (status.message or "")
            await task.wait_removed()
            assert healthy.status.phase in ("Pending", "Running")
            await w.phase(healthy, "Running")
            await w.delete(healthy)

    play(script)


def test_exec_needs_a_running_container() -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add()
            with pytest.raises(UsageError, match='container "web" in pod "web" is not running'):
                await task.exec("web", ("true",), stdin=-1, stdout=-1, stderr=-1)
            await w.phase(task, "Running")
            with pytest.raises(UsageError, match="container nope is not valid for pod web: it has web"):
                await task.exec("nope", ("true",), stdin=-1, stdout=-1, stderr=-1)
            process = await task.exec("web", ("true",), stdin=-1, stdout=-1, stderr=-1)
            assert (await process.result()).exit_code == 0
            await w.delete(task)

    play(script)


def test_a_pod_is_told_something_while_its_loop_stands_still() -> None:
    """As between two cells of a notebook, each of which runs the loop."""

    async def script(running: asyncio.Future[PodTask]) -> None:
        async with world() as w:
            task = w.add()
            await w.phase(task, "Running")
            running.set_result(task)
            await task.wait_removed()

    async def result(future: asyncio.Future[T]) -> T:
        return await asyncio.wait_for(future, 60)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        loop = runner.get_loop()
        running: asyncio.Future[PodTask] = loop.create_future()
        pod = loop.create_task(script(running))
        runner.run(result(running)).delete(0)
        runner.run(result(pod))


def test_the_machine_is_saved_before_its_commands_are_carried_out() -> None:
    journal = MemoryJournal()

    async def script() -> None:
        async with world(journal=journal) as w:
            task = w.add()
            await w.until(lambda: journal.values)
            assert w.commands in ([], ["launch"])
            run_dir, value = journal.values[0]
            assert run_dir == task.registered.paths.run
            assert [command["command"] for command in value["inflight"]] == ["CreateSandbox"]
            await w.phase(task, "Running")
            await w.delete(task)

    play(script)
