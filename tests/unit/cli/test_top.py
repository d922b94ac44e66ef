from __future__ import annotations

import os
from typing import Any

import pytest

from nsrunner.cli import usage
from nsrunner.cli.main import main
from nsrunner.cli.top import probes


def test_of_the_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "node", "--interval", "10ms"]) == 0
    titles, row = capsys.readouterr().out.splitlines()
    assert titles.split()[0] == "NAME"
    assert row.split()[1].endswith("m")
    assert main(["top", "foo"]) == 2


def test_usage() -> None:
    used = usage.usage_of([os.getpid(), 1 << 30])
    assert used[os.getpid()].memory > 1 << 20
    assert used[os.getpid()].cpu > 0
    assert used[1 << 30] == usage.Usage(0.0, 0)
    assert usage.node_usage().cpus >= 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"state": {"running": {}}, "started": True, "ready": True}, "ok"),
        ({"state": {"running": {}}, "started": True, "ready": False}, "waits: readiness (a)"),
        ({"state": {"running": {}}, "started": False, "ready": False}, "waits: startup (a)"),
        ({"state": {"waiting": {}}}, "-"),
    ],
)
def test_probes(status: dict[str, Any], expected: str) -> None:
    container = {"name": "a", "startupProbe": {}, "readinessProbe": {"exec": {}}}
    container["startupProbe"] = {"exec": {}}
    pod = {"spec": {"containers": [container]}, "status": {"containerStatuses": [{"name": "a", **status}]}}
    assert probes(pod) == expected
