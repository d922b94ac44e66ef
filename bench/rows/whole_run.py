"""The whole command: ``nsrunner run`` of a pod whose container exits at once."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from bench.measure import command_seconds
from bench.peers import Peers
from bench.pods import pod
from bench.rows import Row

__all__ = ["measure", "nsrunner"]


def nsrunner() -> str:
    """The command of this Python's environment."""
    beside = Path(sys.executable).with_name("nsrunner")
    return str(beside) if beside.exists() else shutil.which("nsrunner") or "nsrunner"


def measure(peers: Peers) -> list[Row]:
    manifest = peers.directory / "once.json"
    manifest.write_text(json.dumps(pod("once", peers.root, ["/bin/true"])))
    ours = command_seconds([nsrunner(), "run", str(manifest)], runs=21)
    podman = peers.podman_run(11)
    return [
        Row(
            figure="whole `nsrunner run` of a pod whose container exits at once, median",
            value=ours * 1e3,
            unit="ms",
            target=podman * 1e3,
            peers={"podman run": podman * 1e3},
        )
    ]
