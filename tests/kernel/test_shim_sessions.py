"""Execs, terminals and attached clients, at the shim's socket."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import select
import signal
import socket
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import shim_pod
from raw_shim import CLIENT, Message, Peer, Shim, sealed
from shim_pod import Pod, shim_of


@pytest.fixture
def pod() -> Pod:
    return Pod(Path(os.environ["NSRUNNER_ROOT"]))


@pytest.fixture
def shim(pod: Pod) -> Iterator[Shim]:
    with shim_of(pod) as running:
        yield running


@pytest.fixture
def peer(pod: Pod, shim: Shim) -> Iterator[Peer]:
    """The controller of a pod with a sandbox; at the end all is removed and the shim gone."""
    controller = Peer(shim.path)
    pod.create(controller)
    before = len(os.listdir(f"/proc/{shim.pid}/fd"))
    yield controller
    for name in ("web", "tty"):
        controller.call("SIGNAL", [("CONTAINER_ID", pod.id(name)), ("SIGNAL", signal.SIGKILL), ("WHOLE", 1)])
    assert controller.call("STOP_SANDBOX", [("ATTEMPT", 1)]).kind == "OK"
    for record in [m for m in controller.waiting if "RECORD" in m.fields]:
        controller.send("ACKNOWLEDGE", [("RECORD", record.RECORD)], id=0)
    controller.call("SIGNAL", [("CONTAINER_ID", "x"), ("SIGNAL", 1)])  # what came before it is done
    # Pause's pidfd and the cgroup have gone, and nothing that a test made has stayed.
    assert len(os.listdir(f"/proc/{shim.pid}/fd")) <= before
    assert controller.call("REMOVE_POD").kind == "OK"
    assert shim.wait() == 0
    controller.close()
    assert pod.left() == []


@pytest.fixture
def client(pod: Pod, peer: Peer, shim: Shim) -> Iterator[Peer]:
    pod.start(peer, "web", "/bin/sleep", "1000")
    other = Peer(shim.path, CLIENT)
    yield other
    other.close()


def read_all(fd: int, seconds: float = 10.0) -> bytes:
    """Until the end; a pty ends with EIO. Closes it."""
    data = b""
    deadline = time.monotonic() + seconds
    try:
        while select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            try:
                piece = os.read(fd, 65536)
            except OSError:
                return data
            if not piece:
                return data
            data += piece
        raise TimeoutError(f"after {data[:200]!r}")
    finally:
        os.close(fd)


# --- exec -------------------------------------------------------------------------------------------------------------


def test_exec_with_collected_output(pod: Pod, peer: Peer, client: Peer) -> None:
    script = "echo out; echo err >&2; hostname; exit 4"
    for who in (peer, client):
        code, output = pod.execute(who, "web", "/bin/sh", "-c", script)
        assert code == 4
        assert output == b"out\nerr\npod\n"
    flood = pod.execute(
        peer, "web", "/bin/sh", "-c", "head -c 3000000 /dev/zero; exit 0", extra=[("OUTPUT_LIMIT", 1000)]
    )
    assert flood == (0, b"\0" * 1000)
    assert pod.execute(peer, "web", "/bin/sh", "-c", "kill -9 $$")[0] == 137


def test_exec_with_the_callers_streams(pod: Pod, client: Peer) -> None:
    stdin, write_in = os.pipe()
    read_out, stdout = os.pipe()
    read_err, stderr = os.pipe()
    answer = client.call_spec(
        "EXEC", pod.execution("web", "/bin/sh", "-c", "cat; echo done >&2"), [stdin, stdout, stderr]
    )
    assert answer.kind == "OK"
    for fd in (stdin, stdout, stderr):
        os.close(fd)
    os.write(write_in, b"hello\0world")
    os.close(write_in)
    assert read_all(read_out) == b"hello\0world"
    assert read_all(read_err) == b"done\n"
    assert pod.finished(client, answer.id) == (0, b"")
    wrong = client.call_spec("EXEC", pod.execution("web", "/bin/true"))
    assert (wrong.kind, wrong.ERRNO) == ("ERROR", 22)


TRACER = """
import os, stat
ours, ways = [os.stat(place).st_dev for place in ("/", "/proc")], set()
print("ready", flush=True)
while not os.path.exists("/tmp/enough"):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fds = [f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")]
            for place in (f"/proc/{pid}/root/", f"/proc/{pid}/cwd/", *fds):
                found = os.stat(place)
                if stat.S_ISDIR(found.st_mode) and found.st_dev not in ours:
                    ways.add(os.readlink(place.rstrip("/")))
        except OSError:
            continue
print(sorted(ways), flush=True)
"""


def test_an_exec_is_born_inside_of_its_container(pod: Pod, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracer with CAP_SYS_PTRACE sees all of it from its first moment: never a directory of the host's."""
    monkeypatch.setattr("shim_pod.CAPABILITIES", shim_pod.CAPABILITIES | 1 << 19)
    pod.start(peer, "web", sys.executable, "-c", TRACER)
    pod.wait_until_printed("web", "ready")
    for _ in range(200):
        assert pod.execute(peer, "web", "/bin/true")[0] == 0
    assert pod.execute(peer, "web", "/bin/touch", "/tmp/enough")[0] == 0
    peer.record("CONTAINER_EXITED")
    assert pod.log("web")[-1] == "stdout F []"


def test_nobody_gets_the_hosts_dev_null(pod: Pod, peer: Peer, client: Peer) -> None:
    """Root in a container could change its mode, or owner, through the descriptor."""
    pod.start(peer, "tty", "/bin/sh", "-c", "stat -Lc %d:%i:%t:%T - <&0; exec sleep 1000")
    host = os.stat("/dev/null")
    pod.wait_until_printed("tty", ":1:3")
    seen = [pod.log("tty")[0].split()[-1]]
    read, write = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    answer = client.call_spec(
        "EXEC", pod.execution("web", "/usr/bin/stat", "-Lc", "%d:%i:%t:%T", "-"), [null, write, null]
    )
    assert answer.kind == "OK"
    os.close(write)
    os.close(null)
    seen += [read_all(read).decode().strip()]
    seen += [pod.execute(peer, "web", "/usr/bin/stat", "-Lc", "%d:%i:%t:%T", "-")[1].decode().strip()]
    for place in seen:
        device, inode, major, minor = place.split(":")
        assert (major, minor) == ("1", "3")
        assert (int(device), int(inode)) != (host.st_dev, host.st_ino)


def test_exec_sees_the_containers_environment_and_its_own(pod: Pod, peer: Peer, client: Peer) -> None:
    extra = [("OUTPUT_LIMIT", 4096), ("ENV", "ADDED=yes")]
    code, output = pod.execute(peer, "web", "/bin/sh", "-c", "echo $ADDED $PATH", extra=extra)
    assert (code, output) == (0, b"yes /usr/local/bin:/usr/bin:/bin\n")


@pytest.mark.needs_cgroup2
def test_a_time_limit_kills_the_whole_tree(pod: Pod, peer: Peer, client: Peer) -> None:
    script = "setsid sleep 1000 & (trap '' TERM; sleep 1000) & echo $!; wait"
    began = time.monotonic()
    answer = peer.call_spec(
        "EXEC", pod.execution("web", "/bin/sh", "-c", script, extra=[("OUTPUT_LIMIT", 100), ("TIMEOUT_MS", 200)])
    )
    record = peer.record("EXEC_FINISHED", EXEC_ID=answer.id)
    assert (record.TIMED_OUT, record.EXIT_CODE) == (1, 137)
    assert 0.15 < time.monotonic() - began < 5
    for fd in record.fds:
        os.close(fd)
    _, output = pod.execute(peer, "web", "/bin/sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert output.count(b"sleep") == 1  # the container's own


def test_a_background_child_delays_no_result_and_lives_on(pod: Pod, peer: Peer, client: Peer) -> None:
    """As on a cluster: a hook may start a server. But it does not hold up the hook by holding its output."""
    script = "(while sleep 0.01; do echo x; done; echo never) & echo $! > /tmp/pid; echo started"
    began = time.monotonic()
    code, output = pod.execute(peer, "web", "/bin/sh", "-c", script)
    assert code == 0 and output.startswith(b"started\n")
    assert time.monotonic() - began < 5
    alive = "sleep 0.1; kill -0 $(cat /tmp/pid) && kill $(cat /tmp/pid) && echo alive"
    assert pod.execute(peer, "web", "/bin/sh", "-c", alive) == (0, b"alive\n")


@pytest.mark.needs_cgroup2
def test_a_clients_exec_ends_with_its_connection(pod: Pod, peer: Peer, client: Peer, shim: Shim) -> None:
    other = Peer(shim.path, CLIENT)
    answer = other.call_spec(
        "EXEC", pod.execution("web", "/bin/sh", "-c", "sleep 1001 & sleep 1002", extra=[("OUTPUT_LIMIT", 1)])
    )
    pidfd = os.pidfd_open(answer.PID)
    other.close()
    assert select.select([pidfd], [], [], 10)[0]
    os.close(pidfd)
    _, output = pod.execute(peer, "web", "/bin/sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert b"100" in output and b"1001" not in output and b"1002" not in output


def test_kill_exec(pod: Pod, peer: Peer, client: Peer) -> None:
    answer = peer.call_spec("EXEC", pod.execution("web", "/bin/sleep", "1000", extra=[("OUTPUT_LIMIT", 1)]))
    assert client.call("KILL_EXEC", [("EXEC_ID", answer.id)]).kind == "OK"  # not this client's: nothing happens
    assert peer.call("KILL_EXEC", [("EXEC_ID", answer.id)]).kind == "OK"
    assert pod.finished(peer, answer.id)[0] == 137


def test_an_unacknowledged_result_goes_to_the_next_controller(pod: Pod, peer: Peer, client: Peer) -> None:
    answer = peer.call_spec("EXEC", pod.execution("web", "/bin/echo", "kept", extra=[("OUTPUT_LIMIT", 100)]))
    first = peer.record("EXEC_FINISHED", acknowledge=False, EXEC_ID=answer.id)
    for fd in first.fds:
        os.close(fd)
    peer.close()
    peer.greet()
    assert pod.finished(peer, answer.id) == (0, b"kept\n")


def attached(pod: Pod, peer: Peer, *argv: str) -> tuple[int, int]:
    """An exec whose end alone is told: its command and the end of its output."""
    read, write = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    spec = sealed(pod.execution("web", *argv, extra=[("ATTACHED", 1)]))
    command = peer.send("EXEC", (), [spec, null, write, write])
    for fd in (spec, null, write):
        os.close(fd)
    return command, read


def test_an_attached_exec_tells_of_its_end_only(pod: Pod, peer: Peer, client: Peer) -> None:
    for who in (peer, client):
        command, output = attached(pod, who, "/bin/sh", "-c", "echo out; exit 5")
        end = who.until(lambda message: message.kind != "CONTAINER_INFO")  # the first thing that comes
        assert (end.kind, end.EXEC_ID, end.EXIT_CODE) == ("EXEC_FINISHED", command, 5)
        assert end.fields.get("RECORD", 0) == 0
        assert read_all(output) == b"out\n"
        command, output = attached(pod, who, "/nope")
        end = who.answer(command)
        assert (end.kind, end.ERRNO, end.PATH) == ("ERROR", errno.ENOENT, "/nope")
        assert read_all(output) == b""
    # asked again, as after a lost connection: the same end, and nothing is run twice
    command, output = attached(pod, peer, "/bin/sh", "-c", "exit 6")
    peer.record("EXEC_FINISHED", EXEC_ID=command)
    again = sealed(pod.execution("web", "/bin/sh", "-c", "exit 7", extra=[("ATTACHED", 1)]))
    peer.send("EXEC", (), [again], id=command)
    assert peer.record("EXEC_FINISHED", EXEC_ID=command).EXIT_CODE == 6
    os.close(again)
    os.close(output)


def test_an_attached_exec_ends_with_its_connection(pod: Pod, peer: Peer, client: Peer, shim: Shim) -> None:
    _, output = attached(pod, peer, "/bin/sh", "-c", "echo $$; sleep 1000")
    assert os.read(output, 100)
    peer.close()
    assert read_all(output) == b""  # whoever held the other end is dead
    peer.greet()


def test_an_attached_exec_has_no_terminal(pod: Pod, peer: Peer, client: Peer) -> None:
    answer = client.call_spec("EXEC", pod.execution("web", "/bin/true", extra=[("TTY", 1), ("ATTACHED", 1)]))
    assert (answer.kind, answer.ERRNO, answer.PATH) == ("ERROR", errno.EINVAL, "attached")


def test_the_output_of_an_attached_exec(pod: Pod, peer: Peer, client: Peer) -> None:
    for who in (peer, client):
        for words, output in ((("/bin/echo", "some"), b"some"), (("/bin/true",), b"")):
            spec = pod.execution("web", *words, extra=[("OUTPUT_LIMIT", 4), ("ATTACHED", 1)])
            command = who.send("EXEC", [("SPEC", spec)])
            assert pod.finished(who, command) == (0, output)
        nothing = pod.execution("web", "/nope", extra=[("OUTPUT_LIMIT", 4), ("ATTACHED", 1)])
        assert who.call_spec("EXEC", nothing).ERRNO == errno.ENOENT


def test_exec_with_a_terminal(pod: Pod, client: Peer) -> None:
    script = "tty; stty size; read line; stty size; echo got $line; exit 9"
    spec = pod.execution("web", "/bin/sh", "-c", script, extra=[("TTY", 1), ("ROWS", 33), ("COLUMNS", 101)])
    answer = client.call_spec("EXEC", spec)
    (master,) = answer.fds
    seen = b""
    while b"33 101" not in seen:
        seen += os.read(master, 1000)
    assert seen.startswith(b"/dev/pts/")
    assert client.call("RESIZE", [("EXEC_ID", answer.id), ("ROWS", 44), ("COLUMNS", 55)]).kind == "OK"
    os.write(master, b"word\n")
    rest = read_all(master)
    assert b"44 55\r\n" in rest and b"got word\r\n" in rest
    assert pod.finished(client, answer.id)[0] == 9
    assert client.call("RESIZE", [("EXEC_ID", answer.id), ("ROWS", 1), ("COLUMNS", 1)]).kind == "ERROR"


def test_many_failing_and_orphaning_execs_leave_nothing(pod: Pod, peer: Peer, client: Peer, shim: Shim) -> None:
    def count() -> int:
        return len(os.listdir(f"/proc/{shim.pid}/fd"))

    before = count()
    for _ in range(30):
        assert peer.call_spec("EXEC", pod.execution("web", "nope", extra=[("TTY", 1)])).kind == "ERROR"
        assert pod.execute(peer, "web", "/bin/sh", "-c", "sleep 1000 &")[0] == 0
    peer.call("SIGNAL", [("CONTAINER_ID", "x"), ("SIGNAL", 1)])  # the last acknowledgement has arrived
    assert count() <= before + 16  # the pipes that background children still hold, at most so many
    peer.call("SIGNAL", [("CONTAINER_ID", pod.id("web")), ("SIGNAL", signal.SIGKILL)])
    peer.record("CONTAINER_EXITED")
    deadline = time.monotonic() + 5
    while count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert count() <= before


def test_execs_leave_one_empty_cgroup_to_the_next(pod: Pod, peer: Peer, client: Peer) -> None:
    if pod.cgroup is None:
        pytest.skip("no cgroup2 hierarchy is mounted")

    def left() -> list[str]:
        return [place.name for place in (pod.cgroup / "web.0").iterdir() if place.name.startswith("exec-")]

    for _ in range(20):  # the answer comes while the process that failed is still on its way out
        assert peer.call_spec("EXEC", pod.execution("web", "/nope", extra=[("OUTPUT_LIMIT", 1)])).kind == "ERROR"
    kept = [pod.execute(peer, "web", "/bin/sh", "-c", "sleep 1000 & echo $!")[1] for _ in range(3)]
    assert len(left()) >= len(kept)
    assert pod.execute(peer, "web", "/bin/sh", "-c", "kill -9 " + b" ".join(kept).decode().replace("\n", " "))[0] == 0
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and len(left()) > 1:  # the next exec to end takes what earlier ones left behind
        assert pod.execute(peer, "web", "/bin/true")[0] == 0
    for _ in range(2):  # the one that was the last to clean up leaves nothing
        assert pod.execute(peer, "web", "/bin/true")[0] == 0
    spare = left()
    assert len(spare) == 1
    assert "populated 0" in (pod.cgroup / "web.0" / spare[0] / "cgroup.events").read_text()
    where = pod.execute(peer, "web", "/bin/cat", "/proc/self/cgroup")[1].decode()
    assert where.splitlines()[-1].endswith(f"/{spare[0]}")
    assert left() == spare
    (pod.cgroup / "web.0" / spare[0]).rmdir()  # by somebody who tidies up
    assert pod.execute(peer, "web", "/bin/true")[0] == 0
    assert len(left()) == 1
    assert left() != spare


# --- attach -----------------------------------------------------------------------------------------------------------


def attach(peer: Peer, pod: Pod, name: str, **ends: int) -> Message:
    bits = {"stdin": 1, "stdout": 2, "stderr": 4}
    streams = sum(bits[which] for which in ends)
    return peer.call("ATTACH", [("CONTAINER_ID", pod.id(name)), ("STREAMS", streams)], list(ends.values()))


def test_attach_sees_output_from_now_on_and_the_end(pod: Pod, peer: Peer, shim: Shim) -> None:
    pod.start(
        peer, "web", "/bin/sh", "-c", "echo before; read line; echo $line; echo err >&2; exit 2", extra=[("STDIN", 1)]
    )
    pod.wait_until_printed("web", "before")
    client = Peer(shim.path, CLIENT)
    stdin, write_in = os.pipe()
    read_out, stdout = os.pipe()
    read_err, stderr = os.pipe()
    answer = attach(client, pod, "web", stdin=stdin, stdout=stdout, stderr=stderr)
    assert answer.kind == "OK"
    for fd in (stdin, stdout, stderr):
        os.close(fd)
    os.write(write_in, b"typed\n")
    assert read_all(read_out) == b"typed\n"
    assert read_all(read_err) == b"err\n"
    assert client.record("ATTACH_ENDED", EXEC_ID=answer.id).REASON == "exited"
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 2
    assert {"stdout F before", "stdout F typed", "stderr F err"} == set(pod.log("web"))
    os.close(write_in)
    client.close()


@pytest.mark.parametrize("once", [0, 1])
def test_stdin_once_ends_with_its_first_client(pod: Pod, peer: Peer, shim: Shim, once: int) -> None:
    pod.start(peer, "web", "/bin/sh", "-c", "cat; echo end", extra=[("STDIN", 1), ("STDIN_ONCE", once)])
    client = Peer(shim.path, CLIENT)
    big = bytes(range(256)) * 4000
    file = os.memfd_create("input")
    os.write(file, big)
    os.lseek(file, 0, os.SEEK_SET)
    ours, theirs = socket.socketpair()
    assert attach(client, pod, "web", stdin=file, stdout=theirs.fileno()).kind == "OK"
    theirs.close()
    os.close(file)
    seen = b""
    while len(seen) < len(big):
        seen += ours.recv(65536)
    if not once:
        # The next client's input goes to the same stdin.
        stdin, write_in = os.pipe()
        assert attach(client, pod, "web", stdin=stdin).kind == "OK"
        os.close(stdin)
        os.write(write_in, b"more")
        os.close(write_in)
        while len(seen) < len(big) + 4:
            seen += ours.recv(65536)
        assert seen == big + b"more"
        peer.call("SIGNAL", [("CONTAINER_ID", pod.id("web")), ("SIGNAL", signal.SIGKILL)])
    else:
        assert peer.record("CONTAINER_EXITED").EXIT_CODE == 0
        while piece := ours.recv(65536):
            seen += piece
        assert seen == big + b"end\n"
    ours.close()
    client.close()


def test_a_slow_client_is_dropped_and_nobody_waits(pod: Pod, peer: Peer, shim: Shim) -> None:
    line = "head -c 100000 /dev/zero | tr '\\0' x; echo"
    script = f"read go; i=0; while [ $i -lt 60 ]; do {line}; i=$((i+1)); done; echo finished"
    pod.start(peer, "web", "/bin/sh", "-c", script, extra=[("STDIN", 1)])
    slow = Peer(shim.path, CLIENT)
    quick = Peer(shim.path, CLIENT)
    never_read, stdout = os.pipe()
    slow_answer = attach(slow, pod, "web", stdout=stdout)
    os.close(stdout)
    stdin, write_in = os.pipe()
    read_out, stdout = os.pipe()
    quick_answer = attach(quick, pod, "web", stdin=stdin, stdout=stdout)
    os.close(stdin)
    os.close(stdout)
    os.write(write_in, b"go\n")
    output = read_all(read_out)
    assert slow.record("ATTACH_ENDED", EXEC_ID=slow_answer.id).REASON == "slow"
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 0
    ended = quick.record("ATTACH_ENDED", EXEC_ID=quick_answer.id).REASON
    assert ended == "slow" or output.endswith(b"finished\n")  # a reader in Python may be slow, too
    assert pod.log("web")[-1] == "stdout F finished"
    os.close(never_read)
    os.close(write_in)
    slow.close()
    quick.close()


def test_a_container_with_a_terminal(pod: Pod, peer: Peer, shim: Shim) -> None:
    script = "tty; echo to stderr >&2; read line; stty size; echo got $line"
    pod.start(peer, "tty", "/bin/sh", "-c", script, extra=[("TTY", 1), ("STDIN", 1)])
    client = Peer(shim.path, CLIENT)
    assert client.call("RESIZE", [("CONTAINER_ID", pod.id("tty")), ("ROWS", 7), ("COLUMNS", 70)]).kind == "OK"
    ours, theirs = socket.socketpair()
    answer = attach(client, pod, "tty", stdin=theirs.fileno(), stdout=theirs.fileno())
    theirs.close()
    ours.send(b"word\n")
    assert client.record("ATTACH_ENDED", EXEC_ID=answer.id).REASON == "exited"
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 0
    lines = pod.log("tty")
    assert any(line.startswith("stdout F /dev/pts/") for line in lines)
    assert "stdout F to stderr" in lines and "stdout F 7 70" in lines and "stdout F got word" in lines
    ours.close()
    client.close()


def test_a_clients_terminal_is_not_made_non_blocking(pod: Pod, peer: Peer, shim: Shim) -> None:
    pod.start(peer, "web", "/bin/sh", "-c", "read line; echo $line", extra=[("STDIN", 1)])
    client = Peer(shim.path, CLIENT)
    master, slave = os.openpty()
    attributes = termios.tcgetattr(slave)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    answer = attach(client, pod, "web", stdin=slave, stdout=slave)
    assert answer.kind == "OK"
    os.write(master, b"line\n")
    assert client.record("ATTACH_ENDED", EXEC_ID=answer.id).REASON == "exited"
    assert not fcntl.fcntl(slave, fcntl.F_GETFL) & os.O_NONBLOCK
    waiting = array.array("i", [0])
    fcntl.ioctl(master, termios.FIONREAD, waiting)
    assert os.read(master, 100) == b"line\r\n"
    os.close(master)
    os.close(slave)
    client.close()


def test_attaching_again_and_again_leaves_nothing(pod: Pod, peer: Peer, shim: Shim) -> None:
    pod.start(peer, "web", "/bin/sh", "-c", "while :; do echo line; sleep 0.001; done", extra=[("STDIN", 1)])
    before = len(os.listdir(f"/proc/{shim.pid}/fd"))
    for _ in range(50):
        client = Peer(shim.path, CLIENT)
        stdin, write_in = os.pipe()
        read_out, stdout = os.pipe()
        assert attach(client, pod, "web", stdin=stdin, stdout=stdout).kind == "OK"
        os.close(stdin)
        os.close(stdout)
        os.read(read_out, 10)
        client.close()
        os.close(write_in)
        os.close(read_out)
    Peer(shim.path, CLIENT).close()
    peer.call("SIGNAL", [("CONTAINER_ID", "x"), ("SIGNAL", 1)])
    assert len(os.listdir(f"/proc/{shim.pid}/fd")) <= before + 3
