from __future__ import annotations

import json
import platform
from importlib import metadata

import pytest

from nsrunner.cli import version
from nsrunner.cli.main import main


@pytest.mark.parametrize("words", [["version"], ["--version"], ["-V"]])
def test_version(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"nsrunner {version.version()} (Python {platform.python_version()}, Linux ")
    assert out.count("\n") == 1


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "nsrunner": version.version(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
    }


def test_a_copy_that_was_never_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert version.version() == "unknown"
