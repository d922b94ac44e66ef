"""``ps``, ``logs`` and ``exec`` reach the pods of ``run`` and of programs from another process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import nsrunner as library
from kernel.cli_driver import Running, background, manifest, nsrunner, terminal, until

WAITS = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Running]:
    """A pod with two containers that wait, run by another process."""
    path = tmp_path / "web.json"
    path.write_text(manifest("web", containers={"a": WAITS, "b": WAITS}))
    with background("run", str(path)) as run:
        run.expect("pod web is Ready")
        until("it is published", lambda: "Running" in nsrunner("ps").stdout)
        yield run
        run.signal(signal.SIGTERM)
        run.rest()
        assert run.wait() == 143


def test_ps(web: Running) -> None:
    titles, row = nsrunner("ps").stdout.splitlines()
    assert titles.split() == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "OWNER"]
    assert re.fullmatch(rf"default +web +2/2 +Running +0 +\d+s +nsrunner \(pid {web.pid}\)", row)
    (pod,) = json.loads(nsrunner("ps", "-o", "json").stdout)["items"]
    assert pod["kind"] == "Pod"
    assert pod["status"]["phase"] == "Running"
    assert nsrunner("ps", "-o", "name").stdout == "pod/web\n"
    completed = nsrunner("__complete", "--", "exec", "web", "-c", "")
    assert completed.stdout == "a\nb\n"


def test_a_pod_of_a_program(tmp_path: Path) -> None:
    with library.Pod.from_yaml(manifest("mine", containers={"a": WAITS})) as pod:
        pod.wait("Ready", timeout=30)
        until("it is published", lambda: "Running" in nsrunner("ps").stdout)
        assert f"(pid {os.getpid()})" in nsrunner("ps").stdout
        assert nsrunner("exec", pod.uid, "--", "echo", "hello").stdout == "hello\n"
        assert nsrunner("logs", "mine").stdout == "ready\n"
    assert nsrunner("ps").stderr == "No pods are running.\n"


def test_a_pod_that_takes_its_time_to_end_is_terminating(tmp_path: Path) -> None:
    path = tmp_path / "slow.json"
    path.write_text(manifest("slow", containers={"a": "trap '' TERM; echo ready; while :; do sleep 0.05; done"}))
    with background("run", str(path)) as run:
        run.expect("pod slow is Ready")
        until("it is published", lambda: "Running" in nsrunner("ps").stdout)
        run.signal(signal.SIGTERM)
        until("its deletion is published", lambda: "Terminating" in nsrunner("ps").stdout)
        (pod,) = json.loads(nsrunner("ps", "-o", "json").stdout)["items"]
        assert pod["metadata"]["deletionGracePeriodSeconds"] == pod["spec"]["terminationGracePeriodSeconds"]
        assert pod["status"]["phase"] == "Running"
        run.signal(signal.SIGTERM)
        run.rest()
        assert run.wait() == 143


def test_exec(web: Running) -> None:
    done = nsrunner("exec", "web", "-c", "b", "--", "sh", "-c", "echo out; echo err >&2; exit 42")
    assert (done.returncode, done.stdout, done.stderr) == (42, "out\n", "err\n")
    assert nsrunner("exec", "web", "-c", "b", "--", "hostname").stdout == "web\n"
    assert nsrunner("exec", "web", "-c", "a", "--", "sh", "-c", "kill -9 $$").returncode == 137
    given = nsrunner("exec", "-i", "web", "-c", "a", "--", "cat", input="in\n")
    assert (given.returncode, given.stdout) == (0, "in\n")
    assert nsrunner("exec", "web", "-c", "a", "--", "cat", input="unread").stdout == ""


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("/no/such/program", 127, "no such file or directory"),
        ("nosuchprogram", 127, '"nosuchprogram": executable file not found in $PATH'),
        ("/etc/passwd", 126, "permission denied"),
        ("/etc", 126, "permission denied"),
    ],
)
def test_exec_of_what_cannot_be_run(web: Running, command: str, code: int, message: str) -> None:
    done = nsrunner("exec", "web", "-c", "a", "--", command)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("nsrunner: exec failed: ")
    assert message in done.stderr


def test_exec_errors(web: Running) -> None:
    done = nsrunner("exec", "web", "-c", "nosuch", "--", "echo", "oops")
    assert (done.returncode, done.stdout) == (1, "")
    assert "container nosuch not found in pod web" in done.stderr
    done = nsrunner("exec", "wbe", "--", "true")
    assert (done.returncode, done.stderr) == (1, 'nsrunner: pods "wbe" not found. Did you mean "web"?\n')


def test_exec_with_a_terminal(web: Running) -> None:
    with terminal(
        "exec",
        "-it",
        "web",
        "-c",
        "a",
        "--",
        "sh",
        "-c",
        "tty; stty size; echo ready; read line; echo got $line; exit 5",
    ) as shell:
        shell.expect("/dev/pts/0\r\n")
        shell.expect("24 80\r\nready\r\n") if os.get_terminal_size(shell.out).lines else shell.expect("ready\r\n")
        shell.send(b"hello\r")
        shell.expect("got hello\r\n")
        shell.rest()
        assert shell.wait() == 5


def test_ctrl_c_in_a_terminal_is_for_the_command(web: Running) -> None:
    with terminal(
        "exec", "-it", "web", "-c", "a", "--", "sh", "-c", "trap 'exit 9' INT; echo ready; sleep 60 & wait"
    ) as shell:
        shell.expect("ready\r\n")
        shell.send(b"\x03")
        shell.rest()
        assert shell.wait() == 9


def test_a_command_ends_with_its_client(web: Running) -> None:
    with background("exec", "web", "-c", "a", "--", "sh", "-c", "echo $$ ready; sleep 1000.7") as client:
        client.expect(" ready\n")
        client.signal(signal.SIGKILL)
        client.wait()
    gone = ["exec", "web", "-c", "a", "--", "pgrep", "-f", "sleep 1000.7"]
    until("the command is gone", lambda: nsrunner(*gone).returncode == 1, within=10)


def test_logs(web: Running) -> None:
    assert nsrunner("logs", "web", "-c", "b").stdout == "ready\n"
    stamped = nsrunner("logs", "web", "-c", "a", "--timestamps").stdout
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ready\n", stamped)
    done = nsrunner("logs", "web", "-c", "a", "--previous")
    assert done.returncode == 1
    assert done.stderr == 'nsrunner: previous terminated container "a" in pod "web" not found\n'


def test_follow_ends_with_the_pod(tmp_path: Path) -> None:
    path = tmp_path / "web.json"
    path.write_text(manifest("web", containers={"a": WAITS}))
    with background("run", str(path)) as run:
        run.expect("a | ready")
        with background("logs", "-f", "web") as follower:
            follower.expect("ready\n")
            run.signal(signal.SIGTERM)
            run.rest()
            assert run.wait() == 143
            assert follower.rest() == ""
            assert follower.wait() == 0


def test_follow_across_rotations(tmp_path: Path) -> None:
    """25 MB in lines of 100 bytes: the log is rotated twice while it is read."""
    script = (
        "echo at work; until test -e /tmp/go; do sleep 0.02; done;"
        "perl -e 'printf \"%099d\\n\", $_ for 1 .. 250000'; echo end; trap 'exit 0' TERM; while :; do sleep 0.05; done"
    )
    path = tmp_path / "big.json"
    path.write_text(manifest("big", containers={"a": script}))
    with background("run", str(path), stderr=subprocess.DEVNULL) as run:
        run.expect("a | at work\n")
        until("it is published", lambda: "Running" in nsrunner("ps").stdout)
        with background("logs", "-f", "big") as reader:
            reader.expect("at work\n")
            assert nsrunner("exec", "big", "--", "touch", "/tmp/go").returncode == 0
            read = reader.expect("end\n")
            run.expect("a | end\n")
            run.signal(signal.SIGTERM)
            assert run.wait() == 143
            assert reader.rest() == ""
            assert reader.wait() == 0
    assert read == "".join(f"{number:099d}\n" for number in range(1, 250_001))


def test_previous(tmp_path: Path) -> None:
    path = tmp_path / "loop.json"
    path.write_text(manifest("loop", containers={"a": "echo try; exit 3"}, restartPolicy="Always"))
    with background("run", str(path)) as run:
        run.expect("waits: CrashLoopBackOff")
        until("it is published", lambda: "CrashLoopBackOff" in nsrunner("ps").stdout)
        assert nsrunner("logs", "--previous", "loop").stdout == "try\n"
        assert nsrunner("logs", "loop").stdout == "try\n"
        run.signal(signal.SIGINT)
        run.rest()
        assert run.wait() == 130
