from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nsrunner.cli.completion import SCRIPTS
from nsrunner.cli.main import main


@pytest.mark.parametrize("shell", sorted(SCRIPTS))
def test_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "__complete --" in capsys.readouterr().out
    if path := shutil.which(shell):
        assert subprocess.run([path, "-n"], input=SCRIPTS[shell], text=True, timeout=30, check=False).returncode == 0


def test_bash_completes(tmp_path: Path) -> None:
    (tmp_path / "my pod.yaml").touch()
    tool = tmp_path / "nsrunner"
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nsrunner "$@"\n')
    tool.chmod(0o755)

    def complete(*words: str) -> list[str]:
        quoted = " ".join(f'"{word}"' for word in words)
        script = (
            f'{SCRIPTS["bash"]}\nCOMP_WORDS=("{tool}" {quoted}); COMP_CWORD={len(words)}; _nsrunner; '
            "printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path
        )
        return done.stdout.splitlines()

    assert complete("ver") == ["version"]
    assert complete("run", "my") == ["my pod.yaml"]
    assert complete("completion", "") == ["bash", "fish", "zsh"]


def test_an_unknown_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "invalid choice: 'tcsh'" in capsys.readouterr().err
