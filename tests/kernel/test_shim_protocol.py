"""The shim's protocol, spoken by a bare client (raw_shim.py): commands, records, connections."""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from raw_shim import CLIENT, CONTROLLER, ENVELOPE, MAGIC, Peer, Shim, envelope, sealed
from shim_pod import Pod, shim_of


@pytest.fixture
def pod() -> Pod:
    return Pod(Path(os.environ["NSRUNNER_ROOT"]))


@pytest.fixture
def shim(pod: Pod) -> Iterator[Shim]:
    with shim_of(pod) as running:
        yield running


@pytest.fixture
def peer(shim: Shim) -> Iterator[Peer]:
    """The controller; at the end everything is removed through it, and nothing may be left."""
    controller = Peer(shim.path)
    yield controller
    controller.close()


@pytest.fixture
def removed(pod: Pod, shim: Shim, peer: Peer) -> Iterator[None]:
    yield
    assert peer.call("REMOVE_POD").kind == "OK"
    assert shim.wait() == 0
    assert pod.left() == []


pytestmark = pytest.mark.usefixtures("removed")


# --- a pod's life -----------------------------------------------------------------------------------------------------


def test_a_container_runs_and_its_exit_is_recorded(pod: Pod, peer: Peer) -> None:
    assert peer.welcome.fields == {}
    pause = pod.create(peer)
    script = "hostname; echo err >&2; printf bye >/dev/termination-log; printf part; exit 3"
    pid = pod.start(peer, "web", "/bin/sh", "-c", script)
    assert pid != pause
    record = peer.record("CONTAINER_EXITED")
    assert ("web", pod.id("web"), 0) == (record.NAME, record.CONTAINER_ID, record.ATTEMPT)
    assert (record.EXIT_CODE, record.OOM_KILLED, record.MESSAGE) == (3, 0, b"bye")
    assert 0 < record.STARTED["BOOTTIME_NS"] <= record.FINISHED["BOOTTIME_NS"]
    assert abs(record.FINISHED["REALTIME_NS"] / 1e9 - os.stat(pod.logs / "web" / "0.log").st_mtime) < 5
    assert sorted(pod.log("web")) == ["stderr F err", "stdout F pod", "stdout P part"]
    (link,) = pod.links.iterdir()
    assert os.readlink(link) == str(pod.logs / "web" / "0.log")


def test_start_may_be_sent_before_the_sandbox_is_there(pod: Pod, peer: Peer) -> None:
    specs = [sealed(pod.sandbox()), sealed(pod.container("a", "/bin/true")), sealed(pod.container("b", "/bin/true"))]
    ids = [
        peer.send(kind, (), [fd])
        for kind, fd in zip(("CREATE_SANDBOX", "START_CONTAINER", "START_CONTAINER"), specs, strict=True)
    ]
    assert [peer.answer(id).kind for id in ids] == ["OK", "OK", "OK"]
    assert {peer.record("CONTAINER_EXITED").NAME for _ in "ab"} == {"a", "b"}
    for fd in specs:
        os.close(fd)


def test_signals(pod: Pod, peer: Peer) -> None:
    pod.create(peer)
    pod.start(peer, "trap", "/bin/sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done")
    pod.wait_until_printed("trap", "up")
    everybody = [("CONTAINER_ID", pod.id("trap")), ("SIGNAL", signal.SIGTERM), ("WHOLE", 1)]
    assert peer.call("SIGNAL", everybody).ERRNO == errno.EINVAL  # SIGKILL only
    assert peer.call("SIGNAL", [("CONTAINER_ID", pod.id("trap")), ("SIGNAL", signal.SIGTERM)]).kind == "OK"
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 7
    pod.start(peer, "kill", "/bin/sleep", "1000")
    assert peer.call("SIGNAL", [("CONTAINER_ID", pod.id("kill")), ("SIGNAL", signal.SIGKILL)]).kind == "OK"
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 128 + signal.SIGKILL
    # Gone is as good as signalled; a number that is no signal is not.
    assert peer.call("SIGNAL", [("CONTAINER_ID", pod.id("kill")), ("SIGNAL", signal.SIGTERM)]).kind == "OK"
    assert peer.call("SIGNAL", [("CONTAINER_ID", "f" * 64), ("SIGNAL", signal.SIGTERM)]).kind == "OK"
    assert peer.call("SIGNAL", [("CONTAINER_ID", pod.id("kill")), ("SIGNAL", 99)]).kind == "ERROR"


@pytest.mark.needs_tool("ionice")
def test_what_a_daemon_was_given_for_itself_is_not_its_containers(pod: Pod, peer: Peer, shim: Shim) -> None:
    """Niceness, policy, CPUs, I/O priority: nice(1), chrt(1), taskset(1), ionice(1)."""
    everywhere = os.sched_getaffinity(0)
    pod.create(peer)
    os.setpriority(os.PRIO_PROCESS, shim.pid, -7)
    os.sched_setscheduler(shim.pid, os.SCHED_BATCH, os.sched_param(0))
    os.sched_setaffinity(shim.pid, {min(everywhere)})
    subprocess.run(["ionice", "-c", "2", "-n", "1", "-p", str(shim.pid)], check=True)
    started = pod.start(peer, "web", "/bin/sleep", "1000")
    executed = peer.call_spec("EXEC", pod.execution("web", "/bin/sleep", "1000", extra=[("OUTPUT_LIMIT", 1)]))
    for pid in (started, executed.PID):
        assert os.getpriority(os.PRIO_PROCESS, pid) == 0
        assert os.sched_getscheduler(pid) == os.SCHED_OTHER
        assert os.sched_getaffinity(pid) >= everywhere
        told = subprocess.run(["ionice", "-p", str(pid)], check=True, capture_output=True, text=True).stdout
        assert told.startswith("none")
    peer.call("KILL_EXEC", [("EXEC_ID", executed.id)])
    pod.finished(peer, executed.id)


@pytest.mark.parametrize("pid_mode", [0, 1, 2], ids=["own", "shared", "host"])
@pytest.mark.needs_cgroup2
def test_with_the_first_process_all_of_a_container_ends(pod: Pod, peer: Peer, pid_mode: int) -> None:
    pod.create(peer, extra=[("PID_MODE", pid_mode)])
    script = "(trap '' HUP; sleep 1000) & setsid sleep 1000 & echo up; sleep 0.05; exit 5"
    pod.start(peer, "tree", "/bin/sh", "-c", script)
    record = peer.record("CONTAINER_EXITED")
    assert record.EXIT_CODE == 5
    assert pod.cgroup is not None
    assert "populated 0" in (pod.cgroup / "tree.0" / "cgroup.events").read_text()


def test_a_stray_holder_of_the_log_pipe_delays_nothing(pod: Pod, peer: Peer) -> None:
    """A process outside of the container holds its stdout: the record comes all the same."""
    pod.create(peer)
    pid = pod.start(peer, "web", "/bin/sh", "-c", "echo up; read never < /dev/zero; sleep 1000")
    pod.wait_until_printed("web", "up")
    holder = os.open(f"/proc/{pid}/fd/1", os.O_WRONLY)
    peer.call("SIGNAL", [("CONTAINER_ID", pod.id("web")), ("SIGNAL", signal.SIGKILL)])
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 137
    os.close(holder)


def test_stop_reports_every_container_and_keeps_volumes(pod: Pod, peer: Peer) -> None:
    volumes = [("VOLUME", [("KIND", 1), ("NAME", "disk")]), ("VOLUME", [("KIND", 2), ("NAME", "memory")])]
    pod.create(peer, extra=volumes)
    for name in ("disk", "memory"):
        answer = peer.call("OPEN_VOLUME", [("NAME", name)])
        (volume,) = answer.fds
        os.close(os.open("kept", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=volume))
        os.close(volume)
    assert peer.call("OPEN_VOLUME", [("NAME", "other")]).kind == "ERROR"
    pod.start(peer, "a", "/bin/sleep", "1000")
    pod.start(peer, "b", "/bin/sh", "-c", "trap '' TERM INT; while :; do sleep 1; done")
    assert peer.call("STOP_SANDBOX", [("ATTEMPT", 1)]).kind == "OK"
    assert {peer.record("CONTAINER_EXITED").NAME for _ in "ab"} == {"a", "b"}
    assert peer.call("STOP_SANDBOX", [("ATTEMPT", 1)]).kind == "OK"
    assert peer.call_spec("START_CONTAINER", pod.container("c", "/bin/true")).kind == "ERROR"
    pod.create(peer, attempt=2, extra=volumes)
    for name in ("disk", "memory"):
        (volume,) = peer.call("OPEN_VOLUME", [("NAME", name)]).fds
        os.stat("kept", dir_fd=volume)
        os.close(volume)
    assert peer.call("STOP_SANDBOX", [("ATTEMPT", 1)]).kind == "OK"  # a stale one touches nothing
    pod.start(peer, "c", "/bin/true")


def test_when_pause_dies_everything_is_reported_and_then_the_sandbox(pod: Pod, peer: Peer) -> None:
    pause = pod.create(peer, extra=[("PID_MODE", 1)])
    for name in "abc":
        pod.start(peer, name, "/bin/sleep", "1000")
    os.kill(pause, signal.SIGKILL)
    died = peer.until(lambda m: m.kind == "SANDBOX_DIED")
    assert died.ATTEMPT == 1
    exits = [m for m in peer.waiting if m.kind == "CONTAINER_EXITED"]
    assert {m.NAME for m in exits} == set("abc")
    assert all(m.RECORD < died.RECORD for m in exits)
    pod.create(peer, attempt=2)


def test_remove_container_takes_its_logs_link_and_layers(pod: Pod, peer: Peer) -> None:
    pod.create(peer)
    pod.start(peer, "web", "/bin/sh", "-c", "echo hello; touch /written")
    assert peer.call("REMOVE_CONTAINER", [("CONTAINER_ID", pod.id("none"))]).kind == "OK"
    peer.record("CONTAINER_EXITED")
    assert peer.call("REMOVE_CONTAINER", [("CONTAINER_ID", pod.id("web"))]).kind == "OK"
    assert list((pod.logs / "web").iterdir()) == []
    assert list(pod.links.iterdir()) == []
    assert list((pod.state / "containers").iterdir()) == []
    pod.start(peer, "busy", "/bin/sleep", "1000")
    assert peer.call("REMOVE_CONTAINER", [("CONTAINER_ID", pod.id("busy"))]).kind == "ERROR"


def test_errors(pod: Pod, peer: Peer) -> None:
    missing = peer.call_spec("START_CONTAINER", pod.container("early", "/bin/true"))
    assert (missing.kind, missing.ERRNO, missing.PATH) == ("ERROR", 3, "sandbox")
    pod.create(peer)
    again = peer.call_spec("CREATE_SANDBOX", pod.sandbox())
    assert (again.kind, again.ERRNO) == ("ERROR", 17)
    unknown = peer.call_spec("START_CONTAINER", pod.container("web", "/no/such/program"))
    assert (unknown.kind, unknown.ERRNO, unknown.PATH) == ("ERROR", 2, "/no/such/program")
    assert list((pod.state / "containers").iterdir()) == []  # nothing stays of a failed start
    assert not (pod.logs / "web" / "0.log").exists()
    pod.start(peer, "web", "/bin/sleep", "1000")
    twice = peer.call_spec("START_CONTAINER", pod.container("web", "/bin/true"))
    assert (twice.kind, twice.ERRNO) == ("ERROR", 17)
    exec_missing = peer.call_spec("EXEC", pod.execution("web", "nope", extra=[("OUTPUT_LIMIT", 1)]))
    assert (exec_missing.kind, exec_missing.ERRNO) == ("ERROR", 2)
    garbage = peer.call_spec("START_CONTAINER", b"garbage")
    assert garbage.kind == "ERROR"
    unsealed = os.memfd_create("spec")
    assert peer.call("START_CONTAINER", (), [unsealed]).kind == "ERROR"
    os.close(unsealed)


def test_a_sandbox_that_cannot_be_made_may_be_tried_again(pod: Pod, peer: Peer, shim: Shim) -> None:
    (pod.run / "status.json").write_text("kept")
    missing = ("VOLUME", [("KIND", 3), ("NAME", "host"), ("PATH", "/no/such/place"), ("TYPE", "Directory")])
    failed = peer.call_spec("CREATE_SANDBOX", pod.sandbox(extra=[missing]))
    assert (failed.kind, failed.PATH) == ("ERROR", "/no/such/place")
    assert (pod.run / "status.json").read_text() == "kept"
    Peer(shim.path, CLIENT).close()
    pod.create(peer, attempt=2)
    pod.start(peer, "web", "/bin/true")
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 0


# --- connections ------------------------------------------------------------------------------------------------------


def test_a_repeated_command_gets_its_first_answer(pod: Pod, peer: Peer, shim: Shim) -> None:
    first = peer.call_spec("CREATE_SANDBOX", pod.sandbox(), id=1000)
    again = peer.call_spec("CREATE_SANDBOX", pod.sandbox(), id=1000)
    assert first == again and first.kind == "OK"
    started = peer.call_spec("START_CONTAINER", pod.container("web", "/bin/sleep", "1000"), id=1001)
    newer = Peer(shim.path)
    assert newer.call_spec("START_CONTAINER", pod.container("web", "/bin/sleep", "1000"), id=1001) == started
    failed = newer.call_spec("START_CONTAINER", pod.container("bad", "/nope"), id=1002)
    assert newer.call_spec("START_CONTAINER", pod.container("bad", "/nope"), id=1002) == failed
    assert len(newer.running) == 1
    newer.close()
    peer.close()
    peer.greet()


def test_the_newer_controller_takes_over_and_gets_what_is_unacknowledged(pod: Pod, peer: Peer, shim: Shim) -> None:
    pod.create(peer)
    for name in "ab":
        pod.start(peer, name, "/bin/sh", "-c", "exit 1")
    first = peer.record("CONTAINER_EXITED", acknowledge=False, NAME="a")
    peer.record("CONTAINER_EXITED", acknowledge=True, NAME="b")
    pod.start(peer, "c", "/bin/sleep", "1000")
    newer = Peer(shim.path)
    assert peer.closed()
    assert pod.uid == newer.welcome.UID and newer.welcome.ATTEMPT == 1
    assert [m.NAME for m in newer.running] == ["c"]
    again = newer.record("CONTAINER_EXITED", acknowledge=False)
    assert (again.RECORD, again.NAME) == (first.RECORD, "a")
    newer.send("ACKNOWLEDGE", [("RECORD", again.RECORD)], id=0)
    newer.close()
    # Nobody is there while this one ends; the next controller learns it.
    os.kill(next(m.PID for m in newer.running), signal.SIGKILL)
    peer.close()
    peer.greet()
    assert peer.record("CONTAINER_EXITED").NAME == "c"
    assert all(m.kind != "CONTAINER_EXITED" for m in peer.waiting)


def test_sixteen_clients_and_no_more(pod: Pod, peer: Peer, shim: Shim) -> None:
    pod.create(peer)
    pod.start(peer, "web", "/bin/sleep", "1000")
    clients = [Peer(shim.path, CLIENT) for _ in range(16)]
    assert all([m.NAME for m in client.running] == ["web"] for client in clients)
    with pytest.raises((EOFError, ConnectionError)):
        Peer(shim.path, CLIENT)
    clients.pop().close()
    clients.append(Peer(shim.path, CLIENT))
    # What only a controller may say ends a client's connection.
    clients[0].send("REMOVE_POD")
    assert clients[0].closed()
    assert clients[1].call("KILL_EXEC", [("EXEC_ID", 5)]).kind == "OK"
    for client in clients:
        client.close()


def test_malformed_messages_end_the_connection_only(pod: Pod, peer: Peer, shim: Shim) -> None:
    pod.create(peer)
    hello = envelope("HELLO", 1, [("ROLE", CLIENT)])
    bad = [
        b"x",
        b"\0" * 24,
        hello[:-1],
        hello + b"\0",
        ENVELOPE.pack(MAGIC, 2, 16, 1, 0, 0),
        ENVELOPE.pack(MAGIC, 1, 999, 1, 0, 0),
        ENVELOPE.pack(MAGIC, 1, 16, 1, 8, 0) + struct.pack("<HHI", 9, 0, 1000),
        envelope("HELLO", 1, [("ROLE", 9)]),
        envelope("LIST", 1, []),  # not a hello
        envelope("HELLO", 0, [("ROLE", CLIENT)]),  # no id
        b"y" * 9000,
    ]
    for message in bad:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
            stranger.settimeout(5)
            stranger.connect(shim.path)
            stranger.send(message)
            try:
                assert stranger.recv(100) == b"", message
            except ConnectionError:
                pass
    # More descriptors than a message has, and some where none belong.
    for count in (1, 5, 40):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
            stranger.settimeout(5)
            stranger.connect(shim.path)
            socket.send_fds(stranger, [hello], [0] * count)
            try:
                assert stranger.recv(100) == b""
            except ConnectionError:
                pass
    assert peer.call("SIGNAL", [("CONTAINER_ID", "x"), ("SIGNAL", 1)]).kind == "OK"
    assert len(os.listdir(f"/proc/{shim.pid}/fd")) < 30


def test_a_second_hello_is_malformed(peer: Peer, shim: Shim) -> None:
    other = Peer(shim.path, CLIENT)
    other.send("HELLO", [("ROLE", CONTROLLER)])
    assert other.closed()
    other.close()
    assert peer.call("SIGNAL", [("CONTAINER_ID", "x"), ("SIGNAL", 1)]).kind == "OK"


def test_another_user_is_not_listened_to(pod: Pod, peer: Peer, shim: Shim) -> None:
    """Even one who can reach the socket: it is in a 0700 directory, which the test opens."""
    pod.run.chmod(0o755)
    (pod.run / "shim.sock").chmod(0o777)
    for parent in pod.run.parents[:3]:
        parent.chmod(0o755)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setresuid(65534, 65534, 65534)
            Peer(shim.path, CLIENT)
        except (EOFError, ConnectionError):
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    assert peer.call("SIGNAL", [("CONTAINER_ID", "x"), ("SIGNAL", 1)]).kind == "OK"
