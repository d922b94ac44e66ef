"""The verbs against a real daemon with a real pod."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import real_pods
from real_daemon import RealDaemon
from real_daemon import daemon as daemon

SCRIPT = "echo hello; echo 'served here' > /tmp/index.html; exec python3 -m http.server 8099 --bind 127.0.0.1 -d /tmp"


def test_reaching_into_a_pod(daemon: RealDaemon, tmp_path: Path) -> None:
    daemon.create(real_pods.pod(name="web"), until="Running")
    assert daemon.nsrunner("wait", "pod/web", "--for=jsonpath={.status.phase}=Running").returncode == 0
    assert "Running" in daemon.nsrunner("describe", "pod", "web").stdout
    assert "Started" in daemon.nsrunner("events", "--for", "pod/web").stdout
    assert "web" in daemon.nsrunner("top", "pods", "--interval=10ms").stdout
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_text("there and back")
    daemon.nsrunner("cp", str(tmp_path / "d"), "web:/tmp/copied")
    daemon.nsrunner("cp", "web:/tmp/copied", str(tmp_path / "back"))
    assert (tmp_path / "back/f").read_text() == "there and back"
    daemon.nsrunner("label", "pod", "web", "a=b")
    assert daemon.nsrunner("logs", "-l", "a=b", "--all-containers", "--prefix").returncode == 0
    shown = daemon.nsrunner("debug", "web", "--image=host", "-i", "--", "echo", "from inside")
    assert shown.stdout == "from inside\n"
    daemon.nsrunner("delete", "pod", "web", "--now")
    assert daemon.nsrunner("get", "pods").stdout == ""


def test_attach_and_port_forward(daemon: RealDaemon) -> None:
    pod = real_pods.pod(name="web")
    pod["spec"]["containers"][0]["command"] = ["sh", "-c", SCRIPT]
    probe = {"exec": {"command": ["sh", "-c", "grep -q :1FA3 /proc/net/tcp"]}, "periodSeconds": 1}
    pod["spec"]["containers"][0]["readinessProbe"] = probe
    daemon.create(pod, until="Ready")
    command = [sys.executable, "-m", "nsrunner", "port-forward", "web", ":8099"]
    with subprocess.Popen(command, env=daemon.environ, stdout=subprocess.PIPE, text=True) as forward:
        assert forward.stdout is not None
        line = forward.stdout.readline()
        port = line.split(":")[1].split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            assert answer.read() == b"served here\n"
        forward.send_signal(signal.SIGINT)
        assert forward.wait(30) == 130
    command = [sys.executable, "-m", "nsrunner", "attach", "web"]
    with subprocess.Popen(command, env=daemon.environ, stdout=subprocess.PIPE) as attached:
        daemon.nsrunner("delete", "pod", "web", "--now")
        assert attached.wait(30) in (0, 1)
    assert os.listdir(daemon.roots.run + "/pods") == []
