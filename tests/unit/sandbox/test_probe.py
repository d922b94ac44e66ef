from __future__ import annotations

import os
import signal
from pathlib import Path

from nsrunner.sandbox import probe


def test_a_child_that_succeeds_fails_and_dies() -> None:
    assert probe.in_child(lambda: None) is None
    assert probe.in_child(lambda: os.rmdir("/no/such")) == "No such file or directory"
    assert probe.in_child(lambda: 1 / 0) == "ZeroDivisionError: division by zero"  # type: ignore[arg-type,return-value]  # it never returns
    assert probe.in_child(lambda: os.kill(os.getpid(), signal.SIGKILL)) == "the probing child was killed"


def test_cgroup_needs_a_directory(tmp_path: Path) -> None:
    assert probe.cgroup(str(tmp_path)) is None
    assert not list(tmp_path.iterdir())
    assert "No such file or directory" in (probe.cgroup(str(tmp_path / "missing")) or "")


def test_an_overlay_leaves_nothing(tmp_path: Path) -> None:
    probe.overlay(str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_no_such_link() -> None:
    assert probe.dummy_link("nosuchkind") is not None
