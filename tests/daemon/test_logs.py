"""``pods/log`` of a real daemon, by the clients that people have."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import real_pods
from kubectls import kubectl as kubectl
from nsrunner.api.client import Refused
from real_daemon import SECONDS, RealDaemon
from real_daemon import daemon as daemon

LOG = "/namespaces/default/pods/web/log"


def text(daemon: RealDaemon, path: str = LOG, **query: object) -> str:
    with daemon.client() as client:
        return client.checked(client.request("GET", f"/api/v1{path}", query=query)).body().decode()


def refused(daemon: RealDaemon, path: str = LOG, **query: object) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        text(daemon, path, **query)
    return caught.value.code, str(caught.value.status["message"])


def test_parts_of_a_log(daemon: RealDaemon) -> None:
    script = "for i in 1 2 3 4 5; do echo line $i; done; echo wrong >&2; printf rest"
    daemon.create(real_pods.pod(real_pods.shell("main", script), name="web"), until="Succeeded")
    lines = [f"line {number}\n" for number in range(1, 6)]
    whole = text(daemon)
    assert sorted(whole.splitlines()) == sorted("".join([*lines, "wrong\n", "rest"]).splitlines())
    assert text(daemon, stream="Stdout") == "".join(lines) + "rest"
    assert text(daemon, stream="Stderr") == "wrong\n"
    assert text(daemon, tailLines="0") == ""
    assert len(text(daemon, tailLines="2").splitlines()) == 2
    assert text(daemon, limitBytes="8", stream="Stdout") == "line 1\nl"
    assert text(daemon, sinceTime="2099-01-01T00:00:00Z") == ""
    assert text(daemon, sinceSeconds="3600") == whole
    stamped = text(daemon, timestamps="true", stream="Stdout").splitlines()
    assert [line.partition(" ")[2] for line in stamped] == [*"".join(lines).splitlines(), "rest"]
    assert all(line[:2] == "20" and line.partition(" ")[0].endswith("Z") for line in stamped)
    assert text(daemon, follow="true") == whole, "it has ended: there is nothing to wait for"


def test_what_is_refused(daemon: RealDaemon) -> None:
    daemon.create(real_pods.pod(real_pods.container("main"), name="web"))
    daemon.create(real_pods.pod(real_pods.container("a"), real_pods.container("b"), name="two"), until="Running")
    assert refused(daemon, container="other") == (400, "container other is not valid for pod web")
    assert refused(daemon, previous="true") == (400, 'previous terminated container "main" in pod "web" not found')
    assert refused(daemon, LOG.replace("web", "two")) == (
        400,
        "a container name must be specified for pod two, choose one of: [a b]",
    )
    assert refused(daemon, LOG.replace("web", "none")) == (404, 'pods "none" not found')
    assert refused(daemon, tailLines="-1")[0] == 422
    assert refused(daemon, tailLines="x")[0] == 400
    assert refused(daemon, sinceSeconds="0")[0] == 422
    assert refused(daemon, sinceTime="yesterday")[0] == 400
    assert refused(daemon, stream="Both")[0] == 422
    assert refused(daemon, sinceSeconds="1", sinceTime="2026-01-01T00:00:00Z")[0] == 422


def test_a_container_that_waits(daemon: RealDaemon) -> None:
    hold = real_pods.container("hold")
    daemon.create(real_pods.pod(name="web", initContainers=[hold]), until="")
    for event in daemon.watch("/namespaces/default/pods"):
        states = event["object"].get("status", {}).get("initContainerStatuses") or [{}]
        if "running" in states[0].get("state", {}):
            break
    assert refused(daemon, container="main") == (
        400,
        'container "main" in pod "web" is waiting to start: PodInitializing',
    )


@pytest.fixture
def gate(daemon: RealDaemon) -> Path:
    """A FIFO that a container with :func:`gated` reads."""
    path = daemon.root / "gate" / "fifo"
    path.parent.mkdir()
    os.mkfifo(path)
    return path


def gated(gate: Path, script: str, **spec: Any) -> dict[str, Any]:
    """A pod whose script finds the FIFO at /gate/fifo."""
    mount = [{"name": "gate", "mountPath": "/gate"}]
    volume = {"name": "gate", "hostPath": {"path": str(gate.parent)}}
    return real_pods.pod(real_pods.shell("main", script, volumeMounts=mount), name="web", volumes=[volume], **spec)


def test_following_and_the_instance_before(daemon: RealDaemon, gate: Path) -> None:
    """A follower sees what is written from now on, and the end; the next instance is another log."""
    daemon.create(gated(gate, "echo begun; cat /gate/fifo; exit 3", restartPolicy="OnFailure"))
    with daemon.client() as client:
        answer = client.checked(client.request("GET", f"/api/v1{LOG}", query={"follow": "true"}, timeout=SECONDS))
        lines = answer.lines()
        assert next(lines) == b"begun"
        gate.write_text("ended\n")
        assert list(lines) == [b"ended"]
    for event in daemon.watch("/namespaces/default/pods"):
        status = event["object"]["status"]["containerStatuses"][0]
        if "terminated" in status.get("lastState", {}):
            break
    assert text(daemon, previous="true") == "begun\nended\n"


def test_a_follower_that_goes_is_forgotten(daemon: RealDaemon, gate: Path) -> None:
    """Nothing is written any more: that it went is noticed by itself."""
    daemon.create(gated(gate, "echo begun; cat /gate/fifo"))
    fds = f"/proc/{daemon.process.pid}/fd"
    with daemon.client() as client:
        client.checked(client.request("GET", "/healthz"))
        before = len(os.listdir(fds))
    clients = [daemon.client() for _ in range(10)]
    for client in clients:
        answer = client.checked(client.request("GET", f"/api/v1{LOG}", query={"follow": "true"}))
        assert next(answer.lines()) == b"begun"
    assert len(os.listdir(fds)) >= before + 20
    for client in clients:
        client.close()
    until(lambda: len(os.listdir(fds)) <= before)
    gate.write_text("")


def until(condition: Callable[[], bool]) -> None:
    """For what has no event: what another process holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("protocol", "decode"), [("binary.k8s.io", bytes), ("base64.binary.k8s.io", base64.b64decode), ("", bytes)]
)
def test_as_messages_of_a_websocket(daemon: RealDaemon, protocol: str, decode: Callable[[bytes], bytes]) -> None:
    daemon.create(real_pods.pod(real_pods.shell("main", "seq 20000"), name="web"), until="Succeeded")
    data = b""
    with daemon.websocket(LOG, [protocol] if protocol else []) as socket:
        assert socket.subprotocol == (protocol or None)
        while message := socket.recv():
            data += decode(message if isinstance(message, bytes) else message.encode())
    assert data == b"".join(b"%d\n" % number for number in range(1, 20001))


@pytest.mark.usefixtures("kubectl")
def test_kubectl_logs(daemon: RealDaemon, gate: Path) -> None:
    daemon.create(gated(gate, "echo begun; cat /gate/fifo; echo $(date) >&2"))
    follower = subprocess.Popen(
        daemon.kubectl_command("logs", "-f", "web"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert follower.stdout is not None
    with follower.stdout:
        assert follower.stdout.readline() == "begun\n"
        gate.write_text("and ended\n")
        assert follower.stdout.readline() == "and ended\n"
        assert follower.wait(SECONDS) == 0
    assert daemon.kubectl("logs", "web", "--tail=3").stdout.startswith("begun\nand ended\n")
    failed = daemon.kubectl("logs", "web", "-c", "other", check=False)
    assert failed.returncode == 1
    assert "container other is not valid for pod web" in failed.stderr
