"""A daemon with a root of its own, and how its clients time what it does."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.measure import memory_of, parent
from nsrunner.api.client import Client
from nsrunner.sandbox.state import Roots, noted_shim, registered

__all__ = ["PODS_PATH", "Daemon", "daemon", "is_ready"]

PODS_PATH = "/api/v1/namespaces/default/pods"
_SECONDS = 120.0


class Daemon:
    """One that is ready."""

    def __init__(self, root: Path, process: subprocess.Popen[str], config: Path) -> None:
        self.root = root
        self.roots = Roots.from_environment({"NSRUNNER_ROOT": str(root)})
        self.pid = process.pid
        self.config = config
        self.environ = {**os.environ, "NSRUNNER_ROOT": str(root)}
        self.program = [str(Path(sys.executable).with_name("nsrunner"))]

    def client(self) -> Client:
        return Client(f"{self.root}/run/api.sock")

    def kubectl(self) -> list[str]:
        """The start of kubectl's command line; the daemon has to be one that listens."""
        file = self.root / "kubeconfig"
        if not file.exists():
            make = [*self.program, "kubeconfig", "--config", str(self.config), "--output", str(file)]
            subprocess.run(make, env=self.environ, check=True, timeout=_SECONDS)
        return ["kubectl", "--kubeconfig", str(file), "--cache-dir", str(self.root / "cache")]

    def create(self, manifests: list[dict[str, Any]]) -> None:
        """Creates pods and waits until each is Ready."""
        with self.client() as client:
            for each in manifests:
                client.call("POST", PODS_PATH, body=each)
        self.until({each["metadata"]["name"] for each in manifests}, is_ready)

    def until(self, names: set[str], holds: Callable[[dict[str, Any]], bool]) -> None:
        """Waits until that has been true of each of these pods."""
        missing = set(names)
        with self.client() as client:
            answer = client.checked(client.request("GET", PODS_PATH, query={"watch": "true"}))
            for line in answer.lines():
                event = json.loads(line)
                if event["object"]["metadata"]["name"] in missing and holds(event["object"]):
                    missing.discard(event["object"]["metadata"]["name"])
                if not missing:
                    return

    def until_gone(self, name: str) -> None:
        """Waits until the API shows a pod no more."""
        with self.client() as client:
            query: dict[str, object] = {"fieldSelector": f"metadata.name={name}"}
            there = client.call("GET", PODS_PATH, query=query)
            if not there["items"]:
                return
            query |= {"watch": "true", "resourceVersion": there["metadata"]["resourceVersion"]}
            for line in client.checked(client.request("GET", PODS_PATH, query=query)).lines():
                if json.loads(line)["type"] == "DELETED":
                    return

    def delete_all(self) -> None:
        """Ends all pods at once, and waits until nothing is left of them."""
        with self.client() as client:
            client.call("DELETE", PODS_PATH, query={"gracePeriodSeconds": "0"})

    def helpers(self) -> list[int]:
        """All that stands between this daemon and its containers: shims, and the pauses that are their children."""
        owners = map(noted_shim, (each.paths.run for each in registered(self.roots)))
        mine = {owner.pid for owner in owners if owner is not None}
        pauses = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "comm").read_text().strip() == "pause":
                    pauses[int(entry.name)] = parent(int(entry.name))
            except OSError:
                continue  # it has just ended
        return [*mine, *(pid for pid, parent in pauses.items() if parent in mine)]

    def memory(self) -> tuple[float, float]:
        """PSS and USS of the daemon and its helpers, in MB."""
        parts = [memory_of(pid) for pid in (self.pid, *self.helpers())]
        return sum(pss for pss, _ in parts) / 1e6, sum(uss for _, uss in parts) / 1e6


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


@contextmanager
def daemon(*, tls: bool = False, **configuration: object) -> Iterator[Daemon]:
    """Runs one within the block; its pods end with it. ``configuration``: what its file says, each value as YAML."""
    root = Path(tempfile.mkdtemp(prefix="nsr-bench-"))
    try:
        settings: dict[str, object] = {"imageFallback": "host", **configuration}
        if tls:
            settings["listen"] = f"127.0.0.1:{_free_port()}"
        config = root / "config.yaml"
        config.write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
        environ = {**os.environ, "NSRUNNER_ROOT": str(root)}
        command = [sys.executable, "-m", "nsrunner", "daemon", "--config", str(config)]
        log = (root / "daemon.log").open("w")
        with log, subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            while "ready" not in (line := process.stderr.readline()):
                assert line, "the daemon has not started"
                print(line, end="", file=sys.stderr)
            rest = subprocess.Popen(["cat"], stdin=process.stderr, stdout=log)  # so that it never waits for us
            try:
                yield Daemon(root, process, config)
            finally:
                subprocess.run([*command, "--drain"], env=environ, check=True, timeout=_SECONDS, stderr=log)
                process.wait(_SECONDS)
                rest.wait(_SECONDS)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
