"""Who shares a pid namespace with a container that starts sees its process from the first moment on."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from nsrunner.sandbox import native
from raw_shim import Peer
from shim_pod import CAPABILITIES, Pod, shim_of

PYTHON = os.path.realpath(sys.executable)  # a virtual environment below /tmp is not in the containers
SYS_PTRACE = 1 << 19
STARTS = 80
REPORT_SIZE = 264
"""Of struct nsr_report (csrc/channel.h)."""

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


GRABBER = """
import array, ctypes, os, platform, signal, socket, struct, sys
marker, found, caught, up = sys.argv[1], set(), {}, "../" * 9
libc = ctypes.CDLL(None, use_errno=True)
ATTACH, DETACH, GETREGS, SETREGS, SYSCALL, CONT = 16, 17, 12, 13, 24, 7
CALLS = {"openat": 257, "mount": 165, "setns": 308, "fsconfig": 431, "read": 0}
REGISTERS = struct.Struct("27Q")

def ptrace(request, pid, data=None):
    if libc.ptrace(ctypes.c_long(request), ctypes.c_long(pid), None, data) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")

def look(pid, status):
    if status["Seccomp"] != "2":
        found.add("no filter")
    if set(os.listdir(f"/proc/{pid}/fd")) - {"0", "1"}:
        found.add("descriptors")
    if any(os.path.exists(f"/proc/{pid}/{place}/{marker}") for place in ("root", "cwd", f"root/{up}", f"cwd/{up}")):
        found.add("root")
    for space in ("net", "mnt", "ipc", "uts", "cgroup", "pid", "user"):
        if os.readlink(f"/proc/{pid}/ns/{space}") != os.readlink(f"/proc/self/ns/{space}"):
            found.add(space)

def forge(pid):
    # Its socket, and a word in the name of whoever has it.
    number = libc.syscall(438, os.pidfd_open(pid), 0, 0)
    if number < 0:
        return found.add("no socket")
    with socket.socket(fileno=number) as taken:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [os.open("/", os.O_RDONLY)]))
        taken.sendmsg([struct.pack("ii", 3, 0).ljust(int(sys.argv[3]), bytes(1))], [rights])

def replace(pid, name):
    # Another call than that which it is about to make. True: it was about to make one.
    how = 0
    while not os.WIFSTOPPED(how) or os.WSTOPSIG(how) != signal.SIGTRAP:
        ptrace(SYSCALL, pid)
        how = os.waitpid(pid, 0x40000000)[1]
    buffer = ctypes.create_string_buffer(REGISTERS.size)
    ptrace(GETREGS, pid, buffer)
    values = list(REGISTERS.unpack(buffer.raw))
    if values[10] != 2**64 - 38:
        return False
    values[15] = CALLS[name]
    buffer.raw = REGISTERS.pack(*values)
    ptrace(SETREGS, pid, buffer)
    ptrace(CONT, pid)
    how = os.waitpid(pid, 0x40000000)[1]
    if not os.WIFSIGNALED(how) or os.WTERMSIG(how) != signal.SIGSYS:
        found.add(f"{name}: {how:x}")
    return True

def grab(pid):
    ptrace(ATTACH, pid)
    os.waitpid(pid, 0x40000000)
    status = {line.split(":")[0]: line.split(":")[1].strip() for line in open(f"/proc/{pid}/status")}
    capabilities = int(status["CapPrm"], 16) | int(status["CapEff"], 16)
    if capabilities & ~int(sys.argv[2]) & ~(1 << 21):
        found.add("capabilities")
    if capabilities & 1 << 21:
        look(pid, status)
        what = ["forge", *CALLS][sum(caught.values()) % (1 + len(CALLS))]
        if what == "forge" or platform.machine() != "x86_64":
            what = "forge"
            forge(pid)
            caught[what] = caught.get(what, 0) + 1
        elif replace(pid, what):
            caught[what] = caught.get(what, 0) + 1
            return
    ptrace(DETACH, pid)

print("ready", flush=True)
while not os.path.exists("/dev/shm/enough"):
    try:
        os.kill(-1, signal.SIGSTOP)
    except ProcessLookupError:
        continue
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if pid == os.getpid():
            continue
        try:
            grab(pid)
        except OSError:
            pass
        try:
            os.kill(pid, signal.SIGCONT)
        except OSError:
            pass
print(sorted(caught.items()), sorted(found), flush=True)
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
    words = (PYTHON, "-c", TRACER, str(marker.relative_to("/")), str(allowed))
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


def test_nothing_of_the_host_is_in_reach_of_a_target(pod: Pod, marker: Path) -> None:
    """Whose pid namespace another container joins. It stops whatever comes in, and does what CAP_SYS_PTRACE allows."""
    allowed = CAPABILITIES | SYS_PTRACE
    words = (PYTHON, "-c", GRABBER, str(marker.relative_to("/")), str(allowed), str(REPORT_SIZE))
    outcomes = Counter[str]()
    with shim_of(pod) as shim:
        peer = Peer(shim.path)
        pod.create(peer)
        pod.start(peer, "target", *words, capabilities=allowed)
        pod.wait_until_printed("target", "ready")
        for number in range(STARTS):
            name = f"c-{number}"
            spec = pod.container(name, "/bin/ls", "-d", "/proc/1", extra=[("TARGET_ID", pod.id("target"))])
            answer = peer.call_spec("START_CONTAINER", spec)
            outcomes[answer.kind] += 1
            if answer.kind == "ERROR":
                step = native.step_name(answer.STEP)
                assert step in ("join the target container", "wait for the process to start: it died")
            elif peer.record("CONTAINER_EXITED", CONTAINER_ID=pod.id(name)).EXIT_CODE == 0:
                assert pod.log(name) == ["stdout F /proc/1"]
                outcomes["ran"] += 1
        pod.start(peer, "last", "/bin/touch", "/dev/shm/enough")
        assert peer.record("CONTAINER_EXITED", NAME="target").EXIT_CODE == 0, pod.log("target")
        caught, _, found = pod.log("target")[-1].removeprefix("stdout F ").rpartition(" ")
        assert found == "[]"
        assert "forge" in caught and outcomes["ran"] > 0, (caught, outcomes)
        assert peer.call("REMOVE_POD").kind == "OK"
        assert shim.wait() == 0
        peer.close()
    assert pod.left() == []


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
