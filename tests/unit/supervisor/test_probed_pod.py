"""Hooks and probes through the whole supervisor, in virtual time: the task, the machine and the performer together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from nsrunner.lifecycle.events import SpecChanged
from nsrunner.model.types import EphemeralContainer
from nsrunner.sandbox.records import ExecResult
from nsrunner.testing.fake_sandbox import Run
from unit.supervisor.world import POD, MemoryJournal, container, play, world

PROBED = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 30
  containers:
  - name: web
    image: host
    command: [serve]
    livenessProbe: {exec: {command: [alive]}, periodSeconds: 10, timeoutSeconds: 3, failureThreshold: 2}
    lifecycle:
      postStart: {exec: {command: [warm, up]}}
      preStop: {sleep: {seconds: 7}}
"""
BAD = ExecResult(record=0, exit_code=1, output=b"dead")


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_hook_that_hangs_holds_up_the_start_but_not_the_end() -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.exec_lasts = None
            task = w.add(PROBED)
            await w.until(lambda: "exec warm up" in w.commands)
            await asyncio.sleep(1000)
            state = container(task).state
            assert state is not None and state.waiting is not None
            began = now()
            await w.delete(task)
            assert now() - began < 40
            assert all(process.killed for process in w.shims.processes)

    play(script)


def test_liveness_kills_and_the_container_begins_anew() -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add(PROBED)
            await asyncio.sleep(100)
            assert w.commands.count("exec alive") == 10
            assert container(task).restart_count == 0
            w.shims.exec_result = BAD
            await w.until(lambda: container(task).restart_count == 1, 60)
            assert {"Unhealthy", "Killing"} <= {*w.reasons}
            await w.delete(task)

    play(script)


def test_a_probe_that_is_under_way_ends_with_the_pod() -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add(PROBED)
            await w.until(lambda: container(task).ready)
            w.shims.exec_lasts = 2.5
            before = len(w.shims.processes)
            while len(w.shims.processes) == before:  # noqa: ASYNC110 - in virtual time nothing is polled
                await asyncio.sleep(1)
            await w.delete(task)
            assert w.shims.processes[-1].killed

    play(script)


@pytest.mark.parametrize("ignores_term", [False, True])
def test_pre_stop_is_inside_the_grace_period(ignores_term: bool) -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("web", Run(ignores_term=ignores_term))
            task = w.add(PROBED)
            await w.until(lambda: container(task).ready)
            began = now()
            await w.delete(task)
            assert now() - began == pytest.approx(30 if ignores_term else 7, abs=0.1)

    play(script)


def test_a_container_that_is_added_to_a_running_pod() -> None:
    async def script() -> None:
        async with world() as w:
            w.shims.script("debug", Run(lasts=5, exit_code=3))
            task = w.add(POD)
            await w.until(lambda: container(task).ready)
            debug = EphemeralContainer(
                name="debug", image="host", command=("sh",), image_pull_policy="IfNotPresent",
                termination_message_path="/dev/termination-log", termination_message_policy="File",
            )  # fmt: skip
            spec = replace(task.pod.spec, ephemeral_containers=(debug,))
            task.post(SpecChanged(pod=replace(task.pod, spec=spec)))
            await w.until(lambda: "start debug/0" in w.commands)
            assert task.pod.spec.ephemeral_containers == (debug,)
            await w.until(lambda: not task.instances.get(("debug", 0), True), 60)
            (status,) = task.status.ephemeral_container_statuses
            assert status.state is not None and status.state.terminated is not None
            assert status.state.terminated.exit_code == 3
            assert container(task).ready
            await w.delete(task)

    play(script)


class Saved(MemoryJournal):
    def __init__(self) -> None:
        super().__init__()
        self.probes: list[tuple[str, int, str]] = []
        """Outcome, how many times in a row, result: of each value that was saved while the container was probed."""

    def save(self, run_dir: str, value: Mapping[str, Any]) -> bool:
        probe = value["pod"]["containers"]["web"]["probes"].get("Liveness")
        if probe is not None:
            self.probes.append((probe["outcome"], probe["run"], probe["result"]))
        return super().save(run_dir, value)


def test_what_is_saved_of_probes_is_what_counts() -> None:
    """Not each of a thousand attempts that say the same, but every outcome that a later one would be counted with."""
    saved = Saved()

    async def script() -> None:
        async with world(journal=saved) as w:
            task = w.add(PROBED.replace("failureThreshold: 2", "failureThreshold: 3"))
            await asyncio.sleep(200)
            assert w.commands.count("exec alive") == 20
            assert saved.probes[-1] == ("Success", 1, "Success")
            assert len(saved.probes) < 5
            w.shims.exec_result = BAD
            await asyncio.sleep(20)
            assert saved.probes[-1] == ("Failure", 2, "Success")
            w.shims.exec_result = ExecResult(record=0, exit_code=0)
            await asyncio.sleep(30)
            assert saved.probes[-1] == ("Success", 1, "Success")
            await w.delete(task)

    play(script)
