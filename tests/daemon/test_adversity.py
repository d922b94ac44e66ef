"""A machine that runs out of what a daemon needs: it stays, says so, loses nothing, and goes on by itself."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nsrunner.sandbox import state
from nsrunner.sandbox.state import registered
from real_daemon import SECONDS, RealDaemon, Refused, running
from real_daemon import daemon as daemon
from strace import Fault, Tracer

SIZE = 8 << 20
"""Bytes of the small disk."""
FORKS = ("clone", "clone3", "fork", "vfork")
WRITES = ("pwrite64", "ftruncate", "fsync", "fdatasync")
"""SQLite's."""


def pod(name: str, command: str = "exec sleep inf", **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "host", "command": ["sh", "-c", command]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container], **spec},
    }


def readiness(daemon: RealDaemon) -> str:
    """What /readyz says."""
    with daemon.client() as client:
        return client.request("GET", "/readyz").body().decode()


def node_is(daemon: RealDaemon, ready: str) -> dict[str, Any]:
    """The node's Ready condition, once it has that status."""
    for event in daemon.watch("/nodes"):
        for condition in event["object"]["status"]["conditions"]:
            if (condition["type"], condition["status"]) == ("Ready", ready):
                return dict(condition)
    raise AssertionError(daemon.call("GET", "/nodes"))


def wait_for(daemon: RealDaemon, name: str, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The pod, once its object is so."""
    for event in daemon.watch("/namespaces/default/pods", fieldSelector=f"metadata.name={name}"):
        if event["type"] != "DELETED" and condition(event["object"]):
            return dict(event["object"])
    raise AssertionError(daemon.call("GET", f"/namespaces/default/pods/{name}"))


def container_of(object: dict[str, Any]) -> dict[str, Any]:
    return next(iter((object.get("status") or {}).get("containerStatuses") or ()), {})


def event_of(daemon: RealDaemon, part: str) -> dict[str, Any]:
    """The first event whose message has this in it, be it that it is still to come."""
    for event in daemon.watch("/events"):
        if part in event["object"].get("message", ""):
            return dict(event["object"])
    raise AssertionError(daemon.call("GET", "/events"))


@pytest.fixture
def small(nothing_left: None) -> Iterator[RealDaemon]:
    """A daemon whose /var/lib is a small file system of its own."""
    root = Path(os.environ["NSRUNNER_ROOT"])
    disk = root / "lib"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "nsrunner-test", disk], check=True)
    try:
        with running(root) as started:
            yield started
    finally:
        subprocess.run(["umount", disk], check=True)


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """Not a byte is left within the block."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        with pytest.raises(OSError, match="No space left") as stopped:
            while True:
                file.write(bytes(4096))
        assert stopped.value.errno == errno.ENOSPC
    try:
        yield
    finally:
        ballast.unlink()


def test_a_disk_without_room(small: RealDaemon) -> None:
    crashes = small.create(pod("crashes", "sleep 0.1; exit 5"), until="")
    small.create(pod("stays"))
    with full(small.root / "lib"):
        with pytest.raises(Refused, match="the store cannot be written: database or disk is full") as refused:
            while True:  # the log of the store has some room of its own
                small.call(
                    "POST",
                    "/namespaces/default/configmaps",
                    {"metadata": {"generateName": "big"}, "data": {"a": "x" * 9999}},
                )
        assert refused.value.code == 503
        assert readiness(small).startswith("[-]store failed: database or disk is full\n")
        assert node_is(small, "False")["message"].startswith("store: ")
        assert event_of(small, "what the API is told cannot be stored")["reason"] == "StoreNotWritable"
        begun = container_of(small.call("GET", "/namespaces/default/pods/crashes"))["restartCount"]
        wait_for(small, "crashes", lambda each: container_of(each)["restartCount"] > begun)
        assert small.call("GET", "/namespaces/default/pods/stays")["status"]["phase"] == "Running"
        with pytest.raises(Refused):
            small.create(pod("late"), until="")
    node_is(small, "True")
    assert readiness(small) == "ok"
    small.wait("late", "Running")
    small.restart(signal.SIGKILL)
    assert small.call("GET", "/namespaces/default/pods/crashes")["metadata"]["uid"] == crashes["metadata"]["uid"]
    for name in ("crashes", "stays", "late"):
        small.delete(name)


def test_a_daemon_that_starts_where_there_is_no_room(small: RealDaemon) -> None:
    before = small.create(pod("stays"))
    small.stop(signal.SIGKILL)
    with full(small.root / "lib"):
        small.start()
        after = small.call("GET", "/namespaces/default/pods/stays")
        assert container_of(after) == container_of(before)
    node_is(small, "True")
    small.delete("stays")


@contextlib.contextmanager
def limited(pid: int, what: int, soft: int) -> Iterator[None]:
    """A process's own limit, for a while. What it starts then has it, too."""
    before = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (soft, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, what, before)


def test_no_descriptor_is_left(daemon: RealDaemon) -> None:
    daemon.create(pod("crashes", "sleep 0.1; exit 5"), until="")
    wait_for(daemon, "crashes", lambda each: container_of(each).get("restartCount") == 1)
    stays = daemon.create(pod("stays"))
    pid = daemon.process.pid
    with daemon.client() as client, daemon.client() as watcher:
        client.call("GET", "/api/v1/pods")  # it has been looked at who this is
        query = {"watch": "true", "timeoutSeconds": int(SECONDS), "fieldSelector": "involvedObject.name=late"}
        events = watcher.checked(watcher.request("GET", "/api/v1/events", query=query)).lines()
        with limited(pid, resource.RLIMIT_NOFILE, 3):  # those that it has, it keeps
            late = client.call("POST", "/api/v1/namespaces/default/pods", body=pod("late"))
            told = json.loads(next(events))["object"]
            assert (told["reason"], told["type"]) == ("FailedCreatePodSandBox", "Warning")
            assert "too many open files" in told["message"].lower()
            with daemon.client() as waits:  # the kernel takes the connection, the daemon does not
                waits._socket.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                waits._socket.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    waits._socket.recv(1)
            shown = client.call("GET", "/api/v1/namespaces/default/pods/stays")
            assert container_of(shown) == container_of(stays)
    began = daemon.wait("late", "Running")
    assert began["metadata"]["uid"] == late["metadata"]["uid"]
    for name in ("crashes", "stays", "late"):
        daemon.delete(name)


@pytest.mark.needs_tool("strace")
def test_no_process_can_be_made(daemon: RealDaemon, tmp_path: Path) -> None:
    daemon.create(pod("stays"))
    pid = daemon.process.pid
    tracer = Tracer(pid, tmp_path / "calls", *(Fault(name, 1, "EAGAIN", always=True) for name in FORKS))
    try:
        daemon.create(pod("late"), until="")
        told = event_of(daemon, "resource temporarily unavailable")
        assert told["reason"] == "FailedCreatePodSandBox"
        assert daemon.call("GET", "/namespaces/default/pods/stays")["status"]["phase"] == "Running"
        assert readiness(daemon) == "ok"
    finally:
        tracer.stop()
    daemon.wait("late", "Running")
    assert daemon.process.poll() is None and daemon.process.pid == pid
    for name in ("stays", "late"):
        daemon.delete(name)


@pytest.mark.needs_tool("strace")
def test_a_disk_that_became_read_only(daemon: RealDaemon, tmp_path: Path) -> None:
    """As ext4 does it after an error: what is open for writing cannot be written any more either."""
    daemon.create(pod("stays"))
    late = {"metadata": {"name": "late"}, "data": {"a": "b"}}
    tracer = Tracer(daemon.process.pid, tmp_path / "calls", *(Fault(name, 1, "EROFS", always=True) for name in WRITES))
    try:
        with pytest.raises(Refused, match="the store cannot be written") as refused:
            daemon.call("POST", "/namespaces/default/configmaps", late)
        assert refused.value.code == 503
        assert readiness(daemon).startswith("[-]store failed: ")
        assert event_of(daemon, "what the API is told cannot be stored")["reason"] == "StoreNotWritable"
        assert daemon.call("GET", "/namespaces/default/pods/stays")["status"]["phase"] == "Running"
    finally:
        tracer.stop()
    node_is(daemon, "True")
    assert readiness(daemon) == "ok"
    daemon.restart(signal.SIGKILL)
    assert daemon.call("GET", "/namespaces/default/configmaps/late")["data"] == {"a": "b"}
    daemon.delete("stays")


def test_a_shim_that_does_not_answer(daemon: RealDaemon) -> None:
    """It is stopped while no daemon runs, and while one does."""
    before = daemon.create(pod("web", "trap 'exit 3' TERM; while :; do sleep 0.05; done"))
    daemon.create(pod("other"))
    daemon.stop(signal.SIGKILL)
    (shim,) = [state.noted_shim(each.paths.run) for each in registered(daemon.roots) if each.name == "web"]
    assert shim is not None
    os.kill(shim.pid, signal.SIGSTOP)
    try:
        daemon.start()
        assert daemon.call("GET", "/namespaces/default/pods/other")["status"]["phase"] == "Running"
        unknown = wait_for(daemon, "web", lambda each: each["status"]["phase"] == "Unknown")
        assert "does not answer" in unknown["status"]["message"]
        assert container_of(unknown) == container_of(before)
        assert "Unknown" in daemon.nsrunner("get", "pod", "web").stdout
        assert event_of(daemon, "does not answer")["reason"] == "ShimNotResponding"
    finally:
        os.kill(shim.pid, signal.SIGCONT)
    again = wait_for(daemon, "web", lambda each: each["status"]["phase"] == "Running")
    assert container_of(again) == container_of(before)
    os.kill(shim.pid, signal.SIGSTOP)
    try:
        daemon.call("DELETE", "/namespaces/default/pods/web", gracePeriodSeconds="30")
        wait_for(daemon, "web", lambda each: each["status"]["phase"] == "Unknown")
    finally:
        os.kill(shim.pid, signal.SIGCONT)
    daemon.wait("web", "deleted")
    daemon.delete("other")


def test_term_in_the_middle_of_starts_and_ends(daemon: RealDaemon) -> None:
    names = [f"pod-{number}" for number in range(12)]
    for first in range(0, 12, 4):
        for name in names[first : first + 4]:
            daemon.create(pod(name, terminationGracePeriodSeconds=1), until="")
        for name in names[max(0, first - 4) : max(0, first - 2)]:
            daemon.call("DELETE", f"/namespaces/default/pods/{name}", gracePeriodSeconds="1")
        assert daemon.stop(signal.SIGTERM) == 0
        assert re.fullmatch(r"nsrunner daemon: ended; \d+ pods go on without it", daemon.log[-1]), daemon.log[-1]
        daemon.start()
    gone = {*names[0:2], *names[4:6]}
    for name in names:
        shown = daemon.wait(name, "deleted" if name in gone else "Running")
        assert name in gone or container_of(shown)["restartCount"] == 0
    assert {each.name for each in registered(daemon.roots)} == {*names} - gone
    said = daemon.nsrunner("delete", "pods", "--all", "--all-namespaces").stdout
    assert said.count("deleted") == len(names) - len(gone)
    assert not registered(daemon.roots)
