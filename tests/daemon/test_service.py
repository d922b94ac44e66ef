"""A daemon as its administrator and its service manager see it: real processes, real sockets."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

from real_daemon import SECONDS, RealDaemon
from real_daemon import daemon as daemon

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "c", "image": "host", "command": ["sleep", "1000"]}],
    },
}


def nsrunner(daemon: RealDaemon, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nsrunner", *words]
    environment = {**daemon.environ, **environ}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, cwd="/")


def https(daemon: RealDaemon, path: str, *, token: str = "", certificate: bool = False) -> tuple[int, str]:
    """Code and body."""
    pki = f"{daemon.roots.state}/pki"
    context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
    if certificate:
        context.load_cert_chain(f"{pki}/admin.crt", f"{pki}/admin.key")
    import http.client

    connection = http.client.HTTPSConnection("127.0.0.1", daemon.port, context=context, timeout=SECONDS)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_who_is_let_in_over_tls(daemon: RealDaemon) -> None:
    token = Path(f"{daemon.roots.state}/pki/admin.token").read_text().strip()
    account = daemon.call("POST", "/namespaces/default/serviceaccounts/default/token", {})["status"]["token"]
    assert https(daemon, "/api/v1/pods")[0] == 401
    assert https(daemon, "/api/v1/pods", token="x")[0] == 401
    assert https(daemon, "/readyz") == (200, "ok")
    assert https(daemon, "/api/v1/pods", token=token)[0] == 200
    assert https(daemon, "/api/v1/pods", certificate=True)[0] == 200
    assert https(daemon, "/api", token=account)[0] == 200
    code, body = https(daemon, "/api/v1/pods", token=account)
    assert (code, json.loads(body)["reason"]) == (403, "Forbidden")
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=SECONDS) as plain:
        plain.sendall(b"GET /api/v1/pods HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            assert not plain.recv(1).startswith(b"H")
        except ConnectionResetError:
            pass


def test_the_socket_is_roots_even_for_those_who_get_at_it(daemon: RealDaemon) -> None:
    program = """
import os, socket, sys
client = socket.socket(socket.AF_UNIX)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    client.connect(sys.argv[1])
except PermissionError:
    print("refused")
else:
    client.sendall(b"GET /api/v1/pods HTTP/1.0\\r\\n\\r\\n")
    print(client.recv(99).split()[1].decode())
"""
    path = f"{daemon.roots.run}/api.sock"
    command = [sys.executable, "-c", program, path]
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert subprocess.run(command, capture_output=True, text=True, timeout=SECONDS).stdout == "refused\n"
    for parent in [path, *map(str, Path(path).parents)]:
        if parent.startswith(str(daemon.root)):
            os.chmod(parent, 0o777)
    for parent in daemon.root.parents:
        if not os.stat(parent).st_mode & 0o001:
            os.chmod(parent, os.stat(parent).st_mode | 0o001)
    assert subprocess.run(command, capture_output=True, text=True, timeout=SECONDS).stdout == "401\n"


def test_a_second_daemon_is_refused(daemon: RealDaemon) -> None:
    done = nsrunner(daemon, "daemon", "--config", str(daemon.config))
    pid = daemon.process.pid
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"nsrunner: {daemon.roots.run}: another daemon (pid {pid}) serves there\n"


def test_a_bad_configuration_is_told_with_its_path(daemon: RealDaemon, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("listen: nowhere\nstaticPodPth: /x\n")
    done = nsrunner(daemon, "daemon", "--config", str(bad))
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert 'staticPodPth: Unknown field (did you mean "staticPodPath"?)' in done.stderr
    assert 'listen: Invalid value: "nowhere"' in done.stderr


def test_an_address_that_is_taken(daemon: RealDaemon, tmp_path: Path) -> None:
    done = nsrunner(daemon, "daemon", "--config", str(daemon.config), NSRUNNER_ROOT=str(tmp_path / "other"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"nsrunner: listen: 127.0.0.1:{daemon.port}: Address already in use"


def test_draining_ends_the_pods_and_the_daemon(daemon: RealDaemon) -> None:
    daemon.call("POST", "/namespaces/default/pods", POD)
    done = nsrunner(daemon, "daemon", "--config", str(daemon.config), "--drain")
    assert (done.returncode, done.stderr) == (0, "nsrunner daemon: the daemon ends its pods\n")
    assert daemon.process.wait(SECONDS) == 0
    assert os.listdir(f"{daemon.roots.run}/pods") == []
    daemon.start()
    assert daemon.call("GET", "/pods")["items"] == []


def test_draining_when_none_runs(daemon: RealDaemon) -> None:
    daemon.call("POST", "/namespaces/default/pods", POD)
    daemon.stop()
    assert "1 pod goes on without it" in daemon.log[-1]
    done = nsrunner(daemon, "daemon", "--config", str(daemon.config), "--drain")
    assert done.returncode == 0 and done.stderr.endswith("nsrunner daemon: ended, and no pod is left\n")
    assert os.listdir(f"{daemon.roots.run}/pods") == []


def test_the_machines_shutdown_ends_processes_and_keeps_pods(daemon: RealDaemon) -> None:
    daemon.stop()
    daemon.config.write_text(
        daemon.config.read_text()
        + "shutdownGracePeriod: 20s\nshutdownGracePeriodCriticalPods: 5s\nshutdownDetection: term\n"
    )
    daemon.start()
    daemon.call("POST", "/namespaces/default/pods", POD)
    assert daemon.stop() == 0
    assert os.listdir(f"{daemon.roots.run}/pods") == []
    daemon.config.write_text(daemon.config.read_text().replace("shutdownDetection: term", "shutdownDetection: systemd"))
    daemon.start()
    (pod,) = daemon.call("GET", "/pods")["items"]
    assert "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] in ("Pending", "Running")
    assert len(os.listdir(f"{daemon.roots.run}/pods")) == 1


def test_metrics_and_pods(daemon: RealDaemon) -> None:
    daemon.call("POST", "/namespaces/default/pods", POD)
    code, text = https(daemon, "/metrics", certificate=True)
    assert code == 200 and 'apiserver_request_total{verb="POST",resource="pods",code="201"} 1\n' in text
    code, text = https(daemon, "/pods", certificate=True)
    assert (code, [pod["metadata"]["name"] for pod in json.loads(text)["items"]]) == (200, ["web"])
    assert https(daemon, "/readyz?verbose") == (200, "[+]store ok\n[+]journal ok\nreadyz check passed\n")


def test_sockets_and_messages_of_the_service_manager(daemon: RealDaemon, tmp_path: Path) -> None:
    """As systemd starts it, and stops it."""
    daemon.stop()
    os.unlink(f"{daemon.roots.run}/api.sock")  # of the one before
    script = 'exec 3<&"$0" 4<&"$1"; export LISTEN_PID=$$ LISTEN_FDS=2; shift; exec "$@"'
    with (
        socket.socket(socket.AF_UNIX) as unix,
        socket.create_server(("127.0.0.1", 0)) as inet,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        unix.bind(f"{tmp_path}/given.sock")
        unix.listen()
        manager.bind(f"{tmp_path}/notify")
        manager.settimeout(SECONDS)
        command = [sys.executable, "-m", "nsrunner", "daemon", "--config", str(daemon.config)]
        environ = {**daemon.environ, "NOTIFY_SOCKET": f"{tmp_path}/notify", "WATCHDOG_USEC": "60000000"}
        started: Any = subprocess.Popen(
            ["bash", "-c", script, str(unix.fileno()), str(inet.fileno()), *command],
            env=environ,
            pass_fds=[unix.fileno(), inet.fileno()],
            stdin=subprocess.DEVNULL,
            cwd="/",
        )
        with started, contextlib.ExitStack() as stack:
            stack.callback(started.kill)
            assert manager.recv(999).startswith(b"READY=1\nSTATUS=0 pods\nMAINPID=")
            assert manager.recv(999) == b"WATCHDOG=1"
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(f"{tmp_path}/given.sock")
                client.sendall(b"GET /api/v1/nodes HTTP/1.0\r\n\r\n")
                assert client.recv(99).startswith(b"HTTP/1.0 200 OK")
            assert not os.path.exists(f"{daemon.roots.run}/api.sock")
            daemon.port = inet.getsockname()[1]
            assert https(daemon, "/readyz") == (200, "ok")
            started.send_signal(signal.SIGTERM)
            assert manager.recv(999) == b"STOPPING=1"
            assert started.wait(SECONDS) == 0
        assert os.path.exists(f"{tmp_path}/given.sock")
