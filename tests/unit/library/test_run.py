"""Runner on the fake runtime: what comes out, in which order, and how it ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from nsrunner.errors import PrivilegeError, UsageError
from nsrunner.library import engine
from nsrunner.library.documents import load_objects
from nsrunner.library.items import Item, LogLine, PodEvent, StatusChanged
from nsrunner.library.run import Runner, exit_code
from nsrunner.lifecycle.simulate import Recorder, difference, dump, parse, replay
from nsrunner.lifecycle.simulate.timeline import PhaseSeen
from nsrunner.model.types import ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodStatus
from nsrunner.sandbox.records import ExecResult
from nsrunner.testing import clock
from nsrunner.testing.fake_sandbox import FakeShims, Run
from unit.library.stage import stage

POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 500
  initContainers: [{name: prepare, image: host, command: [prepare]}]
  containers:
  - {name: web, image: host, command: [serve]}
  - {name: side, image: host, command: [serve]}
"""


def pods(*names: str) -> list[Pod]:
    text = "---".join(POD.replace("NAME", name) for name in names)
    return [item for item in load_objects(text.encode(), "test") if isinstance(item, Pod)]


@pytest.fixture
def shims(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeShims:
    return stage(monkeypatch, tmp_path)


def test_lines_events_and_states_come_out_and_the_pod_goes(shims: FakeShims) -> None:
    shims.script("prepare", Run(lasts=1, output=("preparing",)))
    shims.script("web", Run(lasts=5, output=("one", "two")))
    shims.script("side", Run(lasts=4, exit_code=3, output=("oh",)))

    async def script() -> None:
        items: list[Item] = []
        async with Runner(pods("a")) as runner:
            with pytest.raises(UsageError, match="has not ended"):
                _ = runner.result
            async for item in runner.output():
                items.append(item)
        lines = [(line.container, line.data) for line in items if isinstance(line, LogLine)]
        assert sorted(lines) == [("prepare", b"preparing"), ("side", b"oh"), ("web", b"one"), ("web", b"two")]
        assert lines[0] == ("prepare", b"preparing")
        phases = [item.pod.status.phase for item in items if isinstance(item, StatusChanged)]
        assert (phases[0], phases[-1]) == ("Pending", "Failed")
        assert sorted(set(phases)) == ["Failed", "Pending", "Running"]
        assert runner.result.exit_code == 3
        assert [pod.status.phase for pod in runner.result.pods] == ["Failed"]
        assert not shims.left

    clock.run(script())


def test_every_instance_of_a_restarted_container_is_read(shims: FakeShims) -> None:
    shims.script("prepare", Run(lasts=0))
    shims.script("web", *(Run(lasts=1, exit_code=1, output=(f"try {number}",)) for number in range(3)), Run(lasts=1))
    shims.script("side", Run(lasts=0))
    manifest = POD.replace("NAME", "a").replace("Never", "OnFailure")

    async def script() -> None:
        async with Runner(load_objects(manifest.encode(), "test")) as runner:
            lines = [(item.attempt, item.data) async for item in runner.output() if isinstance(item, LogLine)]
        assert lines == [(0, b"try 0"), (1, b"try 1"), (2, b"try 2")]
        assert runner.result.exit_code == 0

    clock.run(script())


def test_a_reader_that_is_slow_holds_up_the_log_and_nothing_else(shims: FakeShims) -> None:
    shims.script("prepare", Run(lasts=0))
    shims.script("web", Run(lasts=2, output=tuple(str(number) for number in range(5000))))
    shims.script("side", Run(lasts=1))

    async def script() -> None:
        async with Runner(pods("a")) as runner:
            output = runner.output()
            first = await anext(output)
            assert isinstance(first, StatusChanged)
            await asyncio.sleep(60)
            assert sum(isinstance(item, LogLine) for item in runner._items) <= 1024
            lines = [item.data async for item in output if isinstance(item, LogLine)]
        assert lines == [str(number).encode() for number in range(5000)]

    clock.run(script())


def test_stop_is_graceful_and_the_second_at_once(shims: FakeShims) -> None:
    shims.script("prepare", Run(lasts=0))
    shims.script("web", Run(ignores_term=True))

    async def script() -> None:
        async with Runner(pods("a", "b")) as runner:
            loop = asyncio.get_running_loop()
            loop.call_later(10, runner.stop)
            loop.call_later(20, runner.stop)
            async for _ in runner.output():
                pass
            assert 20 <= loop.time() < 23
        assert [pod.metadata.name for pod in runner.result.pods] == ["a", "b"]
        assert all(pod.status.phase == "Failed" for pod in runner.result.pods)
        assert runner.result.exit_code == 137  # web, the first in the spec, had to be killed
        assert not shims.left

    clock.run(script())


def test_leaving_the_block_ends_the_pods_at_once(shims: FakeShims) -> None:
    shims.script("web", Run(ignores_term=True))

    async def script() -> None:
        with pytest.raises(ZeroDivisionError):
            async with Runner(pods("a")) as runner:
                async for item in runner.output():
                    if isinstance(item, StatusChanged) and item.pod.status.phase == "Running":
                        raise ZeroDivisionError
        assert not shims.left
        assert asyncio.get_running_loop().time() < 5

    shims.script("prepare", Run(lasts=0))
    clock.run(script())


def test_what_keeps_a_pod_from_starting_is_raised(shims: FakeShims, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PrivilegeError("no")

    monkeypatch.setattr(engine, "require_root", refuse)

    async def script() -> None:
        with pytest.raises(PrivilegeError):
            async with Runner(pods("a", "b")) as runner:
                async for _ in runner.output():
                    pass

    clock.run(script())


def test_no_pod_is_an_error() -> None:
    with pytest.raises(UsageError, match="no Pod"):
        Runner([])


def ended(phase: str, *codes: tuple[str, int | None]) -> Pod:
    def status(name: str, code: int | None) -> ContainerStatus:
        terminated = None if code is None else ContainerStateTerminated(exit_code=code)
        return ContainerStatus(
            name=name,
            state=ContainerState(terminated=terminated),
            ready=False,
            restart_count=0,
            image="host",
            image_id="",
        )

    statuses = {name: status(name, code) for name, code in codes}
    return msgspec.structs.replace(
        pods("a")[0],
        status=PodStatus(
            phase=phase,
            init_container_statuses=tuple(statuses[name] for name in statuses if name == "prepare"),
            # by name, as the API has them
            container_statuses=tuple(statuses[name] for name in sorted(statuses) if name != "prepare"),
        ),
    )


@pytest.mark.parametrize(
    ("pod", "code"),
    [
        (ended("Succeeded", ("web", 0), ("side", 0)), 0),
        (ended("Failed", ("web", 4), ("side", 5)), 4),
        (ended("Failed", ("web", 0), ("side", 5)), 5),
        (ended("Failed", ("prepare", 6), ("web", None), ("side", None)), 6),
        (ended("Failed", ("web", None), ("side", None)), 1),
        (ended("Failed"), 1),
        (ended("Succeeded", ("web", 1), ("side", 0)), 0),
    ],
)
def test_the_exit_code_is_that_of_the_first_failed_container_in_the_spec(pod: Pod, code: int) -> None:
    assert exit_code(pod) == code


def test_a_sidecar_is_no_failed_container(shims: FakeShims) -> None:
    """It has to be killed when the others have ended, which is no reason for anything."""
    shims.script("prepare", Run(ignores_term=True))
    shims.script("web", Run(lasts=1))
    shims.script("side", Run(lasts=2, exit_code=3))
    manifest = POD.replace("NAME", "a").replace("{name: prepare, ", "{name: prepare, restartPolicy: Always, ")

    async def script() -> None:
        async with Runner(load_objects(manifest.encode(), "test")) as runner:
            async for _ in runner.output():
                pass
        (pod,) = runner.result.pods
        (sidecar,) = pod.status.init_container_statuses
        assert sidecar.state is not None and sidecar.state.terminated is not None
        assert sidecar.state.terminated.exit_code == 137
        assert runner.result.exit_code == 3

    clock.run(script())


def test_a_container_that_has_succeeded_in_the_end_has_not_failed(shims: FakeShims) -> None:
    shims.script("prepare", Run(lasts=0))
    shims.script("web", Run(lasts=1, exit_code=4), Run(lasts=1))
    shims.script("side", Run(lasts=9, exit_code=5))
    manifest = POD.replace("NAME", "a").replace("{name: web, ", "{name: web, restartPolicy: OnFailure, ")

    async def script() -> None:
        async with Runner(load_objects(manifest.encode(), "test")) as runner:
            async for _ in runner.output():
                pass
        (pod,) = runner.result.pods
        assert [status.restart_count for status in pod.status.container_statuses if status.name == "web"] == [1]
        assert pod.status.phase == "Failed"
        assert runner.result.exit_code == 5

    clock.run(script())


def test_what_is_observed_can_be_played_again(shims: FakeShims) -> None:
    """The recorded events give the recorded states."""
    shims.script("prepare", Run(lasts=1))
    shims.script("web", Run(lasts=5))
    shims.script("side", Run(lasts=4, exit_code=3))
    recorders: list[Recorder] = []

    def observer() -> Recorder:
        recorders.append(Recorder())
        return recorders[-1]

    async def script() -> None:
        async with Runner(pods("a", "b"), observer=observer) as runner:
            async for _ in runner.output():
                pass

    clock.run(script())
    recordings = parse(json.dumps(dump(recorder.recording("ended") for recorder in recorders)).encode(), "r.json")
    assert [recording.pod.metadata.name for recording in recordings] == ["a", "b"]
    for recording in recordings:
        assert difference(recording.timeline, replay(recording)) is None
        phases = [entry.phase for entry in recording.timeline.entries if isinstance(entry, PhaseSeen)]
        assert phases == ["Pending", "Running", "Failed"]


def noisy(shims: FakeShims) -> str:
    """A pod with a probe that fails each second, for ever."""
    shims.script("prepare", Run(lasts=0))
    shims.exec_result = ExecResult(record=0, exit_code=1, output=b"no")
    probed = "{name: web, image: host, readinessProbe: {exec: {command: [check]}, periodSeconds: 1}, "
    return POD.replace("NAME", "a").replace("{name: web, image: host, ", probed)


def test_a_run_hears_of_events_that_the_rate_limit_keeps_from_the_api(shims: FakeShims) -> None:
    manifest = noisy(shims)

    async def script() -> None:
        async with Runner(load_objects(manifest.encode(), "test")) as runner:
            asyncio.get_running_loop().call_later(60.7, runner.stop, 0)
            items = [item async for item in runner.output()]
        events = [item for item in items if isinstance(item, PodEvent)]
        failures = [event for event in events if event.reason == "Unhealthy"]
        assert len(failures) >= 59 and failures[-1].count == len(failures)
        assert sum(event.published for event in events) == 25
        assert events[-1].reason == "Killing"

    clock.run(script())


def test_what_the_rate_limit_keeps_does_not_pile_up_for_a_reader_that_is_slow(shims: FakeShims) -> None:
    manifest = noisy(shims)

    async def script() -> None:
        async with Runner(load_objects(manifest.encode(), "test")) as runner:
            output = runner.output()
            await anext(output)
            await asyncio.sleep(2000)
            assert 1024 <= len(runner._items) <= 1100
            runner.stop(0)
            items = [item async for item in output]
        assert sum(isinstance(item, PodEvent) and item.published for item in items) >= 25 + 6

    clock.run(script())


def test_a_container_that_waits_comes_with_the_time_of_its_next_start(shims: FakeShims) -> None:
    shims.script("prepare", Run(lasts=0))
    shims.script("web", Run(lasts=1, exit_code=1), Run(lasts=1, exit_code=1), Run(lasts=1))
    shims.script("side", Run(lasts=0))
    manifest = POD.replace("NAME", "a").replace("Never", "OnFailure")

    async def script() -> None:
        starts: set[tuple[str, int]] = set()
        async with Runner(load_objects(manifest.encode(), "test")) as runner:
            async for item in runner.output():
                if isinstance(item, StatusChanged):
                    starts.update(
                        (name, round(start - clock.VirtualClock().now().wall))
                        for name, start in item.next_starts.items()
                    )
        assert starts == {("web", 10)}

    clock.run(script())
