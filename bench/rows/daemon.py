"""The daemon: what it takes of memory with 20 pods, and how soon a pod that is posted is Ready."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median

from bench.daemons import PODS_PATH, Daemon, daemon, is_ready
from bench.measure import memory_of, quantile
from bench.peers import Peers
from bench.pods import pod
from bench.rows import Row

__all__ = ["measure"]

PODS = 20
POSTS = 60


def _until_ready(served: Daemon, name: str, root: Path) -> float:
    """Seconds from the POST until a watch shows the pod Ready."""
    with served.client() as watcher, served.client() as poster:
        query = {"watch": "true", "fieldSelector": f"metadata.name={name}"}
        changes = watcher.checked(watcher.request("GET", PODS_PATH, query=query))
        start = time.perf_counter()
        poster.call("POST", PODS_PATH, body=pod(name, root, ["/bin/sleep", "1000"]))
        for line in changes.lines():
            if is_ready(json.loads(line)["object"]):
                return time.perf_counter() - start
    raise AssertionError("the watch has ended")


def measure(peers: Peers) -> list[Row]:
    with daemon() as served:
        served.create([pod(f"pod-{at}", peers.root, ["/bin/sleep", "1000"]) for at in range(PODS)])
        pss, uss = served.memory()
        alone = memory_of(served.pid)[0] / 1e6
        times = [_until_ready(served, f"posted-{at}", peers.root) for at in range(5 + POSTS)][5:]
    return [
        Row(
            figure=f"daemon with {PODS} pods, shims and pauses (PSS)",
            value=pss,
            unit="MB",
            target=60,
            note=f"USS {uss:.1f} MB; the daemon alone {alone:.1f} MB",
        ),
        Row(
            figure="POST to a watch that shows the pod Ready, one container, median",
            value=median(times) * 1e3,
            unit="ms",
            target=15,
            note=f"{POSTS} pods; 95 % within {quantile(times, 0.95) * 1e3:.1f} ms",
        ),
    ]
