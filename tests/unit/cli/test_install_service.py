"""Installing and removing the service, with a systemctl that is watched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nsrunner.cli import install_service, uninstall_service
from nsrunner.cli.install_service import Places
from nsrunner.daemon.service import CONFIG, SOCKET, unit
from nsrunner.errors import HostError, UsageError
from nsrunner.sandbox.state import Roots


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setattr("nsrunner.library.engine.require_root", lambda: None)
    monkeypatch.setenv("NSRUNNER_ROOT", str(tmp_path / "root"))
    (tmp_path / "booted").mkdir()
    return Places(str(tmp_path / "units"), str(tmp_path / "etc"), str(tmp_path / "booted"))


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What systemctl was called with; it fails when there is a file ``fail``."""
    log = tmp_path / "calls"
    log.touch()
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$*" >>{log}\n[ -e {tmp_path}/fail ] && {{ echo "no such unit" >&2; exit 5; }}\nexit 0\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return log


def install(places: Places, *words: str) -> int:
    return install_service.run(install_service.parser().parse_words(words), places)


def uninstall(places: Places, *words: str) -> int:
    return uninstall_service.run(uninstall_service.parser().parse_words(words), places)


def test_installed_and_started(places: Places, calls: Path) -> None:
    assert install(places) == 0
    assert (Path(places.units) / "nsrunner.socket").read_text() == SOCKET
    program = (sys.executable, "-I", "-m", "nsrunner")
    assert (Path(places.units) / "nsrunner.service").read_text() == unit(program)
    config = Path(places.config) / "config.yaml"
    assert (config.read_text(), config.stat().st_mode & 0o777) == (CONFIG, 0o600)
    assert calls.read_text().splitlines() == [
        "daemon-reload",
        "enable --quiet nsrunner.socket nsrunner.service",
        "start nsrunner.socket",
        "restart nsrunner.service",
    ]
    config.write_text("logLevel: debug\n")
    assert install(places, "--no-start") == 0
    assert config.read_text() == "logLevel: debug\n"  # the administrator's
    assert calls.read_text().splitlines()[4:] == ["daemon-reload"]


def test_systemd_that_does_not_run(places: Places, calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.rmdir(places.booted)
    assert install(places) == 0
    assert calls.read_text() == "enable --quiet nsrunner.socket nsrunner.service\n"
    assert "systemd does not run here" in capsys.readouterr().err
    assert uninstall(places) == 0
    assert calls.read_text().splitlines()[1:] == ["disable --quiet nsrunner.service nsrunner.socket"]


def test_no_systemd(places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    assert install(places) == 1
    assert "there is no systemd on this machine" in capsys.readouterr().err
    assert not os.path.exists(places.units) and os.path.exists(f"{places.config}/config.yaml")


def test_what_systemctl_says_is_told(places: Places, calls: Path, tmp_path: Path) -> None:
    (tmp_path / "fail").touch()
    with pytest.raises(HostError, match="systemctl daemon-reload: no such unit"):
        install(places)


def test_removed(places: Places, calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(places)
    assert uninstall(places) == 0
    assert os.listdir(places.units) == [] and os.path.exists(f"{places.config}/config.yaml")
    assert calls.read_text().splitlines()[4:] == [
        "disable --quiet --now nsrunner.service nsrunner.socket",
        "daemon-reload",
    ]
    assert uninstall(places) == 0
    assert capsys.readouterr().err.endswith("there was no service\n")


def test_purging_leaves_what_is_others(places: Places, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drained: list[bool] = []
    monkeypatch.setattr(uninstall_service, "_drain", lambda: drained.append(True))
    install(places)
    roots = Roots.from_environment()
    for name in (
        "lib/pki/ca.key",
        "lib/cache/f",
        "lib/store.db",
        "lib/store.db-wal",
        "lib/seccomp/mine.json",
        "run/api.sock",
    ):
        path = Path(os.environ["NSRUNNER_ROOT"]) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert uninstall(places, "--purge", "--yes") == 0
    assert drained == [True] and not os.path.exists(places.config)
    assert os.listdir(roots.state) == ["seccomp"] and os.listdir(roots.run) == []


def test_purging_asks(places: Places, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uninstall_service, "_drain", lambda: pytest.fail("something was removed"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(UsageError, match="without a terminal say --yes"):
        uninstall(places, "--purge")
    with pytest.raises(UsageError, match="--yes is for --purge"):
        uninstall(places, "--yes")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdin, "readline", lambda: "no\n", raising=False)
    assert uninstall(places, "--purge") == 1


@pytest.mark.needs_tool("systemd-analyze")
def test_systemd_accepts_the_units(places: Places) -> None:
    install_service.place(places, (sys.executable, "-I", "-m", "nsrunner"))
    units = [f"{places.units}/{name}" for name in ("nsrunner.service", "nsrunner.socket")]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_program_names_are_quoted_for_systemd() -> None:
    text = unit(("/opt/my dir/py%thon", "$x"))
    assert 'ExecStart="/opt/my dir/py%%thon" $$x daemon\n' in text
