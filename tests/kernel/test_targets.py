"""Ephemeral containers in the PID namespace of another one, which is not the pod's (kubelet-semantics 24)."""

from __future__ import annotations

import os
import signal

import pytest

from nsrunner import Pod, PodFailed
from nsrunner.model.types import EphemeralContainer
from real_pods import container, pod, shell, start, status_of, terminated

SLEEPER = container("side", "sleep", "1000")
LOOK = """
cat /proc/1/root/tmp/own
test -e /tmp/own || echo elsewhere
tr '\\0' ' ' < /proc/1/cmdline; echo
test "$(readlink /proc/self)" -gt 1 && echo numbered
exec sleep 999
"""


def sleeping(running: Pod, name: str) -> list[str]:
    """Those that a container sees."""
    seen = running.exec(name, ["pgrep", "-x", "-a", "sleep"]).stdout.decode()
    return sorted(line.split(" ", 1)[1] for line in seen.splitlines())


def ended(running: Pod, name: str) -> int:
    """Exit code of an ephemeral container, when it has ended."""
    for _ in running.follow(name):
        pass
    code: int = terminated(running, name).exit_code
    assert status_of(running, name).restart_count == 0
    return code


def test_24_it_sees_the_targets_processes_and_files() -> None:
    with start(pod(shell("main", "echo mine > /tmp/own; exec sleep 1000"), SLEEPER)) as running:
        running.wait("Ready", timeout=20)
        name = running.debug(["sh", "-c", LOOK], target="main")
        lines = running.follow(name)
        assert [next(lines) for _ in range(4)] == ["mine", "elsewhere", "sleep 1000 ", "numbered"]
        assert sleeping(running, "main") == sleeping(running, name) == ["sleep 1000", "sleep 999"]
        assert sleeping(running, "side") == ["sleep 1000"]
        spaces = {each: os.readlink(f"/proc/{running.pid(each)}/ns/pid") for each in (name, "main", "side")}
        assert spaces[name] == spaces["main"] != spaces["side"]
        for space in ("mnt", "cgroup"):
            assert os.readlink(f"/proc/{running.pid(name)}/ns/{space}") != os.readlink(
                f"/proc/{running.pid('main')}/ns/{space}"
            )
        assert running.exec(name, ["cat", "/proc/1/root/tmp/own"]).stdout == b"mine\n"
        masked = running.exec(name, ["sh", "-c", "wc -c < /proc/keys; echo 1 > /proc/sys/vm/drop_caches"])
        assert (masked.stdout, masked.exit_code) == (b"0\n", 2), "its /proc is confined as any container's"


def test_24_it_ends_with_its_target_and_is_never_restarted() -> None:
    with start(pod(container("main", "sleep", "1000"), SLEEPER, restartPolicy="Always")) as running:
        running.wait("Ready", timeout=20)
        before = running.pid("main")
        name = running.debug(["sleep", "999"], target="main")
        os.kill(before, signal.SIGKILL)
        assert ended(running, name) == 137
        events = running.events()
        while status_of(running, "main").restart_count == 0 or not status_of(running, "main").ready:
            next(events)
        assert running.pid("main") != before
        assert sleeping(running, "main") == ["sleep 1000"]
        second = running.debug(["sleep", "998"], target="main")
        assert sleeping(running, "main") == ["sleep 1000", "sleep 998"]
        os.kill(running.pid(second), signal.SIGKILL)
        assert ended(running, second) == 137
        assert sleeping(running, "main") == ["sleep 1000"], "the target lives on"
        assert ended(running, name) == 137


def test_24_what_it_leaves_behind_goes_with_it() -> None:
    """Its orphans have the target's first process as their parent, and are its own all the same."""
    with start(pod(container("main", "sleep", "1000"))) as running:
        running.wait("Ready", timeout=20)
        name = running.debug(["sh", "-c", "setsid sleep 999 & exit 4"], target="main")
        assert ended(running, name) == 4
        states = running.exec("main", ["ps", "-o", "stat=,args=", "-C", "sleep"]).stdout.decode().splitlines()
        assert [line.split(maxsplit=1)[1] for line in states if not line.startswith("Z")] == ["sleep 1000"]


def test_24_a_target_that_does_not_run() -> None:
    """The start is tried again, and the container runs when its target does."""
    main = shell("main", "test -e /dev/shm/go || exit 1; exec sleep 1000")
    with start(pod(main, SLEEPER, restartPolicy="Always")) as running:
        for event in running.events():
            if event.reason == "BackOff":
                break
        with pytest.raises(PodFailed, match=r'CreateContainerError: .*container "main" is not running'):
            running.debug(["sleep", "999"], target="main", name="debugger")
        running.exec("side", ["touch", "/dev/shm/go"])
        running.wait("Ready", timeout=60)
        for event in running.events():
            if event.reason == "Started" and event.field_path == "spec.ephemeralContainers{debugger}":
                break
        assert sleeping(running, "main") == ["sleep 1000", "sleep 999"]


def test_24_a_terminal() -> None:
    script = (
        "tty; ps -o tty=,sid= -p 1; [ $(ps -o sid= -p $(readlink /proc/self)) = 1 ] || echo other; echo mine > /dev/tty"
    )
    with start(pod(container("main", "sleep", "1000"))) as running:
        running.wait("Ready", timeout=20)
        running.add_ephemeral_container(
            EphemeralContainer(
                name="shell", image="host", command=("sh", "-c", script), tty=True, target_container_name="main"
            )
        )
        for event in running.events():
            if event.reason == "Started" and event.field_path == "spec.ephemeralContainers{shell}":
                break
        lines = list(running.follow("shell"))
        assert lines[0] == "/dev/pts/0"
        assert lines[-1] == "mine"


def test_24_the_pod_ends_with_both() -> None:
    """In no time: neither waits for the other."""
    with start(
        pod(shell("main", "trap 'exit 0' TERM; sleep 1000 & wait"), terminationGracePeriodSeconds=30)
    ) as running:
        running.wait("Ready", timeout=20)
        name = running.debug(["sh", "-c", "trap 'exit 5' TERM; echo up; sleep 999 & wait"], target="main")
        next(running.follow(name))
    assert running.status.phase in ("Succeeded", "Failed")
