"""The verb against a Runner that plays a script; the real one is tested in tests/kernel."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from nsrunner.cli import pump
from nsrunner.cli.main import main
from nsrunner.errors import PrivilegeError
from nsrunner.library import run as library_run
from nsrunner.library.items import Item, LogLine, RunResult, SkippedBytes, StatusChanged
from nsrunner.model.types import ObjectMeta, Pod, PodSpec, PodStatus
from nsrunner.supervisor.events import KubeEvent

MANIFEST = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - {name: a, image: host, command: ["true"]}
"""


def log(data: bytes, container: str = "a") -> LogLine:
    return LogLine(pod="web", container=container, attempt=0, stream="stdout", time="2026-01-01T00:00:00Z", data=data)


def event() -> KubeEvent:
    return KubeEvent(
        name="e",
        type="Normal",
        reason="Started",
        message="Started container a",
        namespace="default",
        pod="web",
        uid="u",
        first=0,
        last=0,
    )


class FakeRunner:
    """Hands out ``items``; those that can be called are called instead. Then waits for ``stop`` when ``endless``."""

    items: ClassVar[list[Item | Callable[[], None]]] = []
    endless: ClassVar[bool] = False
    exit_code: ClassVar[int] = 0
    refuses: ClassVar[Exception | None] = None
    made: ClassVar[list[FakeRunner]] = []

    def __init__(self, objects: Sequence[Any], options: Any = None, *, observer: Any = None) -> None:
        self.objects = objects
        self.options = options
        self.stops: list[int | None] = []
        self.stopped = asyncio.Event()
        FakeRunner.made.append(self)

    async def __aenter__(self) -> Self:
        if self.refuses is not None:
            raise self.refuses
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def output(self) -> AsyncIterator[Item]:
        for item in self.items:
            if callable(item):
                item()
                await asyncio.sleep(0.01)  # let the loop see the signal
            else:
                yield item
        if self.endless:
            await self.stopped.wait()
            yield log(b"bye")

    def stop(self, grace: int | None = None) -> None:
        self.stops.append(grace)
        self.stopped.set()

    @property
    def result(self) -> RunResult:
        pods = tuple(item for item in self.objects if isinstance(item, Pod))
        return RunResult(pods=pods, exit_code=self.exit_code)


@pytest.fixture(autouse=True)
def runner(monkeypatch: pytest.MonkeyPatch) -> type[FakeRunner]:
    monkeypatch.setattr(library_run, "Runner", FakeRunner)
    for name, value in {"items": [], "endless": False, "exit_code": 0, "refuses": None, "made": []}.items():
        monkeypatch.setattr(FakeRunner, name, value)
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return FakeRunner


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    path = tmp_path / "web.yaml"
    path.write_text(MANIFEST)
    return str(path)


def send(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def test_lines_and_talk(runner: type[FakeRunner], manifest: str, capfd: pytest.CaptureFixture[str]) -> None:
    runner.items = [event(), log(b"hello"), SkippedBytes(pod="web", container="a", attempt=0, bytes=7), log(b"\xff")]
    runner.exit_code = 3
    assert main(["run", manifest]) == 3
    captured = capfd.readouterr()
    assert captured.out.splitlines() == ["a | hello", "a | \ufffd"]
    events = [line[10:] for line in captured.err.splitlines()]
    assert events == [
        "pod web: Started: Started container a",
        "container a: 7 bytes of log were rotated away before they could be written",
    ]


def test_states(runner: type[FakeRunner], manifest: str, capfd: pytest.CaptureFixture[str]) -> None:
    runner.items = [
        StatusChanged(
            pod=Pod(
                metadata=ObjectMeta(name="web", uid="u"), spec=PodSpec(containers=()), status=PodStatus(phase="Running")
            )
        )
    ]
    assert main(["run", manifest, "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")
    assert main(["run", manifest]) == 0
    assert capfd.readouterr().err.endswith("  pod web is Running\n")


def test_options_reach_the_runner(runner: type[FakeRunner], manifest: str) -> None:
    assert main(["run", manifest, "--image-fallback", "host", "-n", "test"]) == 0
    assert runner.made[0].options.image_fallback == "host"
    assert runner.made[0].options.namespace == "test"
    assert runner.made[0].options.allowed_unsafe_sysctls == ()
    assert [type(item).__name__ for item in runner.made[0].objects] == ["Pod"]


def test_sysctls_are_allowed_as_with_the_kubelet(runner: type[FakeRunner], manifest: str) -> None:
    options = ["--allowed-unsafe-sysctls", "kernel.msg*,net.core.somaxconn", "--allowed-unsafe-sysctls=net.ipv6.*"]
    assert main(["run", manifest, *options]) == 0
    patterns = ("kernel.msg*", "net.core.somaxconn", "net.ipv6.*")
    assert runner.made[0].options.allowed_unsafe_sysctls == patterns


def test_plain_lines(runner: type[FakeRunner], manifest: str, capfd: pytest.CaptureFixture[str]) -> None:
    runner.items = [log(b"hello")]
    assert main(["run", manifest, "--no-prefix", "--timestamps"]) == 0
    assert capfd.readouterr().out == "2026-01-01T00:00:00Z hello\n"


def test_colour(
    runner: type[FakeRunner], manifest: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    runner.items = [log(b"hello")]
    assert main(["run", manifest]) == 0
    assert capfd.readouterr().out == "\x1b[36ma |\x1b[0m hello\n"


def test_json_keeps_standard_output_for_the_pod(
    runner: type[FakeRunner], manifest: str, capfd: pytest.CaptureFixture[str]
) -> None:
    runner.items = [log(b"hello")]
    assert main(["run", manifest, "-o", "json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["metadata"]["name"] == "web"
    assert json.loads(out)["kind"] == "Pod"
    assert "a | hello\n" in err


def test_several_pods(
    runner: type[FakeRunner], manifest: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "db.yaml"
    other.write_text(MANIFEST.replace("web", "db"))
    runner.items = [log(b"hello")]
    assert main(["run", manifest, str(other), "-o", "json"]) == 0
    out, err = capfd.readouterr()
    listed = json.loads(out)
    assert listed["kind"] == "List"
    assert [item["metadata"]["name"] for item in listed["items"]] == ["web", "db"]
    assert "web/a | hello\n" in err
    assert main(["run", manifest, str(other), "--pod", "db"]) == 0
    assert [item.metadata.name for item in runner.made[1].objects] == ["db"]


@pytest.mark.parametrize(
    ("number", "code", "name"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM"), (signal.SIGHUP, 143, "SIGHUP")],
)
def test_signals(
    runner: type[FakeRunner],
    manifest: str,
    capfd: pytest.CaptureFixture[str],
    number: signal.Signals,
    code: int,
    name: str,
) -> None:
    runner.items = [send(number)]
    runner.endless = True
    runner.exit_code = 143  # the container's own
    before = signal.getsignal(number)
    assert main(["run", manifest]) == code
    assert signal.getsignal(number) == before
    assert runner.made[0].stops == [None]
    out, err = capfd.readouterr()
    assert out == "a | bye\n"
    assert err.endswith(f"  {name}: deleting gracefully, within 30 s; again: at once\n")


def test_twice_is_at_once(runner: type[FakeRunner], manifest: str, capfd: pytest.CaptureFixture[str]) -> None:
    runner.items = [send(signal.SIGTERM), send(signal.SIGINT), send(signal.SIGINT)]
    assert main(["run", manifest, "--grace-period", "5"]) == 143, "the first one decides"
    assert runner.made[0].stops == [5, 0, 0]
    err = capfd.readouterr().err
    assert "SIGTERM: deleting gracefully, within 5 s; again: at once\n" in err
    assert "Ctrl-C: deleting at once\n" in err


@pytest.mark.parametrize(("seconds", "shown"), [("1", "gracefully, within 2 s; again"), ("0", "at once\n")])
def test_the_grace_that_is_told_is_the_one_that_is_given(
    runner: type[FakeRunner], manifest: str, capfd: pytest.CaptureFixture[str], seconds: str, shown: str
) -> None:
    runner.items = [send(signal.SIGINT)]
    runner.endless = True
    main(["run", manifest, "--grace-period", seconds])
    assert f"Ctrl-C: deleting {shown}" in capfd.readouterr().err


def test_ignored_signals_stay_ignored(runner: type[FakeRunner], manifest: str) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        runner.items = [send(signal.SIGHUP), log(b"still here")]
        assert main(["run", manifest]) == 0
        assert runner.made[0].stops == []
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_timeout(runner: type[FakeRunner], manifest: str, capfd: pytest.CaptureFixture[str]) -> None:
    runner.endless = True
    runner.exit_code = 143
    assert main(["run", manifest, "--timeout", "10ms"]) == 124
    assert runner.made[0].stops == [None]
    shown = "the timeout of 0.01 s has passed: deleting gracefully, within 30 s; Ctrl-C: at once\n"
    assert shown in capfd.readouterr().err


def test_a_reader_that_went_away(
    runner: type[FakeRunner], manifest: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = os.pipe()
    os.close(read)
    monkeypatch.setattr(pump, "STREAMS", {pump.OUT: write, pump.ERR: 2})
    runner.items = [log(b"hello")]
    runner.endless = True
    assert main(["run", manifest]) == 141
    assert runner.made[0].stops == [None]
    assert "standard output cannot be written to (Broken pipe): deleting gracefully" in capfd.readouterr().err
    os.close(write)


def test_a_full_disk(runner: type[FakeRunner], manifest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(pump, "STREAMS", {pump.OUT: full, pump.ERR: 2})
    runner.items = [log(b"hello")]
    runner.endless = True
    assert main(["run", manifest]) == 125
    assert runner.made[0].stops == [None]
    runner.endless = False
    assert main(["run", manifest]) == 125
    os.close(full)


def test_a_host_that_cannot(runner: type[FakeRunner], manifest: str, capfd: pytest.CaptureFixture[str]) -> None:
    runner.refuses = PrivilegeError("pods need root")
    assert main(["run", manifest]) == 125
    assert capfd.readouterr() == ("", "nsrunner: pods need root\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "web.yaml: Syntax error: no objects: the source is empty"),
        (MANIFEST.replace("image", "imag"), 'Unknown field (did you mean "image"?)'),
        (MANIFEST + "---\n" + MANIFEST, 'Pod "web" is there twice'),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", "no Pod in "),
    ],
)
def test_bad_input_runs_nothing(
    runner: type[FakeRunner], manifest: str, capfd: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    Path(manifest).write_text(content)
    assert main(["run", manifest]) == 2
    out, err = capfd.readouterr()
    assert not out
    assert message in err
    assert not runner.made


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pod", "nosuch"], 'pods "nosuch" not found in the given files; there is web'),
        (["--timeout", "soon"], 'argument --timeout: invalid duration "soon"'),
        (["--grace-period", "-1"], 'argument --grace-period: invalid number of seconds "-1"'),
        (
            ["--allowed-unsafe-sysctls", "net.core.*,kernel.*"],
            'argument --allowed-unsafe-sysctls: "kernel.*": not known to be namespaced',
        ),
        (["--image-fallback", "busybox"], "argument --image-fallback: invalid choice: 'busybox'"),
        (["--background"], "unknown option: --background"),
        (["/no/such.yaml"], "/no/such.yaml: No such file or directory"),
        (["/"], "/: Is a directory: give the files in it"),
        (["-", "-"], "standard input (-) can be read only once"),
    ],
)
def test_bad_usage(
    runner: type[FakeRunner], manifest: str, capfd: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["run", manifest, *words]) == 2
    assert message in capfd.readouterr().err
    assert not runner.made
