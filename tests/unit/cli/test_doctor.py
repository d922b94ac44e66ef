from __future__ import annotations

import json

import pytest

from nsrunner.cli import checks
from nsrunner.cli.checks import Check
from nsrunner.cli.main import main

FINE = Check(name="kernel", needed=True, found="Linux 6.1\x1b")
LACKS = Check(
    name="skopeo", needed=False, problem="not on PATH", lost="images are not pulled", remedy="apt-get install skopeo"
)
BAD = Check(
    name="overlay", needed=True, problem="mount overlay: No such device", lost="every root", remedy="modprobe overlay"
)


def look(monkeypatch: pytest.MonkeyPatch, *found: Check) -> None:
    monkeypatch.setattr(checks, "examine", lambda: list(found))


def test_all_is_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    look(monkeypatch, FINE)
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == "OK       kernel  Linux 6.1\\x1b\n\nPods can run here.\n"


def test_what_is_optional(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    look(monkeypatch, FINE, LACKS)
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == (
        "OK       kernel  Linux 6.1\\x1b\n"
        "missing  skopeo  not on PATH\n"
        "           without it: images are not pulled\n"
        "           get it: apt-get install skopeo\n"
        "\n"
        "Pods can run here. 1 optional thing is missing.\n"
    )


def test_what_is_needed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "32")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    look(monkeypatch, FINE, BAD)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "\x1b[31mMISSING\x1b[0m  overlay  mount" in out
    assert out.endswith("\x1b[1mPods cannot run here: what is\nMISSING is needed.\x1b[0m\n")


def test_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    look(monkeypatch, FINE, BAD)
    assert main(["doctor", "-o", "json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "podsCanRun": False,
        "checks": [
            {"name": "kernel", "ok": True, "needed": True, "found": "Linux 6.1\x1b"},
            {
                "name": "overlay",
                "ok": False,
                "needed": True,
                "found": "mount overlay: No such device",
                "lost": "every root",
                "remedy": "modprobe overlay",
            },
        ],
    }
