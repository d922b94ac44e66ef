"""The supervisor's own part: adding and letting go of pods. What becomes of a pod is in test_pod.py."""

import asyncio

import pytest

from nsrunner.errors import UsageError
from unit.supervisor.world import POD, container, play, world


def test_a_pod_runs_until_it_is_deleted() -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add()
            assert list(w.supervisor.pods) == ["uid-web"]
            await w.phase(task, "Running")
            assert container(task).ready
            assert (task.object.status, task.object.metadata.deletion_timestamp) == (task.status, None)
            await w.delete(task)
            assert task.object.metadata.deletion_timestamp is not None
            assert not w.supervisor.pods
            assert w.commands == [
                "launch",
                "create sandbox 0",
                "start web/0",
                "signal 15 web/0",
                "stop sandbox 0",
                "remove pod",
            ]

    play(script)


def test_pods_do_not_wait_for_each_other() -> None:
    async def script() -> None:
        async with world(latency=1) as w:
            tasks = [w.add(POD.replace("name: web}\n", f"name: web-{number}}}\n", 1)) for number in range(20)]
            for task in tasks:
                await w.phase(task, "Running", seconds=4)
            for task in tasks:
                await w.delete(task)

    play(script)


def test_the_same_uid_twice_is_refused() -> None:
    async def script() -> None:
        async with world() as w:
            task = w.add()
            with pytest.raises(UsageError, match="runs already"):
                w.add()
            await w.delete(task)
            w.supervisor.stop()
            with pytest.raises(UsageError, match="does not run"):
                w.add()

    play(script)


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError])  # the second: of a future that it asks
def test_a_listener_that_fails_does_no_harm(error: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    async def script() -> None:
        async with world() as w:

            def fail(news: object) -> None:
                raise error

            task = w.add()
            w.event = fail  # type: ignore[method-assign] # the next pod's
            other = w.add(POD.replace("{name: web}", "{name: other}"))
            await w.phase(task, "Running")
            await w.phase(other, "Running")
            await w.delete(task)
            await w.delete(other)

    play(script)
    assert error.__name__ in caplog.text


def test_a_task_that_fails_costs_its_pod_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def script() -> None:
        async with world() as w:
            healthy = w.add(POD.replace("{name: web}", "{name: healthy}"))
            await w.phase(healthy, "Running")
            task = w.add()

            def fail() -> None:
                raise ZeroDivisionError

            monkeypatch.setattr(task._machine, "next_deadlines", fail)
            await task.wait_removed()
            assert list(w.supervisor.pods) == ["uid-healthy"]
            w.shims.left.discard("uid-web")  # of a real pod, the shim takes care
            await w.delete(healthy)

    play(script)
    assert "ZeroDivisionError" in caplog.text
