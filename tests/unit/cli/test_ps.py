from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nsrunner.cli import ps
from nsrunner.cli.main import main
from nsrunner.model.printing import columns
from nsrunner.sandbox.published import publish
from nsrunner.sandbox.state import RegisteredPod, Roots, register, this_process

CREATED = "2026-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Roots:
    monkeypatch.setenv("NSRUNNER_ROOT", str(tmp_path))
    monkeypatch.delenv("COLUMNS", raising=False)
    now = columns.parse_time(CREATED)
    monkeypatch.setattr(ps.time, "time", lambda: (now or 0) + 42)
    return Roots.from_environment()


@pytest.fixture
def web(root: Roots) -> None:
    paths = root.pod_paths("default", "web", "u1")
    register(
        root, RegisteredPod(uid="u1", namespace="default", name="web", owner=this_process(), paths=paths, cgroup="")
    )
    state = {"name": "a", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": CREATED}}}
    publish(
        paths.run,
        json.dumps(
            {
                "metadata": {"name": "web", "namespace": "default", "uid": "u1", "creationTimestamp": CREATED},
                "spec": {"containers": [{"name": "a"}]},
                "status": {"phase": "Running", "podIP": "192.0.2.1", "containerStatuses": [state]},
            }
        ).encode(),
    )


def owner() -> str:
    return f"{Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()})"


def test_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps"]) == 0
    assert capsys.readouterr() == ("", "No pods are running.\n")
    assert main(["ps", "-n", "x"]) == 0
    assert capsys.readouterr() == ("", "No pods are running in namespace x.\n")
    assert main(["ps", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": []}


@pytest.mark.usefixtures("web")
def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps"]) == 0
    titles, row = capsys.readouterr().out.splitlines()
    assert titles == "NAMESPACE   NAME   READY   STATUS    RESTARTS   AGE   OWNER"
    assert row == f"default     web    1/1     Running   0          42s   {owner()}"
    assert main(["ps", "--no-headers"]) == 0
    assert capsys.readouterr().out == row + "\n"


@pytest.mark.usefixtures("web")
def test_a_narrow_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    assert main(["ps"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "NAME   READY   STATUS"


@pytest.mark.usefixtures("web")
def test_formats(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "-o", "name"]) == 0
    assert capsys.readouterr().out == "pod/web\n"
    assert main(["ps", "-o", "wide"]) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("   192.0.2.1   u1")
    assert main(["ps", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"][0]["status"]["phase"] == "Running"
    assert main(["ps", "-n", "other"]) == 0
    assert capsys.readouterr().out == ""


def test_a_root_that_is_none(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NSRUNNER_ROOT", "relative")
    assert main(["ps"]) == 1
    assert capsys.readouterr().err == "nsrunner: NSRUNNER_ROOT=relative: must be an absolute path\n"
