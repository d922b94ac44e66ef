"""Whole commands that ask the daemon, beside podman's and kubectl's."""

from __future__ import annotations

import subprocess

from bench.daemons import daemon
from bench.measure import command_seconds
from bench.peers import Peers
from bench.pods import pod
from bench.rows import Row

__all__ = ["measure"]

PODS = 20
RUNS = 15


def measure(peers: Peers) -> list[Row]:
    with daemon(tls=True) as served, peers.podman_containers(PODS) as names:
        served.create([pod(f"pod-{at}", peers.root, ["/bin/sleep", "1000"]) for at in range(PODS)])
        kubectl = served.kubectl()

        def seconds(*command: str) -> float:
            return command_seconds(command, runs=RUNS, env=served.environ) * 1e3

        get = seconds(*served.program, "get", "pods")
        by_kubectl = seconds(*kubectl, "get", "pods")
        ps = command_seconds(peers.podman("ps"), runs=RUNS, env=peers.env) * 1e3
        execute = seconds(*served.program, "exec", "pod-0", "--", "/bin/true")
        podman_exec = command_seconds(peers.podman("exec", names[0], "/bin/true"), runs=RUNS, env=peers.env) * 1e3
    version = subprocess.run(["kubectl", "version", "--client"], capture_output=True, text=True, timeout=60).stdout
    number = version.splitlines()[0].split()[-1]
    return [
        Row(
            figure=f"`nsrunner get pods`, {PODS} pods, whole command, median",
            value=get,
            unit="ms",
            target=ps,
            peers={"podman ps": ps, f"kubectl {number} (this daemon)": by_kubectl},
        ),
        Row(
            figure="`nsrunner exec POD -- true`, whole command, median",
            value=execute,
            unit="ms",
            target=60,
            peers={"podman exec": podman_exec},
        ),
    ]
