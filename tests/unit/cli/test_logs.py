from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from nsrunner.cli.logs import _Instances
from nsrunner.cli.main import main
from nsrunner.sandbox import client, inotify
from nsrunner.sandbox.inotify import Inotify
from nsrunner.sandbox.records import ContainerInfo, Snapshot, Stamp
from unit.cli.published_pods import RUNNING, PublishedPod, container, terminated, waiting

T = "2026-01-01T00:00:0{}.000000000Z"


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedPod:
    monkeypatch.setenv("NSRUNNER_ROOT", str(tmp_path))
    return PublishedPod()


def entry(second: int, text: str, *, tag: str = "F", stream: str = "stdout") -> str:
    return f"{T.format(second)} {stream} {tag} {text}\n"


def write(pod: PublishedPod, attempt: int, *entries: str, container: str = "a") -> Path:
    directory = Path(pod.paths.logs) / container
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{attempt}.log"
    with path.open("a") as file:
        file.write("".join(entries))
    return path


def logs(*words: str) -> int:
    return main(["logs", *words])


def test_of_a_running_container(pod: PublishedPod, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    pod.publish(container("a", RUNNING))
    write(pod, 0, entry(1, "one"), entry(2, "two\x1b", stream="stderr"), entry(3, "thr", tag="P"), entry(4, "ee"))
    assert logs("web") == 0
    assert capfdbinary.readouterr() == (b"one\ntwo\x1b\nthree\n", b"")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--tail", "1"], "three\n"),
        (["--tail", "0"], ""),
        (["--tail=-1"], "one\ntwo\nthree\n"),
        (["--since-time", "2026-01-01T00:00:02Z"], "two\nthree\n"),
        (["--since", "1s"], ""),
        (["--limit-bytes", "6"], "one\ntw"),
        (["--timestamps", "--tail", "1"], f"{T.format(3)} three\n"),
        (["-c", "a"], "one\ntwo\nthree\n"),
        (["a"], "one\ntwo\nthree\n"),
    ],
)
def test_options(pod: PublishedPod, capsys: pytest.CaptureFixture[str], options: list[str], expected: str) -> None:
    pod.publish(container("a", RUNNING))
    write(pod, 0, entry(1, "one"), entry(2, "two"), entry(3, "three"))
    assert logs("web", *options) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["web", "a", "-c", "a"], "only one of -c or an inline [CONTAINER] arg is allowed"),
        (["web", "a", "--all-containers"], "--all-containers=true should not be specified with container name"),
        (["web", "a", "b"], "unknown argument: b"),
        (["web", "b"], "container b not found in pod web; there is a"),
    ],
)
def test_a_container_behind_the_pod(
    pod: PublishedPod, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    pod.publish(container("a", RUNNING))
    assert logs(*words) == (1 if words[1:] == ["b"] else 2)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "shown", "previous"),
    [
        (container("a", RUNNING, restarts=2, last=terminated()), "second", "first"),
        (container("a", terminated(), restarts=2, last=terminated()), "second", "first"),
        (container("a", waiting("CrashLoopBackOff"), restarts=2, last=terminated()), "second", "second"),
        (container("a", RUNNING, restarts=1), "first", None),
    ],
)
def test_which_instance(
    pod: PublishedPod, capsys: pytest.CaptureFixture[str], status: dict[str, object], shown: str, previous: str | None
) -> None:
    pod.publish(status)
    write(pod, 1, entry(1, "first"))
    write(pod, 2, entry(2, "second"))
    assert logs("web") == 0
    assert capsys.readouterr().out == f"{shown}\n"
    assert logs("web", "-p") == (0 if previous else 1)
    out, err = capsys.readouterr()
    if previous:
        assert out == f"{previous}\n"
    else:
        assert err == 'nsrunner: previous terminated container "a" in pod "web" not found\n'


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (waiting("ContainerCreating"), "waiting to start: ContainerCreating"),
        (waiting("ErrImagePull"), "waiting to start: image can't be pulled"),
        (waiting("ImagePullBackOff"), "waiting to start: trying and failing to pull image"),
        ({}, "waiting to start: ContainerCreating"),
    ],
)
def test_before_the_start(
    pod: PublishedPod, capsys: pytest.CaptureFixture[str], state: dict[str, object], message: str
) -> None:
    pod.publish(container("a", state))
    assert logs("web") == 1
    assert capsys.readouterr().err == f'nsrunner: container "a" in pod "web" is {message}\n'


class FakeShim:
    """One in which the second instance of container a runs."""

    def __init__(self, run_dir: str) -> None:
        stamp = Stamp(0, 0)
        running = (ContainerInfo(container_id="f" * 64, name="a", attempt=1, pid=1, started=stamp),)
        self.snapshot = Snapshot(uid="u1", sandbox_attempt=0, pause_pid=1, running=running)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    "status",
    [
        container("a", waiting("CrashLoopBackOff"), last=terminated()),
        container("a", terminated()),
        container("a", waiting("ContainerCreating")),
    ],
)
def test_the_shim_knows_first(
    pod: PublishedPod, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, status: dict[str, object]
) -> None:
    """The status is from before the start."""
    monkeypatch.setattr(client, "Client", FakeShim)
    pod.publish(status)
    write(pod, 0, entry(1, "first"))
    write(pod, 1, entry(2, "second"))
    assert logs("web") == 0
    assert logs("web", "-p") == 0
    assert capsys.readouterr() == ("second\nfirst\n", "")


def test_a_container_that_has_come_and_gone_before_it_was_told(
    pod: PublishedPod, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pod.publish(container("a", waiting("ContainerCreating")))
    write(pod, 0, entry(1, "one"))

    class Watch(Inotify):
        def __init__(self, directory: str, mask: int) -> None:
            super().__init__(directory, mask)
            pod.publish(container("a", terminated()))

    monkeypatch.setattr(inotify, "Inotify", Watch)
    assert logs("web") == 0
    assert capsys.readouterr() == ("one\n", "")


@pytest.mark.parametrize(
    ("status", "over"),
    [
        (container("a", waiting("ContainerCreating")), False),
        (container("a", waiting("CrashLoopBackOff"), last=terminated()), False),
        (container("a", RUNNING, restarts=1, last=terminated()), False),
        (container("a", terminated(), restarts=1, last=terminated()), True),
        (container("a", waiting("CrashLoopBackOff"), restarts=1, last=terminated()), True),
        (container("a", RUNNING, restarts=2, last=terminated()), True),
    ],
)
def test_a_status_from_before_the_start_ends_no_following(status: dict[str, object], over: bool) -> None:
    assert _Instances.of(status).over(1) is over


def test_no_log(pod: PublishedPod, capsys: pytest.CaptureFixture[str]) -> None:
    pod.publish(container("a", terminated()))
    assert logs("web") == 1
    assert capsys.readouterr().err == 'nsrunner: container "a" in pod "web" has no log\n'


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["wbe"], 1, 'pods "wbe" not found. Did you mean "web"?'),
        (["web", "-c", "b"], 1, "container b not found in pod web; there is a"),
        (
            ["web", "--since", "1s", "--since-time", "2026-01-01T00:00:00Z"],
            2,
            "at most one of --since and --since-time",
        ),
        (["web", "--tail", "x"], 2, 'invalid number of lines "x"'),
        (["web", "--tail", "-2"], 2, "--tail"),
        (["web", "--limit-bytes", "0"], 2, 'invalid number "0": must be greater than 0'),
        (["web", "--since-time", "noon"], 2, 'invalid time "noon"'),
        (["web", "--since", "noon"], 2, 'invalid duration "noon"'),
        ([], 2, "a POD is required, or a selector (-l)"),
    ],
)
def test_errors(
    pod: PublishedPod, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    pod.publish(container("a", RUNNING))
    assert logs(*words) == code
    out, err = capsys.readouterr()
    assert not out
    assert message in err


class Follower:
    """``nsrunner logs -f`` in a process of its own."""

    def __init__(self, *words: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "nsrunner", "logs", "-f", "web", *words],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self._process.stdout is not None
        self.out = self._process.stdout

    def end(self) -> int:
        with self._process:
            return self._process.wait(30)


def test_follow_until_the_container_stops(pod: PublishedPod) -> None:
    pod.publish(container("a", RUNNING))
    path = write(pod, 0, entry(1, "one"))
    follower = Follower()
    assert follower.out.readline() == b"one\n"
    write(pod, 0, entry(2, "two"))
    assert follower.out.readline() == b"two\n"
    path.rename(path.with_name("0.log.20260101-000000"))
    write(pod, 0, entry(3, "three"))
    assert follower.out.readline() == b"three\n"
    write(pod, 0, entry(4, "last", tag="P"))
    pod.publish(container("a", waiting("CrashLoopBackOff"), last=terminated()))
    assert follower.out.read() == b"last"
    assert follower.end() == 0


def test_follow_until_the_pod_is_gone(pod: PublishedPod) -> None:
    pod.publish(container("a", RUNNING))
    write(pod, 0, entry(1, "one"))
    follower = Follower()
    assert follower.out.readline() == b"one\n"
    shutil.rmtree(pod.paths.run)
    assert follower.out.read() == b""
    assert follower.end() == 0


def test_follow_what_has_ended(pod: PublishedPod) -> None:
    pod.publish(container("a", terminated()))
    write(pod, 0, entry(1, "one"))
    follower = Follower("--tail", "5")
    assert follower.out.read() == b"one\n"
    assert follower.end() == 0
