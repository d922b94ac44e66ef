"""A run that was recorded can be played again: the same events give the same states."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kernel.cli_driver import nsrunner

CRASHING = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "crashing", "annotations": {"nsrunner.dev/probe-period-ms.web.readiness": "50"}},
    "spec": {
        "terminationGracePeriodSeconds": 5,
        "initContainers": [{"name": "init", "image": "host", "command": ["true"]}],
        "containers": [
            {
                "name": "web",
                "image": "host",
                "command": ["sh", "-c", "test -e /tmp/again || { touch /tmp/again; exit 3; }; sleep 100"],
                "readinessProbe": {"exec": {"command": ["true"]}},
                "lifecycle": {"preStop": {"exec": {"command": ["true"]}}},
            }
        ],
    },
}
SIMPLE = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "simple"},
    "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "host", "command": ["true"]}]},
}


@pytest.mark.parametrize("pod", [CRASHING, SIMPLE], ids=lambda pod: str(pod["metadata"]["name"]))
def test_a_real_run_is_played_again(pod: dict[str, object], tmp_path: Path) -> None:
    manifest, recording = tmp_path / "pod.json", tmp_path / "run.json"
    manifest.write_text(json.dumps(pod))
    done = nsrunner("run", str(manifest), "--record", str(recording), "--timeout", "2s")
    assert done.returncode == (124 if pod is CRASHING else 0), done.stderr
    replayed = nsrunner("simulate", "--replay", str(recording), "-o", "json")
    assert (replayed.returncode, replayed.stderr) == (0, "")
    assert json.loads(replayed.stdout) == json.loads(recording.read_text())
    table = nsrunner("simulate", "--replay", str(recording)).stdout
    assert "the run has ended" in table
    if pod is CRASHING:
        assert "exit code 3" in table and "web: " in table and "ready" in table
