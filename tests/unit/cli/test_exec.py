from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from nsrunner.cli import exec_session
from nsrunner.cli.main import main
from nsrunner.errors import SandboxError
from nsrunner.sandbox import client
from nsrunner.sandbox.records import ContainerInfo, ExecResult, Snapshot, Stamp
from nsrunner.sandbox.spec import ExecSpec
from unit.cli.published_pods import RUNNING, PublishedPod, container, terminated


class FakeClient:
    """A shim in which only container a runs."""

    made: ClassVar[list[str]] = []

    def __init__(self, run_dir: str) -> None:
        self.made.append(run_dir)
        stamp = Stamp(0, 0)
        running = (ContainerInfo(container_id="f" * 64, name="a", attempt=0, pid=1, started=stamp),)
        self.snapshot = Snapshot(uid="u1", sandbox_attempt=0, pause_pid=1, running=running)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[ExecSpec, bool]]:
    monkeypatch.setenv("NSRUNNER_ROOT", str(tmp_path))
    pod = PublishedPod()
    pod.publish(container("a", RUNNING), container("b", terminated()))
    made: list[tuple[ExecSpec, bool]] = []

    def session(_: Any, spec: ExecSpec, *, stdin: bool) -> ExecResult:
        made.append((spec, stdin))
        if spec.argv == ("/none",):
            return ExecResult(record=0, exit_code=127, error="execve: /none: No such file or directory")
        return ExecResult(record=0, exit_code=42)

    monkeypatch.setattr(client, "Client", FakeClient)
    monkeypatch.setattr(exec_session, "session", session)
    return made


def test_a_command(specs: list[tuple[ExecSpec, bool]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exec", "web", "-c", "a", "--", "sh", "-c", "exit 42", "--", "-i"]) == 42
    spec, stdin = specs[0]
    assert spec == ExecSpec(container_id="f" * 64, argv=("sh", "-c", "exit 42", "--", "-i"))
    assert not stdin
    assert capsys.readouterr() == ("", "")


def test_a_terminal(
    specs: list[tuple[ExecSpec, bool]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(os, "isatty", lambda fd: False)
    monkeypatch.setattr("nsrunner.cli.terminal.size", lambda: (50, 132))
    assert main(["exec", "-it", "web", "--", "sh"]) == 42
    spec, stdin = specs[0]
    assert (spec.tty, spec.rows, spec.columns, spec.env, stdin) == (True, 50, 132, ("TERM=xterm-256color",), True)
    assert capsys.readouterr().err == (
        'Defaulted container "a" out of: a, b\n'
        "Unable to use a TTY - input is not a terminal or the right kind of file\n"
    )


def test_a_command_that_is_not_there(specs: list[tuple[ExecSpec, bool]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exec", "web", "-c", "a", "--", "/none"]) == 127
    assert capsys.readouterr().err == "nsrunner: exec failed: execve: /none: No such file or directory\n"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (SandboxError("exec", 2, "/none"), 127, 'exec failed: exec: "/none": stat /none: no such file or directory'),
        (
            SandboxError("find executable in PATH", 2),
            127,
            'exec failed: exec: "sh": executable file not found in $PATH',
        ),
        (SandboxError("find executable in PATH", 13), 126, 'exec failed: exec: "sh": permission denied'),
        (SandboxError("exec", 8, "/x"), 126, 'exec failed: exec: "/x": exec format error'),
        (SandboxError("find the container", 3, ""), 1, "find the container: No such process"),
    ],
)
def test_a_command_that_cannot_be_run(
    specs: list[tuple[ExecSpec, bool]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: SandboxError,
    code: int,
    message: str,
) -> None:
    def session(*_: Any, **__: Any) -> ExecResult:
        raise error

    monkeypatch.setattr(exec_session, "session", session)
    assert main(["exec", "web", "-c", "a", "--", "sh"]) == code
    assert capsys.readouterr().err == f"nsrunner: {message}\n"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["web", "-c", "nosuch", "--", "true"], 1, "container nosuch not found in pod web; there is a, b"),
        (["web", "-c", "b", "--", "true"], 1, 'container "b" in pod "web" is not running: terminated'),
        (["nosuch", "--", "true"], 1, 'pods "nosuch" not found'),
        (["web"], 2, "you must specify at least one command for the container, after --"),
        (["web", "--"], 2, "you must specify at least one command for the container, after --"),
        (["web", "true"], 2, 'unknown argument: true. A command stands after "--": nsrunner exec ... -- true\n'),
        (["--", "true"], 2, "the following arguments are required: POD"),
    ],
)
def test_errors(
    specs: list[tuple[ExecSpec, bool]],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    message: str,
) -> None:
    assert main(["exec", *words]) == code
    assert message in capsys.readouterr().err
    assert not specs


def test_a_shim_that_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NSRUNNER_ROOT", str(tmp_path))
    PublishedPod().publish(container("a", RUNNING))
    assert main(["exec", "web", "--", "true"]) == 1
    assert "talk to the shim" in capsys.readouterr().err
