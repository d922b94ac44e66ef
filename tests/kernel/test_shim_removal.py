"""Removing what containers have left while the pod goes on: in a process of its own, which is held up here."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from raw_shim import CLIENT, Peer, Shim
from shim_pod import Pod, shim_of
from stalled import stalled

FILES = "mkdir -p /tree/a/b && cd /tree && seq 20000 | xargs touch a/b/x && echo made"
"""20,000 files in a container's writable layer."""


@pytest.fixture
def pod() -> Pod:
    return Pod(Path(os.environ["NSRUNNER_ROOT"]))


@pytest.fixture
def shim(pod: Pod) -> Iterator[Shim]:
    with shim_of(pod) as running:
        yield running


@pytest.fixture
def peer(shim: Shim) -> Iterator[Peer]:
    controller = Peer(shim.path)
    controller.socket.settimeout(60)  # a busy disk
    yield controller
    controller.close()


def layers(pod: Pod, name: str) -> Path:
    return pod.state / "containers" / pod.id(name)


def remove_pod(pod: Pod, shim: Shim, peer: Peer) -> None:
    assert peer.call("REMOVE_POD").kind == "OK"
    assert shim.wait() == 0
    assert pod.left() == []


def about(pod: Pod, name: str) -> list[tuple[str, str]]:
    return [("CONTAINER_ID", pod.id(name))]


@pytest.mark.needs_permission_events
@pytest.mark.needs_overlay
def test_others_are_served_while_a_container_is_removed(pod: Pod, shim: Shim, peer: Peer) -> None:
    pod.create(peer)
    pod.start(peer, "web", "/bin/sh", "-c", "read line; echo $line; exit 4", extra=[("STDIN", 1), ("STDIN_ONCE", 1)])
    pod.start(peer, "big", "/bin/sh", "-c", FILES)
    assert peer.record("CONTAINER_EXITED").NAME == "big"
    assert pod.log("big") == ["stdout F made"]
    with stalled(layers(pod, "big")) as stall:
        first = peer.send("REMOVE_CONTAINER", about(pod, "big"))
        remover = stall.wait()
        assert Path(f"/proc/{remover}/stat").read_text().rpartition(")")[2].split()[1] == str(shim.pid)
        # An exec, a status, a start, a log line and an exit of others.
        assert pod.execute(peer, "web", "/bin/echo", "here") == (0, b"here\n")
        client = Peer(shim.path, CLIENT)
        assert [m.NAME for m in client.running] == ["web"]
        client.close()
        pod.start(peer, "late", "/bin/echo", "late")
        assert peer.record("CONTAINER_EXITED").NAME == "late"
        ours, theirs = os.pipe()
        assert peer.call("ATTACH", [*about(pod, "web"), ("STREAMS", 1)], [ours]).kind == "OK"
        os.write(theirs, b"line\n")
        record = peer.record("CONTAINER_EXITED")
        assert (record.NAME, record.EXIT_CODE) == ("web", 4)
        assert pod.log("web") == ["stdout F line"]
        os.close(ours)
        os.close(theirs)
        # What is being removed is as dead as before, and cannot begin again.
        assert peer.call("SIGNAL", [*about(pod, "big"), ("SIGNAL", signal.SIGTERM)]).kind == "OK"
        assert peer.call_spec("START_CONTAINER", pod.container("big", "/bin/true")).ERRNO == errno.EEXIST
        second = peer.send("REMOVE_CONTAINER", about(pod, "big"))
        assert layers(pod, "big").exists()
        stall.end()
    assert peer.answer(first).kind == peer.answer(second).kind == "OK"
    assert not layers(pod, "big").exists()
    assert not (pod.logs / "big" / "0.log").exists()
    remove_pod(pod, shim, peer)


@pytest.mark.needs_permission_events
@pytest.mark.needs_overlay
def test_whoever_removes_has_no_descriptor_of_others(pod: Pod, shim: Shim, peer: Peer) -> None:
    """A pipe, a terminal or a connection would stay open in its hands."""
    pod.create(peer)
    pod.start(peer, "web", "/bin/sleep", "1000", extra=[("STDIN", 1)])
    pod.start(peer, "big", "/bin/touch", "/file")
    peer.record("CONTAINER_EXITED")
    with stalled(layers(pod, "big")) as stall:
        removal = peer.send("REMOVE_CONTAINER", about(pod, "big"))
        remover = stall.wait()
        held = {os.readlink(entry.path) for entry in os.scandir(f"/proc/{remover}/fd")} - {"/dev/null"}
        assert not {name for name in held if name.split(":")[0] in ("pipe", "socket", "anon_inode")}, held
        stall.end()
    assert peer.answer(removal).kind == "OK"
    remove_pod(pod, shim, peer)


@pytest.mark.needs_permission_events
@pytest.mark.needs_overlay
def test_a_removal_that_was_killed_is_done_by_the_shim(pod: Pod, shim: Shim, peer: Peer) -> None:
    pod.create(peer)
    pod.start(peer, "big", "/bin/touch", "/file")
    peer.record("CONTAINER_EXITED")
    with stalled(layers(pod, "big")) as stall:
        removal = peer.send("REMOVE_CONTAINER", about(pod, "big"))
        os.kill(stall.wait(), signal.SIGKILL)
        assert stall.wait() == shim.pid
        stall.end()
    assert peer.answer(removal).kind == "OK"
    assert not layers(pod, "big").exists()
    remove_pod(pod, shim, peer)


@pytest.mark.needs_overlay
@pytest.mark.needs_tool("chattr")
def test_what_cannot_be_removed_is_told(pod: Pod, shim: Shim, peer: Peer) -> None:
    pod.create(peer)
    pod.start(peer, "big", "/bin/touch", "/file")
    peer.record("CONTAINER_EXITED")
    subprocess.run(["chattr", "+i", layers(pod, "big")], check=True)
    try:
        answer = peer.call("REMOVE_CONTAINER", about(pod, "big"))
        assert (answer.kind, answer.ERRNO, answer.PATH) == ("ERROR", errno.EPERM, pod.id("big"))
    finally:
        subprocess.run(["chattr", "-i", layers(pod, "big")], check=True)
    assert peer.call("REMOVE_CONTAINER", about(pod, "big")).kind == "OK"
    remove_pod(pod, shim, peer)


@pytest.mark.needs_permission_events
def test_the_shim_answers_while_the_pod_is_removed(pod: Pod, shim: Shim, peer: Peer) -> None:
    pod.create(peer)
    pod.start(peer, "web", "/bin/sleep", "1000")
    with stalled(pod.state) as stall:
        first = peer.send("REMOVE_POD")
        stall.wait()
        client = Peer(shim.path, CLIENT)
        assert client.running == []
        client.close()
        second = peer.send("REMOVE_POD")
        third = peer.send("REMOVE_CONTAINER", about(pod, "web"))
        assert peer.call_spec("START_CONTAINER", pod.container("late", "/bin/true")).ERRNO == errno.ESRCH
        stall.end()
    assert {peer.answer(id).kind for id in (first, second, third)} == {"OK"}
    assert shim.wait() == 0
    assert pod.left() == []


@pytest.mark.needs_permission_events
def test_a_shim_that_is_killed_takes_the_removal_along(pod: Pod, shim: Shim, peer: Peer) -> None:
    pod.create(peer)
    pod.start(peer, "web", "/bin/touch", "/file")
    peer.record("CONTAINER_EXITED")
    with stalled(layers(pod, "web")) as stall:
        peer.send("REMOVE_CONTAINER", about(pod, "web"))
        remover = os.pidfd_open(stall.wait())
        os.kill(shim.pid, signal.SIGKILL)
        assert select.select([remover], [], [], 10)[0], "it removes on, and nobody waits for it"
        os.close(remover)
    shim.wait()
    # The sweep's work (test_sweep.py); this pod has no record for it to find.
    subprocess.run(["rm", "-rf", pod.run, pod.state, pod.logs, *pod.links.iterdir()], check=True)
    if pod.cgroup:
        for group in sorted(pod.cgroup.rglob("*"), reverse=True):
            if group.is_dir():
                group.rmdir()
        pod.cgroup.rmdir()
