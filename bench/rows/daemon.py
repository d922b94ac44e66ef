"""The daemon: what it takes of memory with 20 pods, and how soon a pod that is posted is Ready.

``python -c "from bench.rows.daemon import measure; print(*measure(), sep=chr(10))"`` measures it alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import pss_bytes
from bench.rows import Row
from nsrunner.api.client import Client

__all__ = ["measure"]

PODS = 20
POSTS = 30
COMMANDS = 15
_SECONDS = 60.0


@contextlib.contextmanager
def _daemon(root: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Its pid and environment, with a root of its own; its pods are ended with it."""
    config = Path(root, "config.yaml")
    config.write_text("imageFallback: host\n")
    environ = {**os.environ, "NSRUNNER_ROOT": root}
    command = [sys.executable, "-m", "nsrunner", "daemon", "--config", str(config)]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "ready" not in (line := process.stderr.readline()):
            assert line, "the daemon has not started"
        try:
            yield process.pid, environ
        finally:
            subprocess.run([*command, "--drain"], env=environ, check=True, timeout=_SECONDS, stderr=subprocess.DEVNULL)
            process.wait(_SECONDS)


def _pod(name: str) -> dict[str, Any]:
    container = {"name": "c", "image": "host", "command": ["sleep", "1000"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }


def _ready(pod: dict[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _until_ready(root: str, name: str) -> float:
    """Seconds from the POST until a watch shows the pod Ready."""
    with Client(f"{root}/run/api.sock") as watcher, Client(f"{root}/run/api.sock") as poster:
        query = {"watch": "true", "fieldSelector": f"metadata.name={name}"}
        changes = watcher.checked(watcher.request("GET", "/api/v1/namespaces/default/pods", query=query))
        start = time.perf_counter()
        poster.call("POST", "/api/v1/namespaces/default/pods", body=_pod(name))
        for line in changes.lines():
            if _ready(json.loads(line)["object"]):
                return time.perf_counter() - start
    raise AssertionError("the watch has ended")


def _whole(words: list[str], environ: dict[str, str]) -> float:
    """Median of a whole command, in milliseconds."""
    taken = []
    for _ in range(COMMANDS):
        start = time.perf_counter()
        subprocess.run(words, env=environ, check=True, stdout=subprocess.DEVNULL, timeout=_SECONDS)
        taken.append(time.perf_counter() - start)
    return median(taken) * 1e3


def _tree(pid: int, root: str) -> float:
    """PSS of the daemon and of all that stands between it and the containers, in MB."""
    helpers = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "comm").read_text().strip() in ("nsrunner-shim", "pause"):
                    helpers.append(int(entry.name))
    return (pss_bytes(pid) + sum(map(pss_bytes, helpers))) / 1e6


def measure(peers: object = None) -> list[Row]:
    program = [str(Path(sys.executable).with_name("nsrunner"))]
    with tempfile.TemporaryDirectory(prefix="nsr-bench-") as root, _daemon(root) as (pid, environ):
        times = [_until_ready(root, f"pod-{at}") for at in range(POSTS)]
        with Client(f"{root}/run/api.sock") as client:
            for at in range(PODS, POSTS):
                path = f"/api/v1/namespaces/default/pods/pod-{at}"
                client.call("DELETE", path, query={"gracePeriodSeconds": 0})
        memory = _tree(pid, root)
        alone = pss_bytes(pid) / 1e6
        get, execute = [*program, "get", "pods"], [*program, "exec", "pod-0", "--", "true"]
        shown, executed = _whole(get, environ), _whole(execute, environ)
    return [
        Row(
            figure=f"daemon with {PODS} pods, shims and pauses (PSS)",
            value=memory,
            unit="MB",
            target=60,
            note=f"the daemon alone {alone:.1f} MB",
        ),
        Row(figure="POST until a watch shows Ready (median)", value=median(times[5:]) * 1e3, unit="ms", target=15),
        Row(figure=f"nsrunner get pods, {PODS} pods, whole command", value=shown, unit="ms", target=68),
        Row(figure="nsrunner exec POD -- true, whole command", value=executed, unit="ms", target=60),
    ]
