"""A daemon with many more pods than a kubelet has: their start, a list of them, and what they cost at rest."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.daemons import PODS_PATH, Daemon, daemon, is_ready
from bench.measure import process_seconds, quantile
from bench.peers import Peers
from bench.pods import pod
from bench.rows import Row
from nsrunner.sandbox.state import noted_shim, registered

__all__ = ["measure"]

PODS = 500
POSTERS = 4
LISTS = 300
IDLE_SECONDS = 20.0


def _post(served: Daemon, manifests: list[dict[str, object]]) -> None:
    with served.client() as client:
        for each in manifests:
            client.call("POST", PODS_PATH, body=each)


def _start(served: Daemon, root: Path) -> float:
    """Seconds from the first POST until a watch has shown every pod Ready."""
    manifests = [pod(f"pod-{at}", root, ["/bin/sleep", "1000"]) for at in range(PODS)]
    began = time.perf_counter()
    with ThreadPoolExecutor() as threads:
        posting = [threads.submit(_post, served, manifests[at::POSTERS]) for at in range(POSTERS)]
        served.until({each["metadata"]["name"] for each in manifests}, is_ready)
        took = time.perf_counter() - began
        for each in posting:
            each.result()
    return took


def _lists(served: Daemon) -> list[float]:
    """Seconds of each, until the last byte of its answer is there."""
    times = []
    with served.client() as client:
        for _ in range(LISTS):
            began = time.perf_counter()
            client.request("GET", PODS_PATH).body()
            times.append(time.perf_counter() - began)
    return times


def _cpu(served: Daemon) -> float:
    shims = [owner.pid for each in registered(served.roots) if (owner := noted_shim(each.paths.run)) is not None]
    return sum(map(process_seconds, (served.pid, *shims)))


def _idle(served: Daemon) -> float:
    """Per cent of a core: the daemon and all shims."""
    time.sleep(5)  # what follows the start, statuses and events, is written
    began, before = time.perf_counter(), _cpu(served)
    time.sleep(IDLE_SECONDS)
    return (_cpu(served) - before) / (time.perf_counter() - began) * 100


def measure(peers: Peers) -> list[Row]:
    with daemon() as served:
        started = _start(served, peers.root)
        listed = _lists(served)
        idle = _idle(served)
        served.delete_all()
    return [
        Row(figure=f"{PODS} pods: first POST until all are Ready", value=started, unit="s", target=10),
        Row(
            figure=f"list of {PODS} pods, whole answer, 99 % within",
            value=quantile(listed, 0.99) * 1e3,
            unit="ms",
            target=50,
            note=f"{LISTS} lists; median {quantile(listed, 0.5) * 1e3:.1f} ms",
        ),
        Row(
            figure=f"{PODS} pods at rest, CPU of the daemon and its shims, of one core",
            value=idle,
            unit="%",
            target=1,
            note=f"measured for {IDLE_SECONDS:.0f} s",
        ),
    ]
