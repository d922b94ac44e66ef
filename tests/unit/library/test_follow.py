"""Logs of the fake's containers, which are real files."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsrunner.errors import UsageError
from nsrunner.library import follow
from nsrunner.library.aio import AsyncPod
from nsrunner.library.follow import read_log
from nsrunner.testing import clock
from nsrunner.testing.fake_sandbox import FakeShims, Run
from unit.library.stage import stage

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  restartPolicy: OnFailure
  containers: [{name: web, image: host, command: [serve]}]
"""


@pytest.fixture
def shims(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeShims:
    return stage(monkeypatch, tmp_path)


def test_logs_are_of_the_newest_instance_or_the_one_before(shims: FakeShims) -> None:
    shims.script("web", Run(lasts=1, exit_code=1, output=("first",)), Run(output=("second", "third")))

    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            await pod.wait("Ready")
            with pytest.raises(UsageError, match='previous terminated container "web" in pod "web" not found'):
                await pod_logs(pod, previous=True)
            await pod.wait("Ready=False")
            await pod.wait("Ready")
            assert await pod_logs(pod) == "second\nthird\n"
            assert await pod_logs(pod, previous=True) == "first\n"

    clock.run(script())


async def pod_logs(pod: AsyncPod, *, previous: bool = False) -> str:
    """pod.logs() without the thread, which is outside of virtual time."""
    from nsrunner.library.follow import find_attempt, log_directory

    attempt = find_attempt(pod.task, "web", previous=previous)
    assert attempt is not None
    return read_log(log_directory(pod.task, "web"), attempt, None, timestamps=False)


def test_following_ends_with_the_instance(shims: FakeShims) -> None:
    shims.script("web", Run(lasts=5, output=("one", "two")))

    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            with pytest.raises(UsageError, match="has not started"):
                await anext(pod.follow())
            await pod.wait("Ready")
            assert [line async for line in pod.follow()] == ["one", "two"]
            assert (await pod.wait("Succeeded")).phase == "Succeeded"
            assert [line async for line in pod.follow(tail=1)] == ["two"]

    clock.run(script())


def write(pod: AsyncPod, *entries: tuple[str, str]) -> None:
    lines = (f"2026-01-31T00:00:00.000000000Z stdout {tag} {text}\n" for tag, text in entries)
    Path(follow.log_directory(pod.task, "web"), "0.log").write_text("".join(lines))


def test_a_line_that_does_not_end_comes_in_pieces(shims: FakeShims, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_LINE_MAX", 10)
    shims.script("web", Run(lasts=5, output=("begin",)))

    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            await pod.wait("Ready")
            write(pod, ("P", "12345678"), ("P", "90abcd"), ("P", "e"), ("F", "f"), ("F", "end"))
            assert [line async for line in pod.follow()] == ["1234567890abcd", "ef", "end"]

    clock.run(script())


def test_logs_of_what_is_not_there(shims: FakeShims) -> None:
    async def script() -> None:
        async with AsyncPod.from_yaml(POD) as pod:
            assert await pod.logs() == ""
            with pytest.raises(UsageError, match="container nope is not valid for pod web: it has web"):
                await pod.logs("nope")

    clock.run(script())


def test_reading_joins_partial_lines_and_replaces_what_is_no_text(tmp_path: Path) -> None:
    stamp = b"2026-01-01T00:00:00.000000000Z"
    (tmp_path / "0.log").write_bytes(
        stamp + b" stdout P half \n" + stamp + b" stdout F whole\n" + stamp + b" stderr F \xff\n"
    )
    assert read_log(str(tmp_path), 0, None, timestamps=False) == "half whole\n\ufffd\n"
    assert read_log(str(tmp_path), 0, 1, timestamps=True) == f"{stamp.decode()} \ufffd\n"
    assert read_log(str(tmp_path), 7, None, timestamps=False) == ""
