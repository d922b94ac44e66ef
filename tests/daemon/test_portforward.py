"""``pods/portforward`` of a real daemon, by the clients that people have."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import kubernetes.client
import kubernetes.config
import kubernetes.stream
import pytest

import real_pods
from kubectls import environ, streams
from kubectls import kubectl as kubectl
from nsrunner.api.client import Refused
from real_daemon import SECONDS, RealDaemon, free_port
from real_daemon import daemon as daemon

FORWARD = "/namespaces/default/pods/web/portforward"
ECHO = """
import socket, threading
def serve(connection):
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)
with socket.create_server(("127.0.0.1", 8080)) as server:
    print("ready", flush=True)
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],)).start()
"""


@pytest.fixture
def web(daemon: RealDaemon) -> RealDaemon:
    """A pod that sends back what comes to its port 8080."""
    daemon.create(real_pods.pod(real_pods.container("main", os.path.realpath(sys.executable), "-c", ECHO), name="web"))
    with daemon.client() as client:
        answer = client.checked(client.request("GET", f"/api/v1{FORWARD[:-11]}log", query={"follow": "true"}))
        assert next(answer.lines()) == b"ready"
    return daemon


@contextmanager
def forwarded(web: RealDaemon, websockets: str, port: int = 8080) -> Iterator[int]:
    """A port of ours that kubectl forwards."""
    local = free_port()
    process = subprocess.Popen(
        web.kubectl_command("port-forward", "web", f"{local}:{port}"),
        env={**os.environ, **environ(websockets)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert re.match("Forwarding from 127.0.0.1", line := process.stdout.readline()), line
        yield local
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)


def exchanged(connection: Any, data: bytes) -> bytes:
    """What comes back of data that is sent at once, up to the end."""
    connection.settimeout(SECONDS)
    connection.sendall(data)
    back = b""
    while len(back) < len(data) and (piece := connection.recv(65536)):
        back += piece
    return back


@streams
def test_kubectl_port_forward(web: RealDaemon, websockets: str) -> None:
    data = os.urandom(200_000)
    with forwarded(web, websockets) as port:
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
        try:
            for connection in connections:
                assert exchanged(connection, data) == data
        finally:
            for connection in connections:
                connection.close()
        with socket.create_connection(("127.0.0.1", port)) as again:
            assert exchanged(again, b"again") == b"again"


@streams
def test_a_port_on_which_nobody_listens(web: RealDaemon, websockets: str) -> None:
    with forwarded(web, websockets, 9) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(SECONDS)
        assert connection.recv(1) == b""


def test_channels(web: RealDaemon) -> None:
    for protocol in ("v4.channel.k8s.io", ""):
        with web.websocket(FORWARD, [protocol] if protocol else [], "ports=8080&ports=9") as channels:
            messages = [channels.recv() for _ in range(5)]
            assert messages[:4] == [bytes((number,)) + struct.pack("<H", [8080, 9][number // 2]) for number in range(4)]
            assert messages[4].startswith(b"\x03error forwarding port 9 to pod ")
            assert messages[4].endswith(b"connection refused")
            channels.send_binary(b"\x00hello")
            assert channels.recv() == b"\x00hello"


@pytest.mark.parametrize("asked", ["", "ports=0", "ports=x", "ports=70000"])
def test_what_is_refused(web: RealDaemon, asked: str) -> None:
    for headers in ({}, {"Upgrade": "websocket", "Connection": "Upgrade"}):
        with pytest.raises(Refused) as caught, web.client() as client:
            client.checked(client.request("GET", f"/api/v1{FORWARD}?{asked}", headers=headers))
        assert caught.value.code == 400


@pytest.mark.filterwarnings("ignore:unclosed <:ResourceWarning")  # its own
def test_the_python_client(web: RealDaemon) -> None:
    configuration = kubernetes.client.Configuration()
    kubernetes.config.load_kube_config(str(web.kubeconfig), client_configuration=configuration)
    with kubernetes.client.ApiClient(configuration) as client:
        api = kubernetes.client.CoreV1Api(client)
        forward = kubernetes.stream.portforward(
            api.connect_get_namespaced_pod_portforward, "web", "default", ports="8080"
        )
        with contextlib.closing(forward.socket(8080)) as connection:
            assert exchanged(connection, b"hello") == b"hello"
