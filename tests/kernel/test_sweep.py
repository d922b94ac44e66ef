"""What a process that was killed left, shim and all, is removed by the next start."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from kernel.test_shim_client import sh, world
from nsrunner.sandbox import cgroups
from nsrunner.sandbox.spec import Owner
from nsrunner.sandbox.state import RegisteredPod, Roots, registered
from nsrunner.sandbox.sweep import end_processes, sweep
from stalled import stalled


def shim_of(pid: int) -> int:
    """The parent of a container's first process."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])


def disown(pod: RegisteredPod) -> Owner:
    """Gives the pod to a process that is dead."""
    record = Path(pod.paths.run, "pod.json")
    text = record.read_text()
    record.write_text(text.replace(f'"start_time": {pod.owner.start_time}', '"start_time": 1'))
    return Owner(kind="process", pid=os.getpid(), start_time=1)


def test_a_pod_whose_owner_and_shim_are_dead() -> None:
    async def test() -> None:
        volumes = [{"name": "v", "emptyDir": {}}]
        mounted = sh("touch /v/file; exec sleep 1000", volumeMounts=[{"name": "v", "mountPath": "/v"}])
        async with world({"containers": [mounted], "volumes": volumes, "hostPID": True}) as w:
            running = await w.start()
            os.kill(shim_of(running.pid), signal.SIGKILL)
            async for _ in w.shim.records():
                pass
            assert w.shim.closed
            if w.registered.cgroup:
                await asyncio.to_thread(end_processes, w.registered)
                assert not cgroups.populated(w.registered.cgroup)
            roots = Roots.from_environment()
            assert await asyncio.to_thread(sweep, roots) == [], "the owner lives"
            me = disown(w.registered)
            assert registered(roots)[0].owner == me
            assert await asyncio.to_thread(sweep, roots) == [w.registered.uid]
            paths = w.registered.paths
            assert not any(os.access(path, os.F_OK) for path in (paths.run, paths.state, paths.logs))

    asyncio.run(test())


@pytest.mark.needs_permission_events
@pytest.mark.needs_overlay
def test_a_shim_that_was_killed_while_it_removed_a_container() -> None:
    async def test() -> None:
        async with world({"containers": [sh("mkdir -p /d/e; touch /d/e/file /d/file")]}) as w:
            await w.start()
            ended = await w.exit()
            paths = w.registered.paths
            with stalled(Path(paths.state, "containers", ended.container_id)) as stall:
                removal = w.shim.remove_container(w.shim.new_id(), ended.container_id)
                remover = await asyncio.to_thread(stall.wait)
                os.kill(shim_of(remover), signal.SIGKILL)
                async for _ in w.shim.records():
                    pass
                assert removal.done() and removal.exception()
            assert os.access(f"{paths.state}/containers/{ended.container_id}", os.F_OK)
            disown(w.registered)
            assert await asyncio.to_thread(sweep, Roots.from_environment()) == [w.registered.uid]
            assert not any(os.access(path, os.F_OK) for path in (paths.run, paths.state, paths.logs))
            assert not w.registered.cgroup or not os.access(w.registered.cgroup, os.F_OK)

    asyncio.run(test())
