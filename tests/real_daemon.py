"""A real ``nsrunner daemon`` with a root of its own, and the ways to reach it: the fixture ``daemon``.

Import the fixture where it is used: ``from real_daemon import RealDaemon, daemon as daemon``. The tests belong below a
directory whose tests are checked for what they leave (``conftest.REAL``).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import websocket

from nsrunner.api.client import Client, NoDaemon, Refused
from nsrunner.errors import SandboxError
from nsrunner.sandbox import client as shim_client
from nsrunner.sandbox.state import Roots, registered
from nsrunner.sandbox.sweep import remove_pod

READY = "nsrunner daemon: ready"
SECONDS = 60.0
"""For what is a matter of milliseconds on an idle machine."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class RealDaemon:
    """A daemon that was started and is ready. It, and each process that it starts, is a descendant of the test."""

    def __init__(self, root: Path, **configuration: Any) -> None:
        """``configuration``: keys of the configuration file, as they are there; a value is written as YAML."""
        self.root = root
        self.port = free_port()
        self.roots = Roots.from_environment({"NSRUNNER_ROOT": str(root)})
        self.config = root / "config.yaml"
        settings = {"listen": f"127.0.0.1:{self.port}", "imageFallback": "host", **configuration}
        self.config.write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
        self._kubeconfig: Path | None = None
        self.kubectl_program: Path | None = None
        self.log: list[str] = []
        """What all its processes have said, line by line."""
        self.process: subprocess.Popen[str]
        self.start()

    # --- its process --------------------------------------------------------------------------------------------------

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "NSRUNNER_ROOT": str(self.root)}

    def start(self) -> None:
        """Starts it (again). Returns when it is ready."""
        command = [sys.executable, "-m", "nsrunner", "daemon", "--config", str(self.config)]
        self.process = subprocess.Popen(
            command, env=self.environ, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/"
        )
        ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self.process, ready))
        self._reader.start()
        assert ready.wait(SECONDS), self.log
        assert self.process.poll() is None, self.log

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self.log.append(line.rstrip("\n"))
                if line.startswith(READY):
                    ready.set()
        ready.set()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends the daemon, not its pods: with TERM as an administrator, with KILL as fate does. Its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        return code

    def restart(self, number: int = signal.SIGTERM) -> None:
        self.stop(number)
        self.start()

    def end(self) -> None:
        """Ends the daemon and all pods, whatever state they are in."""
        if self.process.poll() is None:
            self.stop()
        for pod in registered(self.roots):
            try:
                with shim_client.Client(pod.paths.run, controller=True) as shim:
                    shim.remove_pod()
            except SandboxError:
                pass  # it has no shim, or no more
            remove_pod(pod)

    # --- its clients --------------------------------------------------------------------------------------------------

    def client(self) -> Client:
        """On the unix socket, for one request after the other."""
        return Client(f"{self.roots.run}/api.sock")

    def call(self, method: str, path: str, body: object = None, **query: object) -> dict[str, Any]:
        """One request for an object; ``path`` without ``/api/v1``. Raises Refused."""
        with self.client() as client:
            return client.call(method, f"/api/v1{path}", body=body, query=query)

    @contextlib.contextmanager
    def websocket(self, path: str, protocols: Sequence[str] = (), query: str = "") -> Iterator[websocket.WebSocket]:
        """On the unix socket; ``path`` without ``/api/v1``."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(f"{self.roots.run}/api.sock")
            url = f"ws://localhost/api/v1{path}{query and '?'}{query}"
            yield websocket.create_connection(url, subprotocols=list(protocols) or None, socket=connection)

    @property
    def kubeconfig(self) -> Path:
        if self._kubeconfig is None:
            self._kubeconfig = self.root / "kubeconfig"
            self.nsrunner("kubeconfig", "--config", str(self.config), "--output", str(self._kubeconfig))
        return self._kubeconfig

    def nsrunner(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """The command itself; a failure is an error unless ``check`` is False."""
        return self._run([sys.executable, "-m", "nsrunner", *arguments], self.environ, **options)

    def kubectl(self, *arguments: str, env: dict[str, str] | None = None, **options: Any) -> Any:
        """The same with kubectl, which keeps its caches in the root."""
        return self._run(self.kubectl_command(*arguments), {**os.environ, **(env or {})}, **options)

    def kubectl_command(self, *arguments: str) -> list[str]:
        """For a test that has the fixture ``kubectl`` of kubectls.py, which says which one."""
        assert self.kubectl_program is not None
        kubeconfig, cache = str(self.kubeconfig), str(self.root / "cache")
        return [str(self.kubectl_program), "--kubeconfig", kubeconfig, "--cache-dir", cache, *arguments]

    @staticmethod
    def _run(command: list[str], environ: dict[str, str], **options: Any) -> subprocess.CompletedProcess[Any]:
        options = {"text": True, "check": True, "timeout": SECONDS, **options}
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        result = subprocess.run(command, env=environ, capture_output=True, **{**options, "check": False})
        if options["check"] and result.returncode != 0:
            raise AssertionError(f"{command}: {result.returncode}\n{result.stdout}\n{result.stderr}")
        return result

    # --- pods ---------------------------------------------------------------------------------------------------------

    def create(self, pod: dict[str, Any], *, until: str = "Running", namespace: str = "default") -> dict[str, Any]:
        """Creates a pod and waits for a phase, or for a condition (``Ready``). Returns it as it is then."""
        created = self.call("POST", f"/namespaces/{namespace}/pods", pod)
        return self.wait(created["metadata"]["name"], until, namespace=namespace) if until else created

    def wait(self, name: str, until: str, *, namespace: str = "default") -> dict[str, Any]:
        """Waits, by a watch, for a phase or a condition of a pod, or for ``deleted``. Returns what it is then."""
        path, one = f"/namespaces/{namespace}/pods", f"metadata.name={name}"
        there = self.call("GET", path, fieldSelector=one)
        if until == "deleted" and not there["items"]:
            return {}
        if there["items"] and _is(there["items"][0].get("status") or {}, until):
            return dict(there["items"][0])
        for event in self.watch(path, fieldSelector=one, resourceVersion=there["metadata"]["resourceVersion"]):
            pod: dict[str, Any] = event["object"]
            if event["type"] == "DELETED":
                if until == "deleted":
                    return pod
                raise AssertionError(f"pod {name} is gone: {pod['status']}")
            status = pod.get("status") or {}
            if _is(status, until):
                return pod
            assert until == "deleted" or status.get("phase") not in ("Succeeded", "Failed"), status
        raise AssertionError(f"pod {name} was not {until} within {SECONDS} s: {self.call('GET', f'{path}/{name}')}")

    def watch(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """Events for at most SECONDS; without a resourceVersion the present objects come as ADDED first."""
        with self.client() as client:
            query = {"watch": "true", "timeoutSeconds": int(SECONDS), **query}
            answer = client.checked(client.request("GET", f"/api/v1{path}", query=query, timeout=None))
            for line in answer.lines():
                yield json.loads(line)

    def delete(self, name: str, *, grace: int = 0, namespace: str = "default") -> None:
        """Returns when nothing of the pod is left."""
        with contextlib.suppress(Refused):
            self.call("DELETE", f"/namespaces/{namespace}/pods/{name}", gracePeriodSeconds=str(grace))
            self.wait(name, "deleted", namespace=namespace)


def _is(status: dict[str, Any], wanted: str) -> bool:
    conditions = status.get("conditions") or ()
    return status.get("phase") == wanted or any(
        each["type"] == wanted and each["status"] == "True" for each in conditions
    )


@contextlib.contextmanager
def running(root: Path, **configuration: Any) -> Iterator[RealDaemon]:
    """Within the block a daemon runs; after it nothing is left but the directory, which is the caller's."""
    started = RealDaemon(root, **configuration)
    try:
        yield started
    finally:
        started.end()
        left = [str(path) for each in ("run/pods", "lib/pods", "log/pods") for path in (root / each).glob("*")]
    assert not left, "left behind:\n" + "\n".join(left)


@pytest.fixture
def daemon(nothing_left: None) -> Iterator[RealDaemon]:
    """A daemon for one test, on the root that ``nothing_left`` made and checks."""
    root = Path(os.environ["NSRUNNER_ROOT"])
    with running(root) as started:
        yield started
    for entry in root.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


__all__ = ["READY", "SECONDS", "NoDaemon", "RealDaemon", "Refused", "daemon", "free_port", "running"]
