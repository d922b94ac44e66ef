"""Who goes first at a shutdown, and how it is known that there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsrunner.daemon.config import Config
from nsrunner.daemon.ending import is_critical, machine_goes_down
from nsrunner.model.types import Container, ObjectMeta, Pod, PodSpec
from nsrunner.model.types.base import Duration
from nsrunner.sources.static import SOURCE


@pytest.mark.parametrize(
    ("source", "priority", "critical"),
    [
        ("", None, False),
        ("api", "high", False),
        ("file", None, True),
        ("http", None, True),
        ("", "system-node-critical", True),
        ("", "system-cluster-critical", True),
    ],
)
def test_critical_pods(source: str, priority: str | None, critical: bool) -> None:
    annotations = {SOURCE: source} if source else {}
    spec = PodSpec(containers=(Container(name="c"),), priority_class_name=priority)
    assert is_critical(Pod(metadata=ObjectMeta(name="a", annotations=annotations), spec=spec)) is critical


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("says", "seconds", "detection", "expected"),
    [
        ("echo stopping; exit 1", 30, "systemd", True),
        ("echo running", 30, "systemd", False),
        ("echo degraded; exit 1", 30, "systemd", False),
        ("echo stopping", 0, "systemd", False),
        ("echo running", 30, "term", True),
        ("echo running", 0, "term", False),
        (None, 30, "systemd", False),
    ],
)
async def test_whether_the_machine_goes_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str | None, seconds: float, detection: str, expected: bool
) -> None:
    if says is not None:
        program = tmp_path / "systemctl"
        program.write_text(f'#!/bin/sh\n[ "$1" = is-system-running ] || exit 9\n{says}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    config = Config(shutdown_grace_period=Duration(seconds), shutdown_detection=detection)
    assert await machine_goes_down(config) is expected
