from __future__ import annotations

import os
import socket
import threading

import pytest

from nsrunner.cli.parser import Misuse
from nsrunner.cli.pods import RunningPod
from nsrunner.cli.port_forward import Forwarder, _pair
from nsrunner.errors import UsageError
from nsrunner.sandbox.state import RegisteredPod, Roots, this_process

_PATHS = Roots().pod_paths("default", "web", "u")
POD = RunningPod(
    RegisteredPod(uid="u", namespace="default", name="web", owner=this_process(), paths=_PATHS, cgroup=""),
    {"spec": {"containers": [{"name": "a", "ports": [{"name": "http", "containerPort": 80}]}]}},
)


def test_pairs() -> None:
    assert _pair("80", POD) == (80, 80)
    assert _pair("8080:http", POD) == (8080, 80)
    assert _pair(":80", POD) == (0, 80)
    for bad in ("x:80", "70000:80", "0", "70000"):
        with pytest.raises(Misuse):
            _pair(bad, POD)
    with pytest.raises(UsageError):
        _pair("nope", POD)


def test_bytes_go_both_ways_and_ends_are_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    read, write = os.pipe()
    forwarder = Forwarder(-1, read, lambda: True)
    forwarder.listen(["127.0.0.1"], _pair(f":{server.getsockname()[1]}", POD))
    port = int(capsys.readouterr().out.split(":")[1].split()[0])
    thread = threading.Thread(target=forwarder.run)
    thread.start()
    sent = os.urandom(3 << 20)  # more than the buffers hold
    with server, socket.create_connection(("127.0.0.1", port)) as client:
        inside, _ = server.accept()
        with inside:
            sender = threading.Thread(target=lambda: (client.sendall(sent), client.shutdown(socket.SHUT_WR)))
            sender.start()
            got = b""
            while data := inside.recv(1 << 16):
                got += data
            sender.join()
            assert got == sent
            inside.sendall(b"answer")
        assert client.makefile("rb").read() == b"answer"
    os.write(write, b"x")
    thread.join(30)
    assert not thread.is_alive()
    os.close(read)
    os.close(write)
