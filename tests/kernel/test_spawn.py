"""nsrunner.sandbox.spawn: one program in given namespaces."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from nsrunner.errors import SandboxError, UsageError
from nsrunner.sandbox import Namespace, native, spawn


def output(args: list[str], **options: object) -> str:
    read, write = os.pipe()
    with spawn(args, stdout=write, stderr=2, **options) as child:  # type: ignore[arg-type] # options vary by test
        os.close(write)
        with open(read) as pipe:
            text = pipe.read()
        assert child.wait(20) == 0
    return text.strip()


def test_new_namespaces() -> None:
    kinds = {"net": Namespace.NETWORK, "uts": Namespace.UTS, "ipc": Namespace.IPC, "mnt": Namespace.MOUNT}
    for name, kind in kinds.items():
        assert output(["/bin/readlink", f"/proc/self/ns/{name}"], unshare=kind) != os.readlink(f"/proc/self/ns/{name}")
        assert output(["/bin/readlink", f"/proc/self/ns/{name}"]) == os.readlink(f"/proc/self/ns/{name}")


def test_joining_a_process() -> None:
    with spawn(["/bin/sleep", "1000"], unshare=Namespace.NETWORK | Namespace.UTS) as other:
        joined = output(
            ["/bin/readlink", "/proc/self/ns/net", "/proc/self/ns/uts"],
            join=other.pidfd,
            join_namespaces=Namespace.NETWORK,
        ).split()
        assert joined == [os.readlink(f"/proc/{other.pid}/ns/net"), os.readlink("/proc/self/ns/uts")]
        fd = os.open(f"/proc/{other.pid}/ns/uts", os.O_RDONLY)
        try:
            assert output(["/bin/readlink", "/proc/self/ns/uts"], namespaces=[fd]) == os.readlink(
                f"/proc/{other.pid}/ns/uts"
            )
        finally:
            os.close(fd)


def test_a_new_pid_namespace_has_a_first_process() -> None:
    assert output(["/bin/sh", "-c", "echo $$"], unshare=Namespace.PID) == "1"


def test_environment_directory_and_path() -> None:
    text = output(["sh", "-c", "echo $A $B; pwd"], env={"A": "1", "PATH": "/bin"}, cwd="/usr")
    assert text.split() == ["1", "/usr"]


def test_user_and_groups() -> None:
    assert output(["/usr/bin/id", "-G"], user=12, group=34, groups=[56]) == "34 56"
    assert output(["/bin/grep", "NoNewPrivs", "/proc/self/status"], no_new_privs=True).split()[1] == "1"


def test_nothing_of_the_caller_is_inherited() -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        assert str(write) not in output(["/bin/ls", "/proc/self/fd"]).split()
        assert output(["/bin/readlink", "/proc/self/fd/0"]) == "/dev/null"
    finally:
        os.close(read)
        os.close(write)


def test_exit_codes_and_signals() -> None:
    assert spawn(["/bin/sh", "-c", "exit 42"]).wait(20) == 42
    child = spawn(["/bin/sleep", "1000"])
    with pytest.raises(TimeoutError):
        child.wait(0.01)
    child.kill(signal.SIGTERM)
    assert child.wait(20) == 128 + signal.SIGTERM
    child.kill()
    assert child.wait() == 143


def test_what_cannot_be_started() -> None:
    with pytest.raises(SandboxError) as caught:
        spawn(["/does/not/exist"])
    assert caught.value.errno == 2
    with pytest.raises(SandboxError):
        spawn(["true"], env={"PATH": "/nowhere"})
    for arguments in ([], ["a\0b"]):
        with pytest.raises(UsageError):
            spawn(arguments)
    with pytest.raises(UsageError):
        spawn(["true"], join=3)


def test_unshare_and_setns_change_the_calling_thread_only() -> None:
    here = os.readlink("/proc/thread-self/ns/net")
    seen: list[str] = []

    def away() -> None:
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        native.unshare(Namespace.NETWORK)
        seen.append(os.readlink("/proc/thread-self/ns/net"))
        native.setns(home, Namespace.NETWORK)
        seen.append(os.readlink("/proc/thread-self/ns/net"))
        os.close(home)

    thread = threading.Thread(target=away)
    thread.start()
    thread.join()
    assert seen[0] != here and seen[1] == here
    assert os.readlink("/proc/thread-self/ns/net") == here
    with pytest.raises(OSError):
        native.setns(0, Namespace.NETWORK)
