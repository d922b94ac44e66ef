"""Probes of real pods: every mechanism, for every purpose, from inside the pod's own network (kubelet-semantics 14)."""

from __future__ import annotations

import os
import select
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nsrunner import Pod, PodEvent
from probed_server import GRPC, HTTP, SWITCH, TCP, server, up
from real_pods import Manifest, next_event, pod, start, status_of, terminated

MECHANISMS: dict[str, tuple[Manifest, str]] = {
    "exec": (
        {"exec": {"command": ["sh", "-c", "test -e /tmp/well || { echo unwell; exit 1; }"]}},
        "unwell\n",
    ),
    "http": ({"httpGet": {"port": "web", "path": "/healthz"}}, "HTTP probe failed with statuscode: 503"),
    "tcp": ({"tcpSocket": {"port": TCP}}, f"dial tcp 192.0.2.1:{TCP}: connect: connection refused"),
    "grpc": ({"grpc": {"port": GRPC}}, 'service unhealthy (responded with "NOT_SERVING")'),
}
PORTS = [{"name": "web", "containerPort": HTTP}]


def probed(*containers: Manifest, period_ms: int = 50, **spec: Any) -> Manifest:
    """A pod whose probes are made as often as this."""
    manifest = pod(*containers, **spec)
    manifest["metadata"]["annotations"] = {
        f"nsrunner.dev/probe-period-ms.{container['name']}.{type}": str(period_ms)
        for container in containers
        for type in ("startup", "readiness", "liveness")
        if f"{type}Probe" in container
    }
    return manifest


def unhealthy(events: Iterator[PodEvent], message: str) -> None:
    """Waits for a probe that fails so. (Before, the server may not have been up.)"""
    seen = []
    for event in events:
        if event.reason == "Unhealthy":
            if event.message == message:
                return
            seen.append(event.message)
    raise AssertionError(f"not among {seen}")


POLICIES = ["Always", "OnFailure", "Never"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_readiness(mechanism: str, policy: str) -> None:
    """13, 14.5: it never kills, whatever the policy, and follows the container both ways."""
    probe, message = MECHANISMS[mechanism]
    container = server(ports=PORTS, readinessProbe={**probe, "failureThreshold": 1})
    with start(probed(container, restartPolicy=policy)) as running:
        events = up(running)
        unhealthy(events, f"Readiness probe failed: {message}")
        assert not status_of(running, "main").ready
        running.exec("main", SWITCH)
        running.wait("Ready", timeout=20)
        running.exec("main", SWITCH)
        running.wait("condition=Ready=False", timeout=20)
        assert status_of(running, "main").restart_count == 0


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_liveness(mechanism: str, policy: str) -> None:
    """6.3, 10: the container is ended in order, and started again unless the policy is Never."""
    probe, message = MECHANISMS[mechanism]
    until_it_listens = {"tcpSocket": {"port": GRPC}, "failureThreshold": 1000}
    container = server(ports=PORTS, startupProbe=until_it_listens, livenessProbe={**probe, "failureThreshold": 3})
    manifest = probed(container, restartPolicy=policy, terminationGracePeriodSeconds=10)
    with start(manifest) as running:
        events = running.events()
        unhealthy(events, f"Liveness probe failed: {message}")
        killing = next_event(events, "Killing")
        if policy == "Never":
            assert killing.message.startswith("Container main failed liveness probe")
            running.wait("Failed", timeout=20)
        else:
            assert killing.message == "Container main failed liveness probe, will be restarted"
            next_event(events, "Started")
            state = status_of(running, "main").last_state
            assert status_of(running, "main").restart_count >= 1
            assert state is not None and state.terminated is not None
            assert state.terminated.exit_code == 7
        if policy == "Never":
            assert terminated(running).exit_code == 7


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_startup(mechanism: str) -> None:
    """14.2.8, 14.4: until it has succeeded nothing else is probed, then it is never probed again."""
    probe, message = MECHANISMS[mechanism]
    container = server(
        ports=PORTS,
        startupProbe={**probe, "failureThreshold": 10000},
        readinessProbe={"exec": {"command": ["touch", "/tmp/asked"]}},
    )
    with start(probed(container)) as running:
        events = up(running)
        unhealthy(events, f"Startup probe failed: {message}")
        assert status_of(running, "main").started is False
        assert running.exec("main", ["test", "-e", "/tmp/asked"]).exit_code == 1
        running.exec("main", SWITCH)
        running.wait("Ready", timeout=20)
        assert status_of(running, "main").started is True
        running.exec("main", SWITCH)
        assert running.exec("main", ["test", "-e", "/tmp/asked"]).exit_code == 0


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_container_that_does_not_start_up(mechanism: str, policy: str) -> None:
    """6.3, 30.1: it is ended, and started again unless the policy is Never; it never was started."""
    probe, message = MECHANISMS[mechanism]
    container = server(ports=PORTS, startupProbe={**probe, "failureThreshold": 8})
    manifest = probed(container, period_ms=250, restartPolicy=policy, terminationGracePeriodSeconds=10)
    with start(manifest) as running:
        events = running.events()
        unhealthy(events, f"Startup probe failed: {message}")
        again = "" if policy == "Never" else ", will be restarted"
        assert next_event(events, "Killing").message == f"Container main failed startup probe{again}"
        if policy == "Never":
            running.wait("Failed", timeout=20)
            assert terminated(running).exit_code == 7
            return
        next_event(events, "Started")
        status = status_of(running, "main")
        assert status.last_state is not None and status.last_state.terminated is not None
        assert (status.started, status.last_state.terminated.exit_code) == (False, 7)
        assert status.restart_count >= 1


def test_a_hung_probe_delays_no_other_and_ends_with_its_time() -> None:
    """14.7: the words of a timeout; two probes of one container are two."""
    container = server(
        livenessProbe={"httpGet": {"port": HTTP, "path": "/hang"}, "failureThreshold": 1000},
        readinessProbe={"httpGet": {"port": HTTP}},
    )
    with start(probed(container)) as running:
        up(running)
        running.exec("main", SWITCH)
        running.wait("Ready", timeout=20)
        words = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        unhealthy(running.events(), f'Liveness probe failed: Get "http://192.0.2.1:80/hang": {words}')


def test_redirects() -> None:
    """14.7: within the host they are followed; to another one it is success, with a warning."""
    container = server(
        startupProbe={"httpGet": {"port": HTTP, "path": "/away"}, "failureThreshold": 1000},
        readinessProbe={"httpGet": {"port": HTTP, "path": "/within"}},
    )
    with start(probed(container)) as running:
        events = running.events()
        warning = next_event(events, "ProbeWarning")
        assert warning.message == "Startup probe warning: Probe terminated redirects, Response body: gone"
        unhealthy(events, "Readiness probe failed: HTTP probe failed with statuscode: 503")
        running.exec("main", SWITCH)
        running.wait("Ready", timeout=20)
        assert "GET /other\n" in running.logs()


def test_a_server_on_loopback_alone_is_unready() -> None:
    """Design, section 6: probes go to the pod's address, as on a cluster."""
    container = server(
        env=[{"name": "LISTEN", "value": "127.0.0.1"}], readinessProbe={"httpGet": {"port": HTTP}}
    )  # fmt: skip
    refused = 'Get "http://192.0.2.1:80/": dial tcp 192.0.2.1:80: connect: connection refused'
    with start(probed(container)) as running:
        unhealthy(up(running), f"Readiness probe failed: {refused}")


def test_nothing_is_needed_in_the_image(tmp_path: Path) -> None:
    """A container that is one static program: it is probed all the same."""
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    busybox = Path("/usr/bin/busybox")
    if not busybox.exists():
        pytest.skip("needs a static busybox")
    (root / "bin/httpd").write_bytes(busybox.read_bytes())
    (root / "bin/httpd").chmod(0o755)
    for directory in (tmp_path, root, root / "bin"):
        directory.chmod(0o755)
    container = {
        "name": "main",
        "image": f"rootfs:{root}",
        "command": ["/bin/httpd", "-f", "-p", "8080", "-h", "/bin"],
        "readinessProbe": {"httpGet": {"port": 8080, "path": "/httpd"}},
    }
    with start(probed(container)) as running:
        running.wait("Ready", timeout=20)


@pytest.mark.needs_tool("openssl")
def test_a_certificate_that_nobody_believes(tmp_path: Path) -> None:
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=nobody.invalid"
    )
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    program = """
import http.server, os, signal, ssl
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
server = http.server.ThreadingHTTPServer(("", 443), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tls/cert.pem", "/tls/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
    container = {
        "name": "main",
        "image": "host",
        "command": ["/usr/bin/python3", "-c", program],
        "volumeMounts": [{"name": "tls", "mountPath": "/tls"}],
        "readinessProbe": {"httpGet": {"port": 443, "scheme": "HTTPS"}},
    }
    tmp_path.chmod(0o755)
    with start(probed(container, volumes=[{"name": "tls", "hostPath": {"path": str(tmp_path)}}])) as running:
        running.wait("Ready", timeout=20)


def test_with_the_hosts_network() -> None:
    """14.8: such pods are probed on the host's address."""
    with socket.socket() as sock:
        sock.bind(("", 0))
        port = sock.getsockname()[1]
    program = f"import http.server as h; h.test(h.SimpleHTTPRequestHandler, h.ThreadingHTTPServer, port={port})"
    container = {
        "name": "main",
        "image": "host",
        "command": ["/usr/bin/python3", "-c", program],
        "readinessProbe": {"httpGet": {"port": port}},
    }
    with start(probed(container, hostNetwork=True)) as running:
        running.wait("Ready", timeout=20)


def processes_of(running: Pod, word: str) -> list[int]:
    """All that runs in the pod's only container and has this word in its command line."""
    namespace = os.readlink(f"/proc/{running.pid()}/ns/pid")
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "ns/pid") == namespace and word.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # it ended
    return found


def ends(pid: int) -> bool:
    """A process that was killed may take its time to die."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], 5)[0])
    finally:
        os.close(fd)


def test_a_command_that_takes_too_long_goes_with_all_that_it_started() -> None:
    """14.8, and design section 9: not its first process only."""
    command = ["sh", "-c", "setsid sleep 4321 & sleep 4321"]
    probe = {"exec": {"command": command}, "timeoutSeconds": 1, "failureThreshold": 1000}
    with start(probed(server(startupProbe=probe), period_ms=60000)) as running:
        words = 'command timed out: "sh -c setsid sleep 4321 & sleep 4321" timed out after 1s'
        unhealthy(running.events(), f"Startup probe failed: {words}")
        assert all(ends(pid) for pid in processes_of(running, "4321"))


def test_what_a_command_writes_is_cut() -> None:
    """14.8: ten kibibytes, of both streams together."""
    probe = {
        "exec": {"command": ["sh", "-c", "head -c 9000 /dev/zero | tr '\\0' a; head -c 9000 /dev/zero >&2; exit 1"]}
    }
    with start(probed(server(readinessProbe=probe))) as running:
        event = next_event(running.events(), "Unhealthy")
        text = event.message.removeprefix("Readiness probe failed: ")
        assert len(text) == 10240 or len(event.message) == 1024  # the API's limit of an event's message
        assert text.startswith("a" * 1000)


def test_a_command_that_is_not_there_says_nothing_of_the_container() -> None:
    """14.2.9, 14.6, 33.23: neither success nor failure."""
    container = server(livenessProbe={"exec": {"command": ["nosuch"]}, "failureThreshold": 1})
    with start(probed(container)) as running:
        events = running.events()
        event = next_event(events, "Unhealthy")
        assert event.message.startswith("Liveness probe errored and resulted in unknown state: ")
        assert 'exec: "nosuch": executable file not found in $PATH' in event.message
        assert status_of(running, "main").restart_count == 0
        running.wait("Ready", timeout=20)
