"""The leak check finds what it is there to find."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import leaks


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "GRACE", 0.0)


def test_nothing_left(quick: None, tmp_path: Path) -> None:
    before = leaks.snapshot(tmp_path)
    assert leaks.left_since(before, tmp_path) == []


def test_an_orphan_of_a_dead_child_is_found_and_reaped(quick: None, tmp_path: Path) -> None:
    before = leaks.snapshot(tmp_path)
    script = "sleep 300 >/dev/null 2>&1 & echo $!"
    orphan = int(subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=True).stdout)
    left = leaks.left_since(before, tmp_path)
    os.kill(orphan, 9)
    assert [line.split()[:2] for line in left] == [["process:", str(orphan)]]
    os.waitid(os.P_PID, orphan, os.WEXITED | os.WNOWAIT)
    assert leaks.left_since(before, tmp_path) == []


def test_a_descriptor_and_a_file_are_found(quick: None, tmp_path: Path) -> None:
    before = leaks.snapshot(tmp_path)
    (tmp_path / "run" / "pods" / "uid").mkdir(parents=True)
    number = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    left = leaks.left_since(before, tmp_path)
    os.close(number)
    assert left == [f"descriptor: {number} -> /dev/null", f"file: {tmp_path}/run/pods/uid/"]
