"""Hooks and probes as commands of the machine: one event each, or none when they are cancelled."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nsrunner.lifecycle import commands, events
from nsrunner.model.types import Container, HTTPGetAction, Lifecycle, LifecycleHandler, Pod, PodSpec, Probe
from nsrunner.sandbox.records import ExecResult
from nsrunner.supervisor.prober import Prober
from nsrunner.testing import clock
from unit.supervisor.test_perform import CREATE, Bench

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default, uid: u}
spec:
  containers:
  - name: web
    image: host
    command: [serve]
    livenessProbe: {exec: {command: [check]}, timeoutSeconds: 2}
    readinessProbe: {tcpSocket: {port: nope}}
    lifecycle:
      postStart: {exec: {command: [warm, up]}}
      preStop: {sleep: {seconds: 20}}
"""
PROBE = commands.RunProbe(id=10, container="web", attempt=0, probe="Liveness")
HOOK = commands.RunHook(id=11, container="web", attempt=0, hook="PreStop")


async def up(root: Path) -> Bench:
    bench = Bench(root, POD)
    await bench.do(CREATE)
    await bench.do(commands.EnsureImage(id=2, container="web"))
    await bench.do(commands.StartContainer(id=3, container="web", attempt=0))
    return bench


def probed(result: str, message: str = "", probe: str = "Liveness") -> events.ProbeDone:
    return events.ProbeDone(
        id=10, container="web", attempt=0, probe=probe, result=result, message=message  # type: ignore[arg-type] # words
    )  # fmt: skip


def test_probes(tmp_path: Path) -> None:
    async def script() -> None:
        bench = await up(tmp_path)
        assert await bench.do(PROBE) == probed("Success")
        (process,) = bench.shims.processes
        assert (process.spec.argv, process.spec.timeout_ms, process.spec.output_limit) == (("check",), 2000, 10240)
        bench.shims.exec_result = ExecResult(record=0, exit_code=1, output=b"not well")
        assert await bench.do(PROBE) == probed("Failure", "not well")
        bench.shims.exec_lasts = None
        assert await bench.do(PROBE) == probed("Failure", 'command timed out: "check" timed out after 2s')
        tcp = commands.RunProbe(id=10, container="web", attempt=0, probe="Readiness")
        assert await bench.do(tcp) == probed("Unknown", 'strconv.Atoi: parsing "nope": invalid syntax', "Readiness")
        late = commands.RunProbe(id=10, container="web", attempt=7, probe="Liveness")
        done = await bench.do(late)
        assert isinstance(done, events.ProbeDone)
        assert (done.attempt, done.result) == (7, "Unknown")
        await bench.end()

    clock.run(script())


def test_hooks(tmp_path: Path) -> None:
    async def script() -> None:
        bench = await up(tmp_path)
        before = asyncio.get_running_loop().time()
        done = await bench.do(HOOK)
        assert done == events.HookDone(id=11, container="web", attempt=0, hook="PreStop")
        assert asyncio.get_running_loop().time() - before == pytest.approx(20, abs=0.1)
        bench.shims.exec_result = ExecResult(record=0, exit_code=9)
        done = await bench.do(commands.RunHook(id=12, container="web", attempt=0, hook="PostStart"))
        assert isinstance(done, events.HookDone)
        assert done.error.startswith(
            'Exec lifecycle hook ([warm up]) for Container "web" in Pod "web_default(u)" failed'
        )
        await bench.end()

    clock.run(script())


@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_cancelled_says_nothing_more(tmp_path: Path, at_once: bool) -> None:
    async def script() -> None:
        bench = await up(tmp_path)
        bench.shims.exec_lasts = None
        bench.performer.begin(HOOK)
        bench.performer.begin(PROBE)
        if not at_once:
            await asyncio.sleep(1)
        bench.performer.cancel(commands.CancelHook(hook_id=HOOK.id))
        bench.performer.cancel(commands.CancelProbe(probe_id=PROBE.id))
        bench.performer.cancel(commands.CancelProbe(probe_id=99))
        await asyncio.sleep(100)
        assert all(process.killed for process in bench.shims.processes)
        assert not [event for event in bench.posted if isinstance(event, events.HookDone | events.ProbeDone)]
        bench.tasks = {task for task in bench.tasks if not task.cancelled()}
        await bench.end()

    clock.run(script())


def test_what_is_under_way_ends_with_the_pods_task(tmp_path: Path) -> None:
    async def script() -> None:
        bench = await up(tmp_path)
        bench.performer.begin(HOOK)
        await asyncio.sleep(1)
        await bench.performer.detach()
        await asyncio.gather(*bench.tasks, return_exceptions=True)
        assert asyncio.get_running_loop().time() < 2
        assert not [event for event in bench.posted if isinstance(event, events.HookDone)]

    clock.run(script())


def test_a_hung_one_delays_no_other(tmp_path: Path) -> None:
    async def script() -> None:
        bench = await up(tmp_path)
        bench.shims.exec_lasts = None
        bench.performer.begin(commands.RunHook(id=12, container="web", attempt=0, hook="PostStart"))
        await asyncio.sleep(1)
        bench.shims.exec_lasts = 0.0
        before = asyncio.get_running_loop().time()
        assert await bench.do(PROBE) == probed("Success")
        assert asyncio.get_running_loop().time() - before < 0.1
        bench.performer.cancel(commands.CancelHook(hook_id=12))
        await asyncio.sleep(1)
        bench.tasks = {task for task in bench.tasks if not task.cancelled()}
        await bench.end()

    clock.run(script())


# --- the descriptor of the network namespace --------------------------------------------------------------------------


def prober(container: Container, **spec: bool) -> Prober:
    async def exec(*_: object) -> None:
        raise AssertionError

    pod = Pod(spec=PodSpec(containers=(container,), **spec))  # type: ignore[arg-type] # fields of a pod
    return Prober(pod, exec=exec, record=pytest.fail, post=pytest.fail, spawn=pytest.fail)  # type: ignore[arg-type] # it is not called


def fds() -> int:
    return len(os.listdir("/proc/self/fd"))


HTTP = HTTPGetAction(port=80)


@pytest.mark.parametrize(
    ("container", "held"),
    [
        (Container(name="a"), 0),
        (Container(name="a", lifecycle=Lifecycle(pre_stop=LifecycleHandler(http_get=HTTP))), 1),
        (Container(name="a", startup_probe=Probe(http_get=HTTP)), 1),
    ],
)
def test_it_is_held_where_it_is_needed_while_the_sandbox_stands(container: Container, held: int) -> None:
    before = fds()
    pods_prober = prober(container)
    for _ in range(2):
        pods_prober.sandbox_stands("192.0.2.1", os.getpid())
        assert fds() == before + held
    for _ in range(2):
        pods_prober.sandbox_ends()
        assert fds() == before


def test_with_the_hosts_network_there_is_none() -> None:
    before = fds()
    pods_prober = prober(Container(name="a", startup_probe=Probe(http_get=HTTP)), host_network=True)
    pods_prober.sandbox_stands("192.0.2.1", os.getpid())
    assert fds() == before


def test_a_pause_that_died_already() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    pods_prober = prober(Container(name="a", startup_probe=Probe(http_get=HTTP)))
    pods_prober.sandbox_stands("192.0.2.1", child.pid)
    pods_prober.sandbox_ends()


def test_a_pod_without_probes_pays_nothing() -> None:
    code = """
import os, sys
from nsrunner.model.types import Container, ExecAction, Pod, PodSpec, Probe
import nsrunner.supervisor.supervisor
from nsrunner.supervisor.prober import Prober
pod = Pod(spec=PodSpec(containers=(Container(name="a", liveness_probe=Probe(exec=ExecAction(command=("true",)))),)))
Prober(pod, exec=None, record=None, post=None, spawn=None).sandbox_stands("192.0.2.1", os.getpid())
heavy = ("h2", "nsrunner.supervisor.probes", "nsrunner.supervisor.hooks")
found = [name for name in sys.modules if name.startswith(heavy)]
sys.exit(f"{found}" if found else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
