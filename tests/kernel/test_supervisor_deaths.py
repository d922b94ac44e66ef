"""Who dies, and what becomes of the pod: pause, the shim, the program that owns it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nsrunner import Pod

SLEEPER = {"name": "main", "image": "host", "command": ["sleep", "1000"]}


def manifest(**spec: object) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod"},
        "spec": {"terminationGracePeriodSeconds": 3, "containers": [SLEEPER], **spec},
    }


def stat(pid: int) -> tuple[str, int]:
    """Name and parent of a process."""
    text = Path(f"/proc/{pid}/stat").read_text()
    return text[text.index("(") + 1 : text.rindex(")")], int(text[text.rindex(")") + 2 :].split()[1])


def shim_of(pid: int) -> int:
    name, parent = stat(pid)
    while not name.startswith("nsrunner-shim"):
        pid, (name, parent) = parent, stat(parent)
    return pid


def pause_of(shim: int) -> int:
    children = Path(f"/proc/{shim}/task/{shim}/children").read_text().split()
    (found,) = [pid for pid in map(int, children) if "nsrunner-pause" in os.readlink(f"/proc/{pid}/exe")]
    return found


@contextmanager
def watched(*pids: int) -> Iterator[dict[int, int]]:
    """Descriptors that become readable when the processes have ended: pidfd to pid."""
    fds = {os.pidfd_open(pid): pid for pid in pids}
    try:
        yield fds
    finally:
        for fd in fds:
            os.close(fd)


def all_end(fds: dict[int, int], seconds: float) -> bool:
    left = dict(fds)
    poll = select.poll()
    for fd in left:
        poll.register(fd, select.POLLIN)
    while left:
        ended = poll.poll(seconds * 1000)
        if not ended:
            return False
        for fd, _ in ended:
            poll.unregister(fd)
            del left[fd]
    return True


def test_a_dead_pause_is_a_new_sandbox() -> None:
    with Pod.from_dict(manifest(), grace_period=0) as pod:
        pod.wait("Ready", timeout=20)
        old = pod.pid()
        shim = shim_of(old)
        with watched(old) as fds:
            os.kill(pause_of(shim), signal.SIGKILL)
            assert all_end(fds, 5)
        pod.wait("Ready=False", timeout=20)
        pod.wait("Ready", timeout=20)
        assert pod.pid() != old
        assert shim_of(pod.pid()) == shim
        assert pod.status.container_statuses[0].restart_count == 1


@pytest.mark.parametrize("share", [False, True])
def test_the_death_of_pause_is_not_held_against_a_container_that_has_crashed_before(share: bool) -> None:
    """The kernel kills the container first, so its end is seen before that of pause: it is no crash all the same, after
    which it would have to wait for 10 s."""
    with Pod.from_dict(manifest(shareProcessNamespace=share), grace_period=0) as pod:
        pod.wait("Ready", timeout=20)
        os.kill(pod.pid(), signal.SIGKILL)
        pod.wait("Ready=False", timeout=20)
        pod.wait("Ready", timeout=20)
        os.kill(pause_of(shim_of(pod.pid())), signal.SIGKILL)
        pod.wait("Ready=False", timeout=5)
        pod.wait("Ready", timeout=5)


@pytest.mark.parametrize("spec", [{}, {"shareProcessNamespace": True}, {"hostPID": True}], ids=lambda spec: str(spec))
def test_a_dead_shim_takes_the_pod_along_and_there_is_another(spec: dict[str, object]) -> None:
    with Pod.from_dict(manifest(**spec), grace_period=0) as pod:
        pod.wait("Ready", timeout=20)
        old = pod.pid()
        shim = shim_of(old)
        with watched(old, shim) as fds:
            os.kill(shim, signal.SIGKILL)
            assert all_end(fds, 5)
        pod.wait("Ready=False", timeout=20)
        pod.wait("Ready", timeout=20)
        assert shim_of(pod.pid()) != shim
        assert pod.exec(None, ["true"]).ok
        events = []
        pod.delete(grace=0)
        events = [event.reason for event in pod.events()]
        assert "SandboxChanged" in events


OWNER = """
    import os, sys, time
    import nsrunner
    pod = nsrunner.Pod.from_dict({manifest!r})
    pod.start()
    pod.wait("Ready", timeout=20)
    if {fork}:
        if os.fork() == 0:
            os.close(1)
            sys.stdin.read()
            os._exit(0)
    print(pod.pid(), flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("fork", [False, True], ids=["alone", "with a forked child alive"])
@pytest.mark.parametrize("spec", [{}, {"hostPID": True}], ids=["own pids", "the host's pids"])
def test_nothing_is_left_a_second_after_the_owner_was_killed(fork: bool, spec: dict[str, object]) -> None:
    script = textwrap.dedent(OWNER).format(manifest=manifest(**spec), fork=fork)
    read, write = os.pipe()  # held open by us: the forked child stays until we close it
    owner = subprocess.Popen([sys.executable, "-c", script], stdin=read, stdout=subprocess.PIPE, text=True)
    os.close(read)
    try:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        shim = shim_of(pid)
        with watched(pid, pause_of(shim), shim) as fds:
            owner.kill()
            owner.wait()
            assert all_end(fds, 1)
    finally:
        os.close(write)
        owner.kill()
        owner.wait()
        assert owner.stdout is not None
        owner.stdout.close()


BEGINNER = """
    import os, signal
    import nsrunner
    pod = nsrunner.Pod.from_dict({manifest!r})
    pod.start()
    for event in () if {reason!r} is None else pod.events():
        if event.reason == {reason!r}:
            break
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("reason", [None, "Pulled", "Created"])
def test_what_an_owner_leaves_that_dies_in_the_middle_is_gone_after_the_next_start(reason: str | None) -> None:
    script = textwrap.dedent(BEGINNER).format(manifest=manifest(), reason=reason)
    done = subprocess.run([sys.executable, "-c", script], timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    containers = [{"name": "main", "image": "host", "command": ["true"]}]
    with Pod.from_dict(manifest(restartPolicy="Never", containers=containers)) as pod:
        pod.wait("Succeeded", timeout=20)


INTERRUPTED = """
    import sys
    import nsrunner
    try:
        with nsrunner.Pod.from_dict({manifest!r}) as pod:
            pod.wait("Ready", timeout=20)
            print(next(pod.follow()), pod.pid(), flush=True)
            pod.wait("Succeeded", timeout=None)
    except KeyboardInterrupt:
        print(pod.status.phase, pod.status.container_statuses[0].state.terminated.exit_code, flush=True)
        sys.exit(130)
"""


def test_ctrl_c_ends_the_pod_gracefully() -> None:
    trap = ["sh", "-c", "trap 'exit 5' TERM; echo trapped; while :; do sleep 1000 & wait $!; done"]
    containers = [{"name": "main", "image": "host", "command": trap}]
    script = textwrap.dedent(INTERRUPTED).format(manifest=manifest(restartPolicy="Never", containers=containers))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        word, pid = program.stdout.readline().split()
        assert word == "trapped"
        with watched(int(pid), shim_of(int(pid))) as fds:
            program.send_signal(signal.SIGINT)
            assert program.stdout.readline() == "Failed 5\n"
            assert program.wait(20) == 130
            assert all_end(fds, 5)


def test_a_program_that_forgets_its_pod_ends_and_the_pod_with_it() -> None:
    script = textwrap.dedent("""
        import nsrunner
        pod = nsrunner.Pod.from_dict({manifest!r})
        pod.start()
        pod.wait("Ready", timeout=20)
        print(pod.pid(), flush=True)
        input()
    """).format(manifest=manifest())
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        with watched(pid, shim_of(pid)) as fds:
            program.communicate("\n", timeout=20)
            assert program.returncode == 0
            assert all_end(fds, 5)
