"""How soon a daemon that is started anew has taken over the pods that the one before it left.

``python -m bench adoption`` measures it alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bench.rows import Row
from nsrunner.api.client import Client

__all__ = ["measure"]

PODS = 200
TIMES = 5
_SECONDS = 60.0
_PODS = "/api/v1/namespaces/default/pods"


class _Daemon:
    def __init__(self, root: str) -> None:
        self.root = root
        config = Path(root, "config.yaml")
        config.write_text("imageFallback: host\nlogLevel: warning\n")
        self.command = [sys.executable, "-m", "nsrunner", "daemon", "--config", str(config)]
        self.environ = {**os.environ, "NSRUNNER_ROOT": root}
        self.process: subprocess.Popen[str]

    def start(self) -> float:
        """Seconds from its call until it is ready: by then it knows how all its pods are."""
        began = time.perf_counter()
        self.process = subprocess.Popen(self.command, env=self.environ, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        while "ready" not in (line := self.process.stderr.readline()):
            assert line, "the daemon has not started"
        return time.perf_counter() - began

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def drain(self) -> None:
        done = subprocess.run([*self.command, "--drain"], env=self.environ, timeout=_SECONDS, stderr=subprocess.DEVNULL)
        self.process.communicate(timeout=_SECONDS)
        assert done.returncode == 0

    def client(self) -> Client:
        return Client(f"{self.root}/run/api.sock")

    def until_all(self, so: Callable[[dict[str, Any]], bool]) -> None:
        """Returns when a watch has shown each pod so."""
        left = {f"pod-{at}" for at in range(PODS)}
        with self.client() as client:
            query = {"watch": "true", "timeoutSeconds": int(_SECONDS)}
            for line in client.checked(client.request("GET", _PODS, query=query)).lines():
                object = json.loads(line)["object"]
                if so(object):
                    left.discard(object["metadata"]["name"])
                if not left:
                    return
        raise AssertionError(f"{len(left)} pods are not so")


def _pod(name: str) -> dict[str, Any]:
    container = {"name": "c", "image": "host", "command": ["sleep", "1000"]}
    spec = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def _runs(object: dict[str, Any]) -> bool:
    containers = (object.get("status") or {}).get("containerStatuses") or ()
    return any("running" in each["state"] and not each["restartCount"] for each in containers)


def measure(peers: object = None) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="nsr-bench-") as root:
        daemon = _Daemon(root)
        alone = median(_restarted(daemon) for _ in range(TIMES))
        daemon.start()
        try:
            with daemon.client() as client:
                for at in range(PODS):
                    client.call("POST", _PODS, body=_pod(f"pod-{at}"))
            daemon.until_all(_runs)
            daemon.kill()
            times = [_restarted(daemon) for _ in range(TIMES)]
            daemon.start()
            daemon.until_all(_runs)
        finally:
            if daemon.process.poll() is not None:
                daemon.start()
            daemon.drain()
    return [
        Row(
            figure=f"a daemon killed and started again over {PODS} pods, call to ready (median of {TIMES})",
            value=median(times) * 1e3,
            unit="ms",
            target=1000,
            note=f"without pods {alone * 1e3:.0f} ms",
        )
    ]


def _restarted(daemon: _Daemon) -> float:
    seconds = daemon.start()
    daemon.kill()
    return seconds
