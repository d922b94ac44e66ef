"""The file systems around a container: /proc, /sys, /dev, the host's root, what is hidden, what cannot be written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import leaks
from nsrunner import Pod
from real_pods import USR, container, make_root, pod, shell, start, terminated, waiting


@pytest.fixture(scope="module")
def plain() -> Iterator[Pod]:
    """One pod with two ordinary containers, for the tests that only look."""
    with leaks.state_root() as root, start(pod(container("a"), container("b")), root=str(root)) as running:
        running.wait("Ready", timeout=20)
        yield running


def run(running: Pod, script: str, name: str = "a") -> str:
    """Both streams of a script, in order."""
    return running.exec(name, ["sh", "-c", f"exec 2>&1\n{script}"]).stdout.decode()


def test_what_proc_hides(plain: Pod) -> None:
    masked = ("acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "timer_list", "sched_debug", "scsi")
    for name in masked:
        path = Path("/proc", name)
        if path.is_dir():
            assert run(plain, f"ls -A /proc/{name}; touch /proc/{name}/x") == (
                f"touch: cannot touch '/proc/{name}/x': Read-only file system\n"
            )
        elif path.exists():
            assert run(plain, f"stat -c '%F %t:%T' /proc/{name}; cat /proc/{name}") == "character special file 1:3\n"
    assert run(plain, "ls -A /sys/firmware") == ""


@pytest.mark.parametrize(
    "path",
    [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/irq/default_smp_affinity",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/fs/cgroup/cgroup.procs",
    ],
)
def test_what_the_kernel_shows_cannot_be_written(plain: Pod, path: str) -> None:
    if not Path(path).exists() and not path.startswith("/sys/fs/cgroup"):
        pytest.skip(f"this machine cannot: the kernel has no {path}")
    assert "Read-only file system" in run(plain, f"echo 1 > {path}")


def test_none_of_it_can_be_undone(plain: Pod) -> None:
    for command in (
        "mount -o remount,rw /sys",
        "mount -o remount,bind,rw /proc/sys",
        "umount /proc/interrupts",
        "mount -t proc proc /mnt",
        "mount -t tmpfs tmpfs /mnt",
        "unshare -m true",
        "unshare -Ur true",
    ):
        answer = run(plain, f"{command} && echo DONE")
        assert "DONE" not in answer, (command, answer)
        assert "ermission denied" in answer or "not permitted" in answer or "superuser" in answer, (command, answer)


def test_dev(plain: Pod) -> None:
    listed = run(plain, "cd /dev; for f in *; do stat -c '%n %F %t:%T %a' $f; done").splitlines()
    nodes = {"null": "1:3", "zero": "1:5", "full": "1:7", "random": "1:8", "urandom": "1:9", "tty": "5:0"}
    assert listed == sorted(
        [f"{name} character special file {number} 666" for name, number in nodes.items()]
        + [f"{name} symbolic link 0:0 777" for name in ("fd", "ptmx", "stderr", "stdin", "stdout")]
        + ["mqueue directory 0:0 1777", "pts directory 0:0 755", "shm directory 0:0 1777"]
        + ["termination-log regular empty file 0:0 666"]
    )
    links = run(plain, "cd /dev; readlink fd ptmx stderr stdin stdout").splitlines()
    assert links == ["/proc/self/fd", "pts/ptmx", *(f"/proc/self/fd/{n}" for n in (2, 0, 1))]
    assert run(plain, "ls /dev/pts") == "ptmx\n"
    assert run(plain, "echo x > /dev/null; head -c 2 /dev/zero | od -An -tx1") == " 00 00\n"
    assert "No space left on device" in run(plain, "cat /etc/hostname > /dev/full")


def test_a_device_made_by_hand_cannot_be_opened(plain: Pod) -> None:
    """CAP_MKNOD is given where a device filter stands behind it."""
    held = run(plain, "perl -ne 'print hex($1) >> 27 & 1 if /CapEff:\\s*(\\w+)/' /proc/self/status")
    for number in ("b 7 0", "c 1 1", "c 10 229", "b 254 0"):  # loop0, /dev/mem, fuse, a virtio disk
        made = run(plain, f"rm -f /root/node; mknod /root/node {number} && cat /root/node")
        refused = (
            "cat: /root/node: Operation not permitted" if held == "1" else "mknod: /root/node: Operation not permitted"
        )
        assert made.strip() == refused, number
    if held == "1":
        assert run(plain, "rm -f /root/null; mknod /root/null c 1 3 && cat /root/null && echo fine") == "fine\n"


def test_shm_is_the_pods_own(plain: Pod) -> None:
    assert run(plain, "df --output=size -B1 /dev/shm | tail -n 1").strip() == str(64 << 20)
    assert "No space left" in run(plain, "head -c 70000000 /dev/zero > /dev/shm/big; rm /dev/shm/big")
    run(plain, "echo shared > /dev/shm/file")
    assert run(plain, "cat /dev/shm/file; rm /dev/shm/file", "b") == "shared\n"
    assert "Permission denied" in run(plain, "cp /bin/true /dev/shm/x; /dev/shm/x; rm /dev/shm/x")  # noexec


def test_terminals_are_the_containers_own() -> None:
    with start(pod(container("main", "sh", "-c", "tty; ls -l /dev/console; sleep 1000", tty=True))) as running:
        running.wait("Ready", timeout=20)
        assert next(running.follow()) == "/dev/pts/0"
        assert run(running, "ls /dev/pts", "main") == "0\nptmx\n"
        assert run(running, "readlink /dev/console", "main") == "pts/0\n"


def test_the_hosts_root_is_read_and_never_written(plain: Pod) -> None:
    marker = f"/etc/nsrunner-test-{os.getpid()}"
    before = os.stat("/etc/passwd")
    assert run(
        plain, f"echo mine > {marker}; cat {marker}; chmod 600 /etc/passwd; rm /etc/debian_version; mkdir /x"
    ) == ("mine\n")
    assert run(plain, f"ls {marker} /x 2>&1; cat /etc/debian_version", "b").count("No such file") == 2
    assert not Path(marker).exists() and not Path("/x").exists() and Path("/etc/debian_version").exists()
    assert os.stat("/etc/passwd") == before


def test_temporary_and_run_directories_are_the_containers_own(plain: Pod) -> None:
    assert Path("/run").is_dir() and os.listdir("/tmp")
    run(plain, "touch /tmp/of-a /run/of-a")
    assert run(plain, "ls -A /run /tmp; stat -c %a /run /tmp", "b") == "/run:\n\n/tmp:\n755\n1777\n"


def test_nothing_of_nsrunner_can_be_seen() -> None:
    # the state root below a directory that is not private anyway, as /tmp is
    shared = Path("/var/lib") / f"nsr-{os.getpid()}"
    shared.mkdir()
    try:
        with start(pod(container("a")), root=str(shared)) as running:
            running.wait("Ready", timeout=20)
            assert any(shared.rglob("*.log"))
            assert run(running, f"find {shared} -type f -o -type s") == ""
            assert "nsrunner" not in run(running, "ps -e 2>/dev/null || ls /proc")
    finally:
        for folder, _, names in os.walk(shared, topdown=False):
            for name in names:
                os.unlink(os.path.join(folder, name))
            os.rmdir(folder)


def test_a_read_only_root() -> None:
    one = container(
        "main",
        securityContext={"readOnlyRootFilesystem": True},
        volumeMounts=[{"name": "v", "mountPath": "/srv"}],
    )
    with start(pod(one, volumes=[{"name": "v", "emptyDir": {}}])) as running:
        running.wait("Ready", timeout=20)
        for path in ("/x", "/etc/x", "/usr/x", "/root/x"):
            assert "Read-only file system" in run(running, f"touch {path}", "main"), path
        assert run(running, "touch /srv/x /dev/shm/x && echo m > /dev/termination-log && echo fine", "main") == "fine\n"


def test_privileged_sees_the_hosts_devices_and_may_mount() -> None:
    one = container("main", securityContext={"privileged": True})
    with start(pod(one)) as running:
        running.wait("Ready", timeout=20)
        nodes = [name for name in os.listdir("/dev") if stat.S_ISCHR(os.stat(f"/dev/{name}").st_mode)]
        seen = run(running, "ls /dev", "main").split()
        assert set(nodes) <= {*seen, "console"}
        mounts = run(running, "cat /proc/self/mountinfo", "main")
        assert " /proc/" not in mounts and " /sys/firmware " not in mounts
        assert run(running, "mount -t tmpfs tmpfs /mnt && touch /mnt/x && echo fine", "main") == "fine\n"
        assert not Path("/mnt/x").exists()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"workingDir": "relative"}, '"relative" must be an absolute path'),
        ({"volumeMounts": [{"name": "v", "mountPath": "/proc/sys"}]}, "belongs to the kernel"),
        ({"terminationMessagePath": "/proc/message"}, "cannot be a file of the container's own"),
    ],
)
def test_places_that_are_refused(fields: dict[str, object], message: str) -> None:
    with start(pod(container("main", **dict[str, Any](fields)), volumes=[{"name": "v", "emptyDir": {}}])) as running:
        for event in running.events():
            if event.reason == "Failed":
                assert message in event.message
                break
        assert waiting(running).reason == "CreateContainerError"
        assert message in (waiting(running).message or "")


def test_a_volume_in_place_of_what_the_runtime_would_mount(tmp_path: Path) -> None:
    """As node agents do it: the host's /sys or part of it, at its own place; and a /dev/shm of another size."""
    (tmp_path / "of-the-host").touch()
    volumes = [
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "2Mi"}},
        {"name": "part", "hostPath": {"path": str(tmp_path)}},
        {"name": "sys", "hostPath": {"path": "/sys"}},
    ]
    part = container(
        "part",
        volumeMounts=[{"name": "memory", "mountPath": "/dev/shm"}, {"name": "part", "mountPath": "/sys/fs/cgroup"}],
    )
    whole = container("whole", volumeMounts=[{"name": "sys", "mountPath": "/sys", "readOnly": True}])
    with start(pod(part, whole, volumes=volumes)) as running:
        running.wait("Ready", timeout=20)
        assert run(running, "ls /sys/fs/cgroup; df --output=size -k /dev/shm | tail -n 1", "part").split() == [
            "of-the-host",
            "2048",
        ]
        assert "Read-only file system" in run(running, "touch /sys/fs/x", "part")
        links = sorted(os.listdir("/sys/class/net"))
        assert sorted(run(running, "ls /sys/class/net", "whole").split()) == links
        # it is no way around the masks
        assert run(running, "ls -A /sys/firmware", "whole") == ""


@pytest.mark.parametrize("number", range(3, 8))
def test_a_working_directory_cannot_be_a_descriptor_of_ours(number: int) -> None:
    """CVE-2024-21626."""
    one = shell("main", "pwd -P; ls /", workingDir=f"/proc/self/fd/{number}")
    with start(pod(one)) as running:
        running.wait("Failed", timeout=20)
        assert terminated(running).exit_code == 128
        assert "chdir to cwd" in (terminated(running).message or "")


def test_a_root_of_its_own(tmp_path: Path) -> None:
    fields = make_root(tmp_path)
    (tmp_path / "etc/motd").write_text("of the image\n")
    one = shell("main", "cat /etc/motd; echo changed > /etc/motd; ls /; touch /new", **fields)
    with start(pod(one, volumes=[USR])) as running:
        running.wait("Succeeded", timeout=20)
        assert running.logs().split("\n")[0] == "of the image"
        assert {"dev", "proc", "sys", "etc", "usr"} <= set(running.logs().split())
    assert (tmp_path / "etc/motd").read_text() == "of the image\n"
    assert sorted(os.listdir(tmp_path)) == ["bin", "etc", "lib", "lib64", "sbin", "tmp", "usr"]
    assert os.listdir(tmp_path / "etc") == ["motd"]
