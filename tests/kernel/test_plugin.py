"""The pytest plugin with real pods: in pytest runs of their own, which end well, badly, or by ``kill -9``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from kernel.cli_driver import background, processes_with, until

MANIFEST = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: a, image: host, command: [sh, -c, 'echo here is a; exec sleep $0', '1000.%s']}
  - {name: b, image: host, command: [sh, -c, 'echo here is b; exec sleep $0', '1000.%s']}
"""


def command(*options: str) -> list[str]:
    loaded = any(point.name == "nsrunner" for point in metadata.entry_points(group="pytest11"))
    plugin = [] if loaded else ["-p", "nsrunner.testing.plugin"]
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:asyncio", *plugin, *options]


def run(directory: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_it.py").write_text(test)
    return subprocess.run(command(*options), cwd=directory, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def marker(tmp_path: Path) -> str:
    """What the processes of the pods can be told by."""
    number = f"{os.getpid()}{time.monotonic_ns() % 100_000}"
    (tmp_path / "web.yaml").write_text(MANIFEST % (number, number))
    return f"1000.{number}"


def test_a_pod_for_each_test_and_one_for_all(tmp_path: Path, marker: str) -> None:
    done = run(
        tmp_path,
        """
import pytest

@pytest.fixture(scope="session")
def shared(nsrunner_pod_session):
    return nsrunner_pod_session("web.yaml")

def test_one(nsrunner_pod, shared):
    web = nsrunner_pod("web.yaml")
    assert web.exec("a", ["hostname"]).stdout == b"web\\n"
    assert web.uid != shared.uid
    assert web.logs("b") == "here is b\\n"

def test_two(shared):
    assert shared.status.phase == "Running"
""",
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert not processes_with(marker)


def test_a_failing_test_shows_logs_and_events(tmp_path: Path, marker: str) -> None:
    done = run(tmp_path, "def test_it(nsrunner_pod):\n    nsrunner_pod('web.yaml')\n    assert 1 == 2\n")
    assert done.returncode == 1
    for text in (
        "nsrunner pod web: log of a",
        "here is a\n",
        "here is b\n",
        "Started: ",
        "phase Running",
        "a: running",
    ):
        assert text in done.stdout, done.stdout
    assert not processes_with(marker)


def test_a_pod_that_is_never_ready(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(
        (MANIFEST % ("1", "1")).replace("exec sleep $0", "exit 3").replace("spec:", "spec:\n  restartPolicy: Never")
    )
    done = run(tmp_path, "def test_it(nsrunner_pod):\n    nsrunner_pod('bad.yaml', timeout=30)\n")
    assert done.returncode == 1
    assert "PodFailed" in done.stdout
    assert "terminated, exit code 3" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_pytest_dies(tmp_path: Path, marker: str, number: signal.Signals) -> None:
    (tmp_path / "test_it.py").write_text(
        "import signal\n"
        "def test_it(nsrunner_pod):\n"
        "    nsrunner_pod('web.yaml')\n"
        "    print('it runs', flush=True)\n"
        "    signal.pause()\n"
    )
    script = f'cd "{tmp_path}" && exec "$0" "$@"'
    with background("-s", program=["sh", "-c", script, *command()]) as inner:
        inner.expect("it runs")
        # In the middle of an execve a process has no command line.
        until("both containers are seen", lambda: len(processes_with(marker)) == 2, within=10)
        inner.signal(number)
        inner.wait()
        assert until("its pod is gone", lambda: not processes_with(marker), within=10) < 1
    root = Path(os.environ["NSRUNNER_ROOT"])
    until("its directories are gone", lambda: not list(root.glob("run/pods/*")), within=10)


def test_workers_of_xdist(tmp_path: Path, marker: str) -> None:
    done = run(
        tmp_path,
        """
import pytest

@pytest.fixture(scope="session")
def shared(nsrunner_pod_session):
    return nsrunner_pod_session("web.yaml")

@pytest.mark.parametrize("number", range(4))
def test_it(nsrunner_pod, shared, number):
    web = nsrunner_pod("web.yaml")
    assert web.exec("a", ["sh", "-c", f"echo {number} > /tmp/x; cat /tmp/x"]).stdout == b"%d\\n" % number
    assert shared.exec("b", ["hostname"]).ok
""",
        "-n",
        "2",
    )
    assert "4 passed" in done.stdout, done.stdout + done.stderr
    assert not processes_with(marker)
