"""Pods that come and go: what of the daemon grows with them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bench.daemons import PODS_PATH, Daemon, daemon, is_ready
from bench.measure import memory_of
from bench.peers import Peers
from bench.pods import install_programs, pod
from bench.rows import Row

__all__ = ["measure"]

CYCLES = 2000
WARM = 500
"""Cycles before the first look: what is kept on purpose, the last changes and events, is full by then."""
AT_ONCE = 10


class _State:
    """What could grow."""

    def __init__(self, served: Daemon) -> None:
        process = Path(f"/proc/{served.pid}")
        self.descriptors = len(os.listdir(process / "fd"))
        self.mounts = len((process / "mountinfo").read_text().splitlines())
        self.memory = memory_of(served.pid)[1]


def _cycles(served: Daemon, root: Path, numbers: range) -> None:
    """Each pod is created, becomes Ready, is deleted with its grace period and is gone."""
    with served.client() as watcher, served.client() as client:
        changes = watcher.checked(watcher.request("GET", PODS_PATH, query={"watch": "true"})).lines()
        for start in range(numbers.start, numbers.stop, AT_ONCE):
            names = {f"pod-{at}" for at in range(start, start + AT_ONCE)}
            for name in sorted(names):
                client.call("POST", PODS_PATH, body=pod(name, root, ["/bin/leaves"]))
            while names:
                event = json.loads(next(changes))
                name = event["object"]["metadata"]["name"]
                if event["type"] == "DELETED":
                    names.discard(name)
                elif is_ready(event["object"]) and "deletionTimestamp" not in event["object"]["metadata"]:
                    client.call("DELETE", f"{PODS_PATH}/{name}")


def measure(peers: Peers) -> list[Row]:
    install_programs(peers.root)
    with daemon() as served:
        _cycles(served, peers.root, range(WARM))
        before = _State(served)
        _cycles(served, peers.root, range(WARM, CYCLES))
        after = _State(served)
    what = f"{CYCLES - WARM} pods created and deleted after {WARM} others"
    return [
        Row(
            figure=f"{what}: growth of the daemon's private memory",
            value=(after.memory / before.memory - 1) * 100,
            unit="%",
            target=5,
            note=f"{before.memory / 1e6:.1f} to {after.memory / 1e6:.1f} MB",
        ),
        Row(figure=f"{what}: more descriptors", value=after.descriptors - before.descriptors, unit="fds", target=0),
        Row(figure=f"{what}: more mounts", value=after.mounts - before.mounts, unit="mounts", target=0),
    ]
