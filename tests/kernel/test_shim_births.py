"""Who shares a pid namespace with a container that starts sees its process from the first moment on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from raw_shim import Peer
from shim_pod import CAPABILITIES, Pod, shim_of

SYS_PTRACE = 1 << 19
STARTS = 80

TRACER = """
import os, stat, sys
marker, allowed, found, seen, up = sys.argv[1], int(sys.argv[2]), set(), set(), "../" * 9

def look(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(("CapPrm", "CapEff")) and int(line.split()[1], 16) & ~allowed:
            found.add("capabilities")
    seen.add(pid)
    for place in ("root", "cwd", f"cwd/{up}"):
        if os.path.exists(f"/proc/{pid}/{place}/{marker}"):
            found.add(place)
    for fd in os.listdir(f"/proc/{pid}/fd"):
        if stat.S_ISDIR(os.stat(f"/proc/{pid}/fd/{fd}").st_mode):
            found.add("fd of " + os.readlink(f"/proc/{pid}/fd/{fd}"))

print("ready", flush=True)
while not os.path.exists("/dev/shm/enough"):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) not in (1, os.getpid()):
            try:
                look(pid)
            except OSError:
                continue
print("seen" if seen else "blind", sorted(found), flush=True)
"""


@pytest.fixture
def pod() -> Pod:
    return Pod(Path(os.environ["NSRUNNER_ROOT"]))


@pytest.fixture
def peer(pod: Pod) -> Iterator[Peer]:
    """The controller of a pod whose containers share a pid namespace."""
    with shim_of(pod) as shim:
        controller = Peer(shim.path)
        pod.create(controller, extra=[("PID_MODE", 1)])
        yield controller
        assert controller.call("REMOVE_POD").kind == "OK"
        assert shim.wait() == 0
        controller.close()
    assert pod.left() == []


@pytest.fixture
def marker() -> Iterator[Path]:
    """A file of the host, of a file system that is no layer of a container's root."""
    path = Path(f"/dev/shm/nsrunner-test-{os.getpid()}")
    assert os.stat(path.parent).st_dev != os.stat("/").st_dev
    path.touch()
    yield path
    path.unlink()


@pytest.mark.parametrize("user", [0, 1234])
def test_nothing_of_the_host_is_in_reach_of_a_sibling(pod: Pod, peer: Peer, marker: Path, user: int) -> None:
    """A sibling with CAP_SYS_PTRACE, which it may have by its manifest, opens no file of the host and finds no process
    with more capabilities than containers have: it could make that one do anything."""
    allowed = CAPABILITIES | SYS_PTRACE
    words = (sys.executable, "-c", TRACER, str(marker.relative_to("/")), str(allowed))
    pod.start(peer, "tracer", *words, capabilities=allowed)
    pod.wait_until_printed("tracer", "ready")
    for number in range(STARTS):
        name = f"c-{number}"
        pod.start(peer, name, "/bin/true", user=user)
        assert peer.record("CONTAINER_EXITED", CONTAINER_ID=pod.id(name)).EXIT_CODE == 0
        assert peer.call("REMOVE_CONTAINER", [("CONTAINER_ID", pod.id(name))]).kind == "OK"
        assert pod.execute(peer, "tracer", "/bin/true")[0] == 0
    pod.start(peer, "last", "/bin/touch", "/dev/shm/enough")
    assert peer.record("CONTAINER_EXITED", NAME="tracer").EXIT_CODE == 0
    assert pod.log("tracer")[-1] == "stdout F seen []"


@pytest.mark.parametrize(("words", "code"), [(("/bin/true",), 0), (("/bin/sh", "-c", "exit 7"), 7)])
def test_programs_that_end_at_once(pod: Pod, peer: Peer, words: tuple[str, ...], code: int) -> None:
    """Whatever comes first, the end of the program or of the process that set up its world, each is told as it was."""
    for number in range(40):
        name = f"c-{number}"
        assert pod.start(peer, name, *words) > 1
        exit_code = peer.record("CONTAINER_EXITED", CONTAINER_ID=pod.id(name)).EXIT_CODE
        assert exit_code == code


def test_a_program_that_is_not_there(pod: Pod, peer: Peer) -> None:
    for _ in range(10):  # the same instance: nothing of a failed start stays
        answer = peer.call_spec("START_CONTAINER", pod.container("web", "/no/such/program"))
        assert (answer.kind, answer.ERRNO) == ("ERROR", 2)


def test_a_terminal(pod: Pod, peer: Peer) -> None:
    """It belongs to the program's session; the process that opened it has not taken it along."""
    script = "tty; ps -o sid= -p $$ | tr -d ' '; echo $$; echo mine > /dev/tty; exec sleep 1000"
    pid = pod.start(peer, "tty", "/bin/sh", "-c", script, extra=[("TTY", 1)])
    pod.wait_until_printed("tty", "mine")
    name, session, leader, _ = (line.split()[-1] for line in pod.log("tty"))
    assert (name, session) == ("/dev/pts/0", leader)
    os.kill(pid, 9)
    assert peer.record("CONTAINER_EXITED", NAME="tty").EXIT_CODE == 137
