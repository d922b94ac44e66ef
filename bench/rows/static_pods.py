"""Static pods: a manifest that is renamed into the directory, and one that is removed from it."""

from __future__ import annotations

import json
import os
import select
import tempfile
from pathlib import Path
from statistics import median

from bench.daemons import PODS_PATH, Daemon, daemon, is_ready
from bench.measure import boottime, quantile
from bench.peers import Peers
from bench.pods import install_programs, pod
from bench.rows import Row

__all__ = ["measure"]

RUNS = 60
NODE = "bench"


class _Manifest:
    """One file that comes and goes."""

    def __init__(self, served: Daemon, manifests: Path, name: str, root: Path) -> None:
        self._served = served
        self._name = f"{name}-{NODE}"
        self._path = manifests / f"{name}.json"
        self._fresh = served.root / "fresh"
        self._fresh.write_text(json.dumps(pod(name, root, ["/bin/leaves"])))

    def appears(self) -> float:
        """Seconds until the program began."""
        began = boottime()
        self._fresh.rename(self._path)
        self._served.until({self._name}, is_ready)
        return self._stamp() - began

    def goes(self) -> float:
        """Seconds until the process is gone."""
        pidfd = os.pidfd_open(self._pid())
        try:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            began = boottime()
            self._path.unlink()
            assert poll.poll(20_000), "the process has not ended"
            took = boottime() - began
            self._served.until_gone(self._name)  # what is left to be done does not slow the next start
            return took
        finally:
            os.close(pidfd)

    def _stamp(self) -> float:
        with self._served.client() as client:
            answer = client.checked(
                client.request("GET", f"{PODS_PATH}/{self._name}/log", query={"follow": "true", "tailLines": "1"})
            )
            return int(next(answer.lines())) / 1e9

    def _pid(self) -> int:
        """Of the only process of this program: what came before it is gone."""
        found = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_ours(entry)]
        (only,) = found
        return int(only.name)


def _is_ours(process: Path) -> bool:
    try:
        return (process / "cmdline").read_bytes() == b"/bin/leaves\0"
    except OSError:
        return False


def measure(peers: Peers) -> list[Row]:
    install_programs(peers.root)
    starts, ends = [], []
    with (
        tempfile.TemporaryDirectory(prefix="nsr-bench-") as directory,
        daemon(staticPodPath=directory, hostnameOverride=NODE) as served,
    ):
        for at in range(5 + RUNS):
            manifest = _Manifest(served, Path(directory), f"static-{at}", peers.root)
            starts.append(manifest.appears())
            ends.append(manifest.goes())
    return [
        _row("static manifest renamed in to the first instruction of its program", starts[5:], 15, {}),
        _row("static manifest removed to the end of its process (which ends at TERM)", ends[5:], 10, {}),
    ]


def _row(figure: str, times: list[float], target: float, anchors: dict[str, float]) -> Row:
    note = f"{RUNS} pods; 95 % within {quantile(times, 0.95) * 1e3:.1f} ms"
    return Row(
        figure=f"{figure}, median", value=median(times) * 1e3, unit="ms", target=target, peers=anchors, note=note
    )
