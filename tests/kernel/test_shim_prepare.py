"""Containers that are prepared: all of a start is done but the program, which runs when it is asked for, or never."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from one_shim import peer as peer
from one_shim import pod as pod
from one_shim import removed as removed
from one_shim import shim as shim
from prepared import gone, held, prepare
from raw_shim import Fields, Peer, Shim, sealed
from shim_pod import Pod

OWN_PID, POD_PID, HOST_PID = 0, 1, 2
PROBE = ("/bin/sh", "-c", "hostname; ls /sys/class/net; mount -t mqueue; echo up; exec sleep 1000")


def create(pod: Pod, peer: Peer, *specs: bytes, pid_mode: int = OWN_PID, extra: Fields = ()) -> int:
    """A sandbox, and right behind it what is to be prepared: the number of the first command."""
    memfd = sealed(pod.sandbox(extra=[("PID_MODE", pid_mode), *extra]))
    number = peer.send("CREATE_SANDBOX", fds=[memfd])
    os.close(memfd)
    for spec in specs:
        prepare(peer, spec)
    return number


def namespaces(pid: int) -> dict[str, str]:
    return {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in ("net", "ipc", "uts", "pid", "mnt")}


@pytest.mark.usefixtures("removed")
@pytest.mark.parametrize("pid_mode", [OWN_PID, POD_PID, HOST_PID])
def test_the_program_runs_when_it_is_asked_for_in_the_pods_namespaces(pod: Pod, peer: Peer, pid_mode: int) -> None:
    spec = pod.container("web", *PROBE)
    number = create(pod, peer, spec, pid_mode=pid_mode, extra=[("ADDRESS", "192.0.2.1/32")])
    pause = peer.answer(number).PID
    builder = held(pod, "web")
    assert pod.log("web") == []
    assert [message.kind for message in ask_for_all(peer)] == ["WELCOME"]
    answer = peer.call_spec("START_CONTAINER", spec)
    assert answer.kind == "OK"
    assert (builder == answer.PID) == (pid_mode != POD_PID)
    pod.wait_until_printed("web", "stdout F up")
    lines = [line.split(" ", 2)[2] for line in pod.log("web")]
    assert lines[0] == "pod" and "eth0" in lines and any("/dev/mqueue" in line for line in lines)
    ours, theirs = namespaces(answer.PID), namespaces(pause)
    assert all(ours[name] == theirs[name] for name in ("net", "ipc", "uts"))
    assert (ours["pid"] == theirs["pid"]) == (pid_mode != OWN_PID)
    assert ours["mnt"] != theirs["mnt"]


def ask_for_all(peer: Peer) -> list[object]:
    number = peer.send("LIST")
    last = peer.until(lambda m: m.kind == "WELCOME" and m.id == number)
    return [*(m for m in peer.waiting if m.kind == "CONTAINER_INFO"), last]


@pytest.mark.usefixtures("removed")
def test_several_and_each_starts_by_itself(pod: Pod, peer: Peer) -> None:
    specs = {name: pod.container(name, "/bin/echo", name) for name in "abc"}
    assert peer.answer(create(pod, peer, *specs.values())).kind == "OK"
    for name in "cab":
        assert peer.call_spec("START_CONTAINER", specs[name]).kind == "OK"
        assert peer.record("CONTAINER_EXITED", NAME=name).EXIT_CODE == 0
        assert pod.log(name) == [f"stdout F {name}"]
        assert peer.call("REMOVE_CONTAINER", [("CONTAINER_ID", pod.id(name))]).kind == "OK"


@pytest.mark.usefixtures("removed")
@pytest.mark.parametrize("pid_mode", [OWN_PID, POD_PID])
def test_another_spec_is_started_in_its_place(pod: Pod, peer: Peer, pid_mode: int) -> None:
    number = create(pod, peer, pod.container("web", "/bin/echo", "old"), pid_mode=pid_mode)
    assert peer.answer(number).kind == "OK"
    builder = held(pod, "web")
    assert peer.call_spec("START_CONTAINER", pod.container("web", "/bin/echo", "new")).kind == "OK"
    assert gone(builder)
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 0
    assert pod.log("web") == ["stdout F new"]


@pytest.mark.usefixtures("removed")
@pytest.mark.parametrize("pid_mode", [OWN_PID, POD_PID, HOST_PID])
def test_one_that_is_killed_is_made_anew(pod: Pod, peer: Peer, pid_mode: int) -> None:
    spec = pod.container("web", "/bin/echo", "hello")
    assert peer.answer(create(pod, peer, spec, pid_mode=pid_mode)).kind == "OK"
    builder = held(pod, "web")
    os.kill(builder, signal.SIGKILL)
    assert gone(builder)
    assert peer.call_spec("START_CONTAINER", spec).kind == "OK"
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 0
    assert pod.log("web") == ["stdout F hello"]


@pytest.mark.usefixtures("removed")
def test_one_that_fails_leaves_nothing_and_says_why_at_its_start(pod: Pod, peer: Peer, tmp_path: Path) -> None:
    mount = ("MOUNT", [("KIND", 1), ("SOURCE", str(tmp_path / "missing")), ("TARGET", "/mnt")])
    spec = pod.container("web", "/bin/true", extra=[mount])
    assert peer.answer(create(pod, peer, spec)).kind == "OK"
    for _ in range(2):
        answer = peer.call_spec("START_CONTAINER", spec)
        assert (answer.kind, answer.ERRNO, answer.PATH) == ("ERROR", 2, str(tmp_path / "missing"))
        assert not (pod.state / "containers" / pod.id("web")).exists()
    (tmp_path / "missing").mkdir()
    assert peer.call_spec("START_CONTAINER", spec).kind == "OK"
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 0


@pytest.mark.usefixtures("removed")
def test_a_sandbox_that_fails_takes_it_along(pod: Pod, peer: Peer) -> None:
    spec = pod.container("web", "/bin/echo", "hello")
    answer = peer.answer(create(pod, peer, spec, extra=[("ADDRESS", "nowhere")]))
    assert (answer.kind, answer.PATH) == ("ERROR", "nowhere")
    assert os.listdir(pod.state / "containers") == []
    assert pod.cgroup is None or not pod.cgroup.exists()
    assert peer.answer(create(pod, peer, spec)).kind == "OK"
    assert peer.call_spec("START_CONTAINER", spec).kind == "OK"
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 0


@pytest.mark.usefixtures("removed")
def test_a_start_while_the_sandbox_is_made_fails_with_it(pod: Pod, peer: Peer) -> None:
    number = create(pod, peer, extra=[("ADDRESS", "nowhere")])
    memfd = sealed(pod.container("web", "/bin/true"))
    start = peer.send("START_CONTAINER", fds=[memfd])
    os.close(memfd)
    created, started = peer.answer(number), peer.answer(start)
    assert (created.kind, created.PATH) == ("ERROR", "nowhere")
    # It may have come when that was over.
    assert (started.kind, started.PATH) in (("ERROR", "nowhere"), ("ERROR", "sandbox"))


@pytest.mark.usefixtures("removed")
def test_a_stopped_sandbox_takes_it_along_without_a_record(pod: Pod, peer: Peer) -> None:
    spec = pod.container("web", "/bin/true")
    assert peer.answer(create(pod, peer, spec)).kind == "OK"
    builder = held(pod, "web")
    assert peer.call("STOP_SANDBOX", [("ATTEMPT", 1)]).kind == "OK"
    assert gone(builder)
    assert os.listdir(pod.state / "containers") == []
    assert not any(message.kind == "CONTAINER_EXITED" for message in peer.waiting)
    answer = peer.call_spec("START_CONTAINER", spec)
    assert (answer.kind, answer.ERRNO) == ("ERROR", 3)


@pytest.mark.parametrize("pid_mode", [OWN_PID, POD_PID, HOST_PID])
@pytest.mark.parametrize("waits", [False, True])
def test_a_removed_pod_takes_it_along(pod: Pod, shim: Shim, peer: Peer, pid_mode: int, waits: bool) -> None:
    """Whether it is held by then or still on its way."""
    number = create(pod, peer, pod.container("web", "/bin/true"), pid_mode=pid_mode)
    builder = 0
    if waits:
        assert peer.answer(number).kind == "OK"
        builder = held(pod, "web")
    assert peer.call("REMOVE_POD").kind == "OK"
    assert shim.wait() == 0
    assert pod.left() == []
    assert not builder or gone(builder)
    assert not any(message.kind == "CONTAINER_EXITED" for message in peer.waiting)


@pytest.mark.parametrize("pid_mode", [OWN_PID, POD_PID, HOST_PID])
def test_a_killed_shim_takes_it_along(pod: Pod, shim: Shim, peer: Peer, pid_mode: int) -> None:
    assert peer.answer(create(pod, peer, pod.container("web", "/bin/true"), pid_mode=pid_mode)).kind == "OK"
    builder = os.pidfd_open(held(pod, "web"))
    os.kill(shim.pid, signal.SIGKILL)
    shim.wait()
    with os.fdopen(builder):
        assert os.waitid(os.P_PIDFD, builder, os.WEXITED) is not None  # an orphan, which comes to the test process
    pod.sweep()
