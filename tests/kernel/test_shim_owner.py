"""Whose pod it is: what is left when the owner, the shim or everybody who might send a sandbox is gone."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from raw_shim import Peer, Shim, envelope
from shim_pod import Pod, shim_of

WITHIN = 1.0
"""Seconds in which a pod must be gone after its owner."""


@pytest.fixture
def pod() -> Pod:
    return Pod(Path(os.environ["NSRUNNER_ROOT"]))


@pytest.fixture
def shim(pod: Pod) -> Iterator[Shim]:
    with shim_of(pod) as running:
        yield running


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    process.kill()
    process.wait()


def populate(pod: Pod, peer: Peer) -> list[int]:
    """A pod with a bit of everything. Pidfds of its processes."""
    pids = [
        pod.start(peer, name, "/bin/sh", "-c", "trap '' TERM HUP INT; sleep 1000 & while :; do sleep 1; done")
        for name in "ab"
    ]
    exec_spec = pod.execution("a", "/bin/sh", "-c", "setsid sleep 1000 & sleep 1000", extra=[("OUTPUT_LIMIT", 1)])
    pids.append(peer.call_spec("EXEC", exec_spec).PID)
    return [os.pidfd_open(pid) for pid in pids]


def assert_gone(pod: Pod, shim: Shim, pidfds: list[int], began: float) -> None:
    assert shim.wait() == 0
    took = time.monotonic() - began
    for pidfd in pidfds:
        assert select.select([pidfd], [], [], 0)[0], "a process of the pod is left"
        os.close(pidfd)
    assert pod.left() == []
    assert took < WITHIN


VOLUMES = [("VOLUME", [("KIND", 1), ("NAME", "disk")]), ("VOLUME", [("KIND", 2), ("NAME", "memory")])]


@pytest.mark.parametrize("pid_mode", [0, 1, 2], ids=["own", "shared", "host"])
@pytest.mark.needs_cgroup2
def test_the_pod_ends_with_its_owner(pod: Pod, shim: Shim, owner: subprocess.Popen[bytes], pid_mode: int) -> None:
    peer = Peer(shim.path)
    pod.create(peer, owner=owner.pid, extra=[("PID_MODE", pid_mode), *VOLUMES])
    pidfds = populate(pod, peer)
    began = time.monotonic()
    owner.kill()
    assert_gone(pod, shim, pidfds, began)
    peer.close()


OWNING = """
import os, sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from raw_shim import Peer
from shim_pod import Pod
pod = Pod(Path({root!r}))
peer = Peer(str(pod.run / "shim.sock"))
pod.create(peer, owner=os.getpid())
pod.start(peer, "a", "/bin/sleep", "1000")
if os.fork() == 0:
    os.set_inheritable(peer.socket.fileno(), True)
    os.execv("/bin/sleep", ["sleep", "1000"])
print("up", flush=True)
time.sleep(1000)
"""


def test_a_forked_child_that_holds_the_socket_does_not_keep_the_pod(pod: Pod, shim: Shim) -> None:
    program = OWNING.format(path=sys.path, root=os.environ["NSRUNNER_ROOT"])
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    began = time.monotonic()
    process.kill()
    assert_gone(pod, shim, [], began)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_controller_that_goes_does_not_take_a_living_owners_pod_along(
    pod: Pod, shim: Shim, owner: subprocess.Popen[bytes]
) -> None:
    peer = Peer(shim.path)
    pod.create(peer, owner=owner.pid)
    pod.start(peer, "a", "/bin/sleep", "1000")
    peer.close()
    peer.greet()
    assert [m.NAME for m in peer.running] == ["a"]
    peer.close()
    began = time.monotonic()
    owner.kill()
    assert_gone(pod, shim, [], began)


def test_an_owner_that_is_gone_gets_no_pod(pod: Pod, shim: Shim, owner: subprocess.Popen[bytes]) -> None:
    peer = Peer(shim.path)
    other = envelope("SANDBOX_SPEC", 0, [])
    spec = pod.sandbox(extra=[("OWNER_PID", owner.pid), ("OWNER_START", 12345)])
    answer = peer.call_spec("CREATE_SANDBOX", spec)
    assert (answer.kind, answer.ERRNO, answer.PATH) == ("ERROR", 3, "owner")
    assert peer.call_spec("CREATE_SANDBOX", other).kind == "ERROR"
    assert peer.call("REMOVE_POD").kind == "OK"
    assert shim.wait() == 0
    peer.close()


def test_a_daemons_pod_stays_without_its_daemon(pod: Pod, shim: Shim) -> None:
    peer = Peer(shim.path)
    pod.create(peer)
    pod.start(peer, "a", "/bin/sleep", "1000")
    pod.start(peer, "b", "/bin/sh", "-c", "sleep 0.1; exit 6")
    peer.close()
    time.sleep(0.3)  # what must not happen has no event
    peer.greet()
    assert [m.NAME for m in peer.running] == ["a"]
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 6
    assert peer.call("REMOVE_POD").kind == "OK"
    assert shim.wait() == 0
    peer.close()
    assert pod.left() == []


WAITING = """
import sys, time
sys.path[:0] = {path!r}
from raw_shim import Peer
peer = Peer({socket!r})
print("up", flush=True)
time.sleep(1000)
"""


def test_a_shim_whose_controller_died_before_there_was_a_sandbox_ends(pod: Pod, shim: Shim) -> None:
    program = WAITING.format(path=sys.path, socket=shim.path)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    began = time.monotonic()
    process.kill()
    assert_gone(pod, shim, [], began)
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("pid_mode", [0, 1], ids=["own", "shared"])
def test_with_the_shim_everything_below_it_dies(pod: Pod, shim: Shim, pid_mode: int) -> None:
    peer = Peer(shim.path)
    pause = pod.create(peer, extra=[("PID_MODE", pid_mode)])
    pidfds = [*populate(pod, peer), os.pidfd_open(pause)]
    os.kill(shim.pid, signal.SIGKILL)
    shim.wait()
    # Orphans come to the test process; a first process of a pid namespace does not end before all others are reaped.
    deadline = time.monotonic() + WITHIN
    while pidfds:
        assert time.monotonic() < deadline, "a process of the pod is left"
        select.select(pidfds, [], [], WITHIN)
        for pidfd in list(pidfds):
            if os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG):
                os.close(pidfd)
                pidfds.remove(pidfd)
    peer.close()
    pod.sweep()


def test_signals_to_the_shim_itself_are_not_how_a_pod_is_stopped(pod: Pod, shim: Shim) -> None:
    peer = Peer(shim.path)
    pod.create(peer)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE):
        os.kill(shim.pid, number)
    pod.start(peer, "a", "/bin/true")
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 0
    assert peer.call("REMOVE_POD").kind == "OK"
    assert shim.wait() == 0
    peer.close()


def test_strays_in_the_hosts_pid_namespace_end_with_the_pod_however_many(pod: Pod, shim: Shim) -> None:
    """Without a cgroup they are known as the shim's children alone; more of them than one read of that list holds."""
    pod.cgroup = None
    marked = f"sleep\0{1000 + os.getpid() / 1e7}\0".encode()

    def strays() -> list[int]:
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if (place / "cmdline").read_bytes() == marked:
                    found.append(int(place.name))
            except OSError:
                continue  # it has ended
        return found

    script = (
        f"i=0; while [ $i -lt 720 ]; do (sleep {marked.split(bytes(1))[1].decode()} &); i=$((i+1)); done; echo made"
    )
    peer = Peer(shim.path)
    pod.create(peer, extra=[("PID_MODE", 2)])
    # Privileged, because CAP_MKNOD is not given where there is no device filter.
    pod.start(peer, "a", "/bin/sh", "-c", f"{script}; exec sleep 1000", extra=[("PRIVILEGED", 1)])
    pod.wait_until_printed("a", "made", 60)
    try:
        assert len(strays()) == 720
        assert peer.call("REMOVE_POD").kind == "OK"
        assert shim.wait() == 0
        assert strays() == []
    finally:
        peer.close()
        for pid in strays():
            os.kill(pid, signal.SIGKILL)


def test_without_a_cgroup_execs_end_with_their_container(pod: Pod, shim: Shim) -> None:
    pod.cgroup = None
    peer = Peer(shim.path)
    pod.create(peer, extra=[("PID_MODE", 1)])
    pod.start(peer, "a", "/bin/sleep", "1000", extra=[("PRIVILEGED", 1)])
    answer = peer.call_spec("EXEC", pod.execution("a", "/bin/sleep", "1000", extra=[("OUTPUT_LIMIT", 1)]))
    peer.call("SIGNAL", [("CONTAINER_ID", pod.id("a")), ("SIGNAL", signal.SIGKILL)])
    peer.record("CONTAINER_EXITED")
    assert pod.finished(peer, answer.id)[0] == 128 + signal.SIGKILL
    assert peer.call("REMOVE_POD").kind == "OK"
    assert shim.wait() == 0
    peer.close()


def test_the_shim_may_use_all_the_descriptors_that_it_is_allowed(shim: Shim) -> None:
    peer = Peer(shim.path)
    soft, hard = resource.prlimit(shim.pid, resource.RLIMIT_NOFILE)
    assert soft == hard
    assert peer.call("REMOVE_POD").kind == "OK"
    assert shim.wait() == 0
    peer.close()
