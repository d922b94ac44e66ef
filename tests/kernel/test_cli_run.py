"""``nsrunner run`` with real pods: exit codes, signals, output, and that nothing outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kernel.cli_driver import NSRUNNER, background, manifest, nsrunner, processes_with, terminal, until

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a manifest; returns its name."""

    def write(text: str = "", **arguments: object) -> str:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        path.write_text(text or manifest(**arguments))  # type: ignore[arg-type]  # passed on
        return str(path)

    return write


# --- exit codes and output --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pod", "code"),
    [
        ({"containers": {"a": "true"}}, 0),
        ({"containers": {"a": "exit 3"}}, 3),
        ({"containers": {"a": "true", "b": "exit 5"}}, 5),
        ({"containers": {"a": "sleep 0.3; exit 4", "b": "exit 5"}}, 4),
        ({"containers": {"a": "kill -9 $$$$"}, "shareProcessNamespace": True}, 137),
        ({"containers": {"a": "true"}, "init": {"i": "true", "j": "exit 7"}}, 7),
    ],
)
def test_exit_codes(write: Write, pod: dict[str, object], code: int) -> None:
    done = nsrunner("run", write(**pod))
    assert done.returncode == code, done.stderr


def test_lines_and_events(write: Write) -> None:
    done = nsrunner("run", write(containers={"web": "echo hello; printf '%s' unfinished", "b": "echo error >&2"}))
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["b   | error", "web | hello", "web | unfinished"]
    said = [line[10:] for line in done.stderr.splitlines()]
    assert "container web: Started: Container started" in said
    assert "pod p is Pending" in said
    assert "container web ended with exit code 0" in said
    assert said[-1] == "pod p is Succeeded"


def test_bytes_arrive_as_they_are(write: Write) -> None:
    script = "perl -e 'print map { chr($_ % 256) } 0 .. 99999'"
    path = write(containers={"a": script})
    done = subprocess.run([NSRUNNER, "run", path, "--no-prefix", "-q"], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == bytes(number % 256 for number in range(100_000))


def test_json(write: Write) -> None:
    done = nsrunner("run", write(containers={"a": "echo hello; exit 3"}), "-o", "json")
    assert done.returncode == 3
    pod = json.loads(done.stdout)
    assert pod["status"]["phase"] == "Failed"
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    assert "a | hello\n" in done.stderr


def test_several_pods_and_a_config_map(write: Write, tmp_path: Path) -> None:
    documents = [
        json.loads(manifest(name, containers={"c": f"echo $WORD {name}; exit {code}"}))
        for name, code in (("x", 0), ("y", 6))
    ]
    documents[0]["spec"]["containers"][0]["env"] = [
        {"name": "WORD", "valueFrom": {"configMapKeyRef": {"name": "words", "key": "greeting"}}}
    ]
    documents.append(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "words"}, "data": {"greeting": "hi"}}
    )
    path = write("\n---\n".join(map(json.dumps, documents)))
    done = nsrunner("run", path, "-o", "json")
    assert done.returncode == 6, done.stderr
    assert [pod["status"]["phase"] for pod in json.loads(done.stdout)["items"]] == ["Succeeded", "Failed"]
    assert "x/c | hi x\n" in done.stderr
    only = nsrunner("run", path, "--pod", "x")
    assert (only.returncode, only.stdout) == (0, "c | hi x\n")


def test_a_crash_loop_says_when_it_goes_on(write: Write) -> None:
    with background("run", write(containers={"a": "echo try; exit 3"}, restartPolicy="Always")) as run:
        run.expect("a | try\n")
        run.expect("container a waits: CrashLoopBackOff, next start at ")
        run.signal(signal.SIGINT)
        assert run.wait() == 130


def test_bad_input_touches_nothing(write: Write) -> None:
    root = Path(os.environ["NSRUNNER_ROOT"])
    done = nsrunner("run", write(containers={}))
    assert done.returncode == 2
    assert "spec.containers: Required value" in done.stderr
    assert not list(root.iterdir())


def test_an_image_that_is_not_here(write: Write) -> None:
    path = write(
        json.dumps(json.loads(manifest(containers={"a": "echo hello"}))).replace(
            '"image": "host"', '"image": "busybox"'
        )
    )
    done = nsrunner("run", path, "--image-fallback", "host")
    assert (done.returncode, done.stdout) == (0, "a | hello\n")
    with background("run", path) as run:
        run.expect("container a waits: ")
        run.signal(signal.SIGTERM)
        assert run.wait() == 143


def test_not_root(write: Write, tmp_path: Path) -> None:
    path = write(containers={"a": "true"})
    readable = Path("/tmp") / f"nsr-{os.getpid()}.json"
    readable.write_bytes(Path(path).read_bytes())
    readable.chmod(0o644)
    try:
        # It may read everything, as the checkout may lie in /root.
        reads = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
        words = ["setpriv", "--reuid", "65534", "--clear-groups", *reads, NSRUNNER, "run", str(readable)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    finally:
        readable.unlink()
    assert done.returncode == 125, done.stderr
    assert "root" in done.stderr
    assert "Traceback" not in done.stderr


# --- ending it --------------------------------------------------------------------------------------------------------

POLITE = "trap 'echo bye; exit 0' TERM; echo at work; while :; do sleep 0.05; done"
STUBBORN = "trap 'echo no' TERM; echo at work; while :; do sleep 0.05; done"


def test_ctrl_c(write: Write) -> None:
    with terminal("run", write(containers={"a": POLITE})) as run:
        run.expect("at work")
        run.send(b"\x03")
        run.expect("Ctrl-C: deleting gracefully, within 30 s; again: at once")
        run.expect("bye")
        run.rest()
        assert run.wait() == 130


def test_ctrl_c_twice(write: Write) -> None:
    with terminal("run", write(containers={"a": STUBBORN})) as run:
        run.expect("at work")
        run.send(b"\x03")
        run.expect("no")
        start = time.monotonic()
        run.send(b"\x03")
        run.expect("Ctrl-C: deleting at once")
        run.rest()
        assert run.wait() == 130
        assert time.monotonic() - start < 5, "the grace period is 30 s"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130)])
def test_signals(write: Write, number: signal.Signals, code: int) -> None:
    with background("run", write(containers={"a": POLITE})) as run:
        run.expect("a | at work\n")
        run.signal(number)
        run.expect("a | bye\n")
        assert run.wait() == code


def test_a_terminal_that_hangs_up(write: Write) -> None:
    with terminal("run", write(containers={"a": POLITE})) as run:
        run.expect("at work")
        os.close(run.out)
        assert run.wait() in (143, 141)
        run.out = os.open("/dev/null", os.O_RDONLY)
        os.dup2(run.out, run.given or run.out)


def test_timeout(write: Write) -> None:
    done = nsrunner("run", write(containers={"a": POLITE}), "--timeout", "1s")
    assert done.returncode == 124
    assert done.stdout == "a | at work\na | bye\n"
    assert "the timeout of 1 s has passed: deleting gracefully" in done.stderr


def test_grace_period(write: Write) -> None:
    start = time.monotonic()
    done = nsrunner("run", write(containers={"a": STUBBORN}), "--timeout", "1s", "--grace-period", "1")
    assert done.returncode == 124
    assert time.monotonic() - start < 10


def test_the_reader_goes_away(write: Write) -> None:
    path = write(containers={"a": "while :; do echo line; sleep 0.01; done"})
    script = f'"{NSRUNNER}" run "{path}" --grace-period 1 | head -n 1; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "a | line\n141\n"
    assert "Traceback" not in done.stderr


def test_a_reader_that_does_not_read_keeps_nobody(write: Write) -> None:
    """A paused terminal: the pod goes on, and Ctrl-C ends it all the same."""
    path = write(
        containers={
            "a": "yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | head -n 500000; touch /tmp/done; sleep 60",
            "b": "sleep 60",
        }
    )
    with background("run", path, "--grace-period", "1", stderr=subprocess.DEVNULL) as run:
        run.expect("a | a")
        run.signal(signal.SIGINT)
        assert run.wait() == 130


def test_kill_9_leaves_nothing(write: Write) -> None:
    root = Path(os.environ["NSRUNNER_ROOT"])
    word = f"sleep-{os.getpid()}-{time.monotonic_ns()}"
    loop = f"sh -c 'while :; do sleep 1; done' {word}"
    script = f"trap '' TERM INT HUP; setsid {loop} & echo ready; {loop}"
    with background("run", write(containers={"a": script, "b": script})) as run:
        run.expect("| ready\n")
        run.expect("| ready\n")
        until("four processes", lambda: len(processes_with(word)) == 4)
        run.signal(signal.SIGKILL)
        run.wait()
        assert until("its processes are gone", lambda: not processes_with(word), within=5) < 1
        until(
            "its directories are gone",
            lambda: not list(root.glob("run/pods/*")) and not list(root.glob("log/pods/*")),
            within=3,
        )
