"""``pods/exec`` and ``pods/attach`` of a real daemon, by the clients that people have."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import kubernetes.client
import kubernetes.config
import kubernetes.stream
import pytest

import real_pods
from kubectls import environ, streams
from kubectls import kubectl as kubectl
from nsrunner.api.client import Refused
from real_daemon import SECONDS, RealDaemon
from real_daemon import daemon as daemon

EXEC = "/namespaces/default/pods/web/exec"
ATTACH = "/namespaces/default/pods/web/attach"


def query(*command: str, **flags: object) -> str:
    return urlencode([*(("command", word) for word in command), *flags.items()])


@pytest.fixture
def web(daemon: RealDaemon) -> RealDaemon:
    daemon.create(real_pods.pod(name="web"))
    return daemon


def received(socket: Any, *, text: bool = False) -> tuple[bytes, bytes, bytes]:
    """What came on stdout, stderr and the error channel until the end."""
    channels = {1: b"", 2: b"", 3: b""}
    while message := socket.recv():
        if text:
            channels[int(message[0])] += base64.b64decode(message[1:])
        else:
            channels[message[0]] += message[1:]
    return channels[1], channels[2], channels[3]


def until(condition: Callable[[], bool]) -> None:
    """For what has no event: what another process holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def commands(daemon: RealDaemon) -> set[str]:
    """The command lines of all processes in the daemon's pods."""
    found = set()
    for pod in (daemon.root / "run/pods").iterdir():
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if pod.name in (entry / "cgroup").read_text():
                        found.add((entry / "cmdline").read_text().replace("\0", " ").strip())
                except OSError:
                    continue
    return found


# --- WebSockets -------------------------------------------------------------------------------------------------------

SCRIPT = "echo out; echo err >&2; exit 5"
FAILURE = {
    "metadata": {},
    "status": "Failure",
    "message": "command terminated with non-zero exit code: exit status 5",
    "reason": "NonZeroExitCode",
    "details": {"causes": [{"reason": "ExitCode", "message": "5"}]},
}


def test_every_dialect(web: RealDaemon) -> None:
    for protocol in ("v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io"):
        for script, status in ((SCRIPT, FAILURE), ("echo out; echo err >&2", {"metadata": {}, "status": "Success"})):
            asked = query("sh", "-c", script, stdout="true", stderr="true")
            with web.websocket(EXEC, [protocol], asked) as socket:
                assert socket.subprotocol == protocol
                out, err, end = received(socket, text="base64" in protocol)
            assert (out, err, json.loads(end)) == (b"out\n", b"err\n", status)
    for protocol in ("channel.k8s.io", "base64.channel.k8s.io"):
        for script, told in ((SCRIPT, FAILURE["message"].encode()), ("echo out; echo err >&2", b"")):  # type: ignore[attr-defined]
            with web.websocket(EXEC, [protocol], query("sh", "-c", script, stdout="1", stderr="1")) as socket:
                assert received(socket, text="base64" in protocol) == (b"out\n", b"err\n", told)
    with web.websocket(EXEC, [], query("echo", "out", stdout="1")) as socket:
        assert socket.subprotocol is None
        assert received(socket) == (b"out\n", b"", b"")


def test_stdin_and_its_end(web: RealDaemon) -> None:
    with web.websocket(EXEC, ["v5.channel.k8s.io"], query("cat", stdin="true", stdout="true")) as socket:
        assert socket.recv() == b"\x01", "the connection stands"
        socket.send_binary(b"\x00hello ")
        assert socket.recv() == b"\x01hello "
        socket.send_binary(b"\x00" + b"x" * 300_000)
        socket.send_binary(b"\xff\x00")
        out, _, end = received(socket)
        assert out == b"x" * 300_000
        assert json.loads(end)["status"] == "Success"


def test_what_nobody_asked_for_is_dropped(web: RealDaemon) -> None:
    with web.websocket(EXEC, ["v4.channel.k8s.io"], query("sh", "-c", "cat; " + SCRIPT, stderr="true")) as socket:
        assert received(socket) == (b"", b"err\n", json.dumps(FAILURE, separators=(",", ":")).encode())


def test_a_terminal_and_its_size(web: RealDaemon) -> None:
    asked = query("sh", stdin="true", stdout="true", tty="true")
    with web.websocket(EXEC, ["v5.channel.k8s.io"], asked) as socket:
        socket.send_binary(b'\x04{"Width":101,"Height":43}\n')
        socket.send_binary(b"\x00stty size; echo $TERM; tty; exit 7\n")
        out, _, end = received(socket)
    assert b"43 101\r\n" in out
    assert b"\r\nxterm\r\n" in out
    assert b"/dev/pts/" in out
    assert json.loads(end)["details"]["causes"][0]["message"] == "7"


def test_a_terminals_input_ends(web: RealDaemon) -> None:
    asked = query("cat", stdin="true", stdout="true", tty="true")
    with web.websocket(EXEC, ["v5.channel.k8s.io"], asked) as socket:
        socket.send_binary(b"\xff\x00")
        assert json.loads(received(socket)[2])["status"] == "Success"


def test_what_cannot_be_run(web: RealDaemon) -> None:
    with web.websocket(EXEC, ["v4.channel.k8s.io"], query("no-such", stdout="true")) as socket:
        status = json.loads(received(socket)[2])
    assert status["reason"] == "InternalError"
    assert 'exec: "no-such": executable file not found in $PATH' in status["message"]


@pytest.mark.parametrize(
    ("path", "asked", "code", "message"),
    [
        (EXEC, query("true"), 400, "you must specify at least 1 of stdin, stdout, stderr"),
        (EXEC, query(stdout="true"), 400, "you must specify at least one command for the container"),
        (EXEC, query("true", stdout="true", container="no"), 400, "container no is not valid for pod web"),
        (EXEC, query("true", stdout="true"), 400, "Upgrade request required"),
        (EXEC, query("true\0", stdout="true"), 400, "the command has a NUL byte in it"),
        (EXEC.replace("web", "ended"), query("true", stdout="1"), 400, 'container not found ("main")'),
        (ATTACH, "", 400, "you must specify at least 1 of stdin, stdout, stderr"),
    ],
)
def test_what_is_refused(web: RealDaemon, path: str, asked: str, code: int, message: str) -> None:
    if "ended" in path:
        web.create(real_pods.pod(real_pods.container("main", "true"), name="ended"), until="Succeeded")
    for method in ("GET", "POST"):
        with pytest.raises(Refused) as caught, web.client() as client:
            client.call(method, f"/api/v1{path}?{asked}")
        assert (caught.value.code, caught.value.status["message"]) == (code, message)


def test_a_vanished_client_takes_its_command_with_it(web: RealDaemon) -> None:
    """Also what that started, while it reads nothing, while it writes into the void, and with stdin that is full."""
    script = "sleep 7001 & sleep 7002 & wait"
    asked = query("sh", "-c", script, stdin="true", stdout="true")
    with web.websocket(EXEC, ["v5.channel.k8s.io"], asked):
        until(lambda: {"sleep 7001", "sleep 7002"} <= commands(web))
    with web.websocket(EXEC, ["v5.channel.k8s.io"], query("sh", "-c", "exec yes 7003", stdout="true")):
        until(lambda: "yes 7003" in commands(web))
    with web.websocket(EXEC, ["v5.channel.k8s.io"], query("sleep", "7004", stdin="1", stdout="1")) as socket:
        until(lambda: "sleep 7004" in commands(web))
        socket.sock.settimeout(1.0)
        with pytest.raises(TimeoutError):
            while True:
                socket.sock.sendall(b"\x82\xfe\x10\x00\0\0\0\0" + bytes(4096))
    until(lambda: not [command for command in commands(web) if "700" in command])
    assert "sleep infinity" in commands(web)


def test_a_daemon_that_dies_takes_execs_with_it(web: RealDaemon) -> None:
    with web.websocket(EXEC, ["v5.channel.k8s.io"], query("sleep", "7005", stdin="1", stdout="1", tty="1")):
        until(lambda: "sleep 7005" in commands(web))
        web.restart(9)
        until(lambda: "sleep 7005" not in commands(web))
    assert "sleep infinity" in commands(web)


def test_many_at_once_and_nothing_left(web: RealDaemon) -> None:
    fds = f"/proc/{web.process.pid}/fd"
    with web.websocket(EXEC, ["v4.channel.k8s.io"], query("true", stdout="true")) as socket:
        received(socket)
    before = len(os.listdir(fds))
    with ExitStack() as stack:
        asked = query("sh", "-c", "cat; sleep 7006 & exit 0", stdin="true", stdout="true", stderr="true")
        sockets = [stack.enter_context(web.websocket(EXEC, ["v5.channel.k8s.io"], asked)) for _ in range(40)]
        for number, socket in enumerate(sockets):
            socket.send_binary(b"\x00%d" % number)
            socket.send_binary(b"\xff\x00")
        for number, socket in enumerate(sockets):
            assert received(socket)[:2] == (b"%d" % number, b"")
    until(lambda: len(os.listdir(fds)) <= before)


# --- attach -----------------------------------------------------------------------------------------------------------


def test_attach_sees_what_comes_and_feeds_stdin(daemon: RealDaemon) -> None:
    loop = "while read line; do echo got $$line; echo err $$line >&2; done; echo over"
    script = real_pods.shell("main", loop.replace("$$", "$"), stdin=True, stdinOnce=True)
    daemon.create(real_pods.pod(script, name="web"))
    asked = "stdin=true&stdout=true&stderr=true"
    with daemon.websocket(ATTACH, ["v5.channel.k8s.io"], "stdout=true&stderr=true") as other:
        with daemon.websocket(ATTACH, ["v5.channel.k8s.io"], asked) as socket:
            assert socket.recv() == b"\x01"
            socket.send_binary(b"\x00one\ntwo\n")
            socket.send_binary(b"\xff\x00")
            ours = received(socket)
        theirs = received(other)
    assert ours[:2] == theirs[:2] == (b"got one\ngot two\nover\n", b"err one\nerr two\n")
    assert json.loads(ours[2])["status"] == json.loads(theirs[2])["status"] == "Success"
    daemon.wait("web", "Succeeded")


def test_an_attached_client_that_does_not_read(daemon: RealDaemon) -> None:
    """The container goes on; the client is dropped."""
    script = real_pods.shell("main", "read go; head -c 30000000 /dev/zero; echo done >&2", stdin=True)
    daemon.create(real_pods.pod(script, name="web"))
    with daemon.websocket(ATTACH, ["v5.channel.k8s.io"], "stdin=true&stdout=true") as socket:
        socket.send_binary(b"\x00go\n")
        daemon.wait("web", "Succeeded")


def test_attach_to_a_terminal(daemon: RealDaemon) -> None:
    daemon.create(real_pods.pod(real_pods.container("main", "sh", stdin=True, tty=True), name="web"))
    asked = "stdin=true&stdout=true&tty=true"
    with daemon.websocket(ATTACH, ["v5.channel.k8s.io"], asked) as socket:
        socket.send_binary(b'\x04{"Width":90,"Height":33}')
        socket.send_binary(b"\x00stty size; exit\n")
        assert b"33 90\r\n" in received(socket)[0]


# --- real clients -----------------------------------------------------------------------------------------------------


@streams
def test_kubectl_exec(web: RealDaemon, websockets: str) -> None:
    env = environ(websockets)
    result = web.kubectl("exec", "web", "--", "sh", "-c", SCRIPT, env=env, check=False)
    assert (result.returncode, result.stdout) == (5, "out\n")
    assert result.stderr == "err\ncommand terminated with exit code 5\n"
    data = os.urandom(3_000_000)
    copied = web.kubectl("exec", "-i", "web", "--", "cat", env=env, input=data, text=False)
    assert copied.stdout == data
    wrong = web.kubectl("exec", "web", "--", "no-such", env=env, check=False)
    assert wrong.returncode == 1
    assert "executable file not found in $PATH" in wrong.stderr
    gone = web.kubectl("exec", "web", "-c", "no", "--", "true", env=env, check=False)
    assert gone.returncode == 1
    assert "container no is not valid for pod web" in gone.stderr or "container no not found" in gone.stderr


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 44, 102, 0, 0))
    yield ours, theirs
    os.close(ours)


@streams
def test_kubectl_exec_with_a_terminal(web: RealDaemon, websockets: str, terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    process = subprocess.Popen(
        web.kubectl_command("exec", "-it", "web", "--", "sh"),
        env={**os.environ, **environ(websockets)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    # The size comes by a stream of its own, maybe when the shell runs already.
    os.write(ours, b"until stty size | grep -v '^0 0'; do :; done; echo $((40+2)); exit 3\n")
    shown = b""
    while select.select([ours], [], [], SECONDS)[0]:
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        shown += data
    assert process.wait(SECONDS) == 3
    assert re.search(rb"44 102\r\n42\r\n", shown), shown


@streams
def test_kubectl_attach(daemon: RealDaemon, websockets: str) -> None:
    script = real_pods.shell("main", "while read line; do echo got $line; done; echo over", stdin=True, stdinOnce=True)
    daemon.create(real_pods.pod(script, name="web"))
    result = daemon.kubectl("attach", "-i", "web", env=environ(websockets), input="one\ntwo\n")
    assert "got one\ngot two\nover\n" in result.stdout
    daemon.wait("web", "Succeeded")


@streams
def test_kubectl_cp(web: RealDaemon, websockets: str, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.mkdir()
    (source / "file").write_bytes(os.urandom(1_000_000))
    target = f"/tmp/{web.root.name}-cp"
    try:
        web.kubectl("cp", str(source), f"web:{target}", env=environ(websockets))
        web.kubectl("cp", f"web:{target}", str(back), env=environ(websockets))
    finally:
        web.kubectl("exec", "web", "--", "rm", "-rf", target)
    assert (back / "file").read_bytes() == (source / "file").read_bytes()


@pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")  # its own
def test_the_python_client(web: RealDaemon) -> None:
    configuration = kubernetes.client.Configuration()
    kubernetes.config.load_kube_config(str(web.kubeconfig), client_configuration=configuration)
    with kubernetes.client.ApiClient(configuration) as client:
        api = kubernetes.client.CoreV1Api(client)
        call = api.connect_get_namespaced_pod_exec
        command = ["sh", "-c", "read x; echo got $x; echo err >&2; exit 4"]
        flags = {"stdin": True, "stdout": True, "stderr": True, "tty": False, "_preload_content": False}
        session = kubernetes.stream.stream(call, "web", "default", command=command, **flags)
        session.write_stdin("word\n")
        session.run_forever(timeout=SECONDS)
        assert (session.read_stdout(), session.read_stderr(), session.returncode) == ("got word\n", "err\n", 4)
        session.close()
        whole = kubernetes.stream.stream(call, "web", "default", command=["echo", "hello"], stdout=True)
        assert whole == "hello\n"
        assert api.read_namespaced_pod_log("web", "default") == ""
