"""Volumes with real pods: emptyDir, hostPath, read-only, propagation."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from nsrunner import AsyncPod, ManifestError, Pod
from nsrunner.model.types import ContainerStatus
from real_pods import Manifest, container, next_event, pod, shell, start, status_of, waiting


def mount(name: str, path: str, **fields: Any) -> Manifest:
    return {"name": name, "mountPath": path, **fields}


def host_path(path: Path | str, kind: str = "") -> Manifest:
    return {"name": "v", "hostPath": {"path": str(path), **({"type": kind} if kind else {})}}


def run(running: Pod, script: str, name: str = "main") -> str:
    return running.exec(name, ["sh", "-c", f"exec 2>&1\n{script}"]).stdout.decode()


# --- emptyDir ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("medium", ["", "Memory"])
def test_one_empty_dir_at_different_paths(medium: str) -> None:
    volumes = [{"name": "v", "emptyDir": {"medium": medium}}]
    writer = container("writer", volumeMounts=[mount("v", "/deep/down/here")])
    reader = container("reader", volumeMounts=[mount("v", "/elsewhere", readOnly=True), mount("v", "/again")])
    with start(pod(writer, reader, volumes=volumes)) as running:
        running.wait("Ready", timeout=20)
        assert run(running, "echo text > /deep/down/here/file; stat -c '%a %u %g' /deep/down/here", "writer") == (
            "777 0 0\n"
        )
        assert run(running, "cat /elsewhere/file /again/file", "reader") == "text\ntext\n"
        assert "Read-only file system" in run(running, "touch /elsewhere/x", "reader")
        assert run(running, "touch /again/x && ls /elsewhere", "reader") == "file\nx\n"


def test_an_empty_dir_in_memory_ends_at_its_limit() -> None:
    volumes = [{"name": "v", "emptyDir": {"medium": "Memory", "sizeLimit": "3Mi"}}]
    both = [container(name, volumeMounts=[mount("v", "/v")]) for name in ("main", "other")]
    with start(pod(*both, volumes=volumes)) as running:
        running.wait("Ready", timeout=20)
        assert "No space left on device" in run(running, "head -c 4M /dev/zero > /v/big")
        assert run(running, "stat -c %s /v/big; df --output=size -k /v | tail -n 1").split() == [str(3 << 20), "3072"]
        assert "No space left on device" in run(running, "cp /etc/hostname /v/more", "other")  # it is one file system


@pytest.mark.parametrize("medium", ["", "Memory"])
def test_an_empty_dir_lives_as_long_as_the_pod(medium: str) -> None:
    volumes = [{"name": "v", "emptyDir": {"medium": medium}}]
    one = shell("main", "echo start >> /v/starts; sleep 1000", volumeMounts=[mount("v", "/v")])
    with start(pod(one, volumes=volumes, restartPolicy="Always")) as running:
        running.wait("Ready", timeout=20)
        run(running, "until [ -s /v/starts ]; do :; done")
        os.kill(running.pid(), 9)
        running.wait("Ready=False", timeout=20)
        running.wait("Ready", timeout=20)
        assert run(running, "until [ $(wc -l < /v/starts) = 2 ]; do :; done; cat /v/starts") == "start\nstart\n"
        assert status_of(running, "main").restart_count == 1
        uid = running.uid
    root = os.environ["NSRUNNER_ROOT"]
    assert not any(uid in name for folder, names, files in os.walk(root) for name in (*names, *files))


def test_what_a_container_puts_into_a_volume_cannot_mislead_its_removal(tmp_path: Path) -> None:
    """CVE-2017-1002102: links in a volume are not followed when it goes."""
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep/file").write_text("kept")
    script = f"ln -s {tmp_path} /v/link; mkdir -p /v/a/b; ln -s / /v/a/b/root; chmod 0 /v/a; mkfifo /v/fifo; echo done"
    one = shell("main", script, volumeMounts=[mount("v", "/v")])
    with start(pod(one, volumes=[{"name": "v", "emptyDir": {}}])) as running:
        running.wait("Succeeded", timeout=20)
    assert (tmp_path / "keep/file").read_text() == "kept"


# --- hostPath ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def things(tmp_path: Path) -> Path:
    """One of each type."""
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").write_text("text")
    os.mknod(tmp_path / "character", 0o020600, os.makedev(1, 3))
    os.mknod(tmp_path / "block", 0o060600, os.makedev(7, 0))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    (tmp_path / "link").symlink_to("directory")
    return tmp_path


TYPES = {
    "Directory": ("directory", "directory"),
    "File": ("file", "file"),
    "Socket": ("socket", "socket file"),
    "CharDevice": ("character", "character device"),
    "BlockDevice": ("block", "block device"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_each_type_of_host_path(things: Path, kind: str) -> None:
    """The one of this type is mounted; for each other thing the pod waits and says why."""
    name, words = TYPES[kind]
    one = shell("main", "stat -c %F /v", volumeMounts=[mount("v", "/v")])
    with start(pod(one, volumes=[host_path(things / name, kind)])) as running:
        running.wait("Succeeded", timeout=20)
        assert running.logs().strip() in {
            "directory",
            "regular file",
            "socket",
            "character special file",
            "block special file",
        }
    wrong = things / ("file" if kind != "File" else "directory")
    for path in (wrong, things / "missing"):
        with start(pod(one, volumes=[host_path(path, kind)])) as running:
            event = next_event(running.events(), "FailedMount")
            assert event.message == (
                f'MountVolume.SetUp failed for volume "v" : hostPath type check failed: {path} is not a {words}'
            )
            assert (running.status.phase, waiting(running).reason) == ("Pending", "ContainerCreating")


def test_host_paths_that_are_made(tmp_path: Path) -> None:
    one = shell("main", "stat -c '%F %a' /v", volumeMounts=[mount("v", "/v")])
    for kind, path, printed in (
        ("DirectoryOrCreate", "new/deep/directory", "directory 755\n"),
        ("FileOrCreate", "new/file", "regular empty file 644\n"),
        ("", "of/the/runtime", "directory 755\n"),
    ):
        old = os.umask(0o077)  # ours, not the pod's
        try:
            with start(pod(one, volumes=[host_path(tmp_path / path, kind)])) as running:
                running.wait("Succeeded", timeout=20)
                assert running.logs() == printed, kind
        finally:
            os.umask(old)
        assert (tmp_path / path).exists()
    with start(pod(one, volumes=[host_path(tmp_path / "no/parent", "FileOrCreate")])) as running:
        assert "no/parent" in next_event(running.events(), "FailedMount").message
    assert not (tmp_path / "no").exists()


def test_a_host_path_through_a_link_and_written_through(things: Path) -> None:
    one = shell("main", "echo written > /v/file; ls /v", volumeMounts=[mount("v", "/v")])
    with start(pod(one, volumes=[host_path(things / "link", "Directory")])) as running:
        running.wait("Succeeded", timeout=20)
        assert running.logs() == "file\n"
    assert (things / "directory/file").read_text() == "written\n"


# --- mounts of the host -----------------------------------------------------------------------------------------------

IN_PRIVATE_NAMESPACE = """
import ctypes, os, subprocess, sys
from nsrunner import Pod
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x20000
if libc.unshare(CLONE_NEWNS):
    raise OSError(ctypes.get_errno(), "unshare")
def mount(*words):
    subprocess.run(["mount", *words], check=True)
mount("--make-rprivate", "/")
top = {top!r}
mount("-t", "tmpfs", "tmpfs", top)
mount("--make-shared", top)
os.mkdir(top + "/sub")
mount("-t", "tmpfs", "below", top + "/sub")
def run(pod, script, name="main"):
    return pod.exec(name, ["sh", "-c", "exec 2>&1\\n" + script]).stdout.decode()
"""


def in_private_namespace(top: Path, script: str) -> None:
    """Runs a program whose mounts are its own: what it mounts, and what its pods mount, stays there."""
    top.mkdir()
    text = IN_PRIVATE_NAMESPACE.format(top=str(top)) + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


MANIFEST = """
def manifest(top, *mounts, privileged=False):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": {
        "terminationGracePeriodSeconds": 0,
        "volumes": [{"name": "v", "hostPath": {"path": top}}],
        "containers": [{
            "name": "main", "image": "host", "command": ["sleep", "1000"],
            "securityContext": {"privileged": privileged},
            "volumeMounts": [{"name": "v", **mount} for mount in mounts],
        }],
    }}
"""


def test_read_only_and_what_is_mounted_below(tmp_path: Path) -> None:
    in_private_namespace(
        tmp_path / "top",
        MANIFEST
        + """
with Pod.from_dict(manifest(
    top,
    {"mountPath": "/plain", "readOnly": True},
    {"mountPath": "/deep", "readOnly": True, "recursiveReadOnly": "Enabled"},
    {"mountPath": "/top", "readOnly": True, "recursiveReadOnly": "Disabled"},
)) as pod:
    pod.wait("Ready", timeout=20)
    for place in ("/plain", "/plain/sub", "/deep", "/deep/sub", "/top"):
        answer = run(pod, f"touch {place}/x")
        assert "Read-only file system" in answer, (place, answer)
    # only the mount itself where the manifest says that the rest is not meant
    assert run(pod, "touch /top/sub/y && ls /deep/sub") == "y\\n"
    (status,) = pod.status.container_statuses
    assert [mount.recursive_read_only for mount in status.volume_mounts] == ["Enabled", "Enabled", "Disabled"]
""",
    )


def test_mount_propagation(tmp_path: Path) -> None:
    in_private_namespace(
        tmp_path / "top",
        MANIFEST
        + """
modes = ("None", "HostToContainer", "Bidirectional")
with Pod.from_dict(manifest(
    top, *({"mountPath": "/" + mode, "mountPropagation": mode} for mode in modes), privileged=True
)) as pod:
    pod.wait("Ready", timeout=20)
    assert run(pod, "ls -d /None/sub /HostToContainer/sub /Bidirectional/sub | wc -l") == "3\\n"
    os.mkdir(top + "/later")
    mount("-t", "tmpfs", "later", top + "/later")
    open(top + "/later/from-the-host", "w").close()
    seen = [run(pod, f"ls /{mode}/later") for mode in modes]
    assert seen == ["", "from-the-host\\n", "from-the-host\\n"], seen
    for mode in modes:
        os.mkdir(f"{top}/of-{mode}")
        place = f"/{mode}/of-{mode}"
        assert run(pod, f"mount -t tmpfs inner {place} && touch {place}/inside && echo ok") == "ok\\n"
    back = [os.listdir(f"{top}/of-{mode}") for mode in modes]
    assert back == [[], [], ["inside"]], back
    subprocess.run(["umount", top + "/of-Bidirectional"], check=True)
""",
    )


THREE = """
def three(script):
    def container(name, propagation, script, privileged):
        return {
            "name": name, "image": "host", "command": ["sh", "-c", script],
            "securityContext": {"privileged": privileged},
            "volumeMounts": [
                {"name": volume, "mountPath": "/" + volume, "mountPropagation": propagation}
                for volume in ("disk", "memory")
            ],
        }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": {
        "terminationGracePeriodSeconds": 0, "restartPolicy": "Never",
        "volumes": [{"name": "disk", "emptyDir": {}}, {"name": "memory", "emptyDir": {"medium": "Memory"}}],
        "containers": [
            container("main", "Bidirectional", script, True),
            container("host-to", "HostToContainer", "exec sleep 1000", False),
            container("none", "None", "exec sleep 1000", False),
        ],
    }}
mount("-t", "tmpfs", "state", top)
mount("--make-shared", top)
os.environ["NSRUNNER_ROOT"] = top + "/root"
def mounts():
    with open("/proc/self/mountinfo") as lines:
        return [line.split()[4] for line in lines if line.split()[4].startswith(top + "/root")]
"""
SCRIPT = (
    "for v in disk memory; do mkdir -p /$v/a/b && mount -t tmpfs inner /$v/a && mkdir /$v/a/b && "
    "mount -t tmpfs inner /$v/a/b && touch /$v/a/b/file || exit 1; done; "
)


def test_propagation_between_the_containers_of_a_pod(tmp_path: Path) -> None:
    """Volumes in memory are mounted in no namespace of the host's, and are one file system for all the same."""
    in_private_namespace(
        tmp_path / "top",
        THREE
        + f"""
with Pod.from_dict(three({SCRIPT!r} "exec sleep 1000")) as pod:
    pod.wait("Ready", timeout=20)
    assert run(pod, "until [ -e /memory/a/b/file ]; do :; done") == ""
    for volume in ("disk", "memory"):
        assert run(pod, f"ls /{{volume}}/a/b", "host-to") == "file\\n", volume
        assert run(pod, f"ls /{{volume}}/a", "none") == "b\\n", volume  # the directory below
""",
    )


@pytest.mark.parametrize("killed", [False, True])
def test_what_a_container_has_mounted_in_a_volume_goes_with_the_pod(tmp_path: Path, killed: bool) -> None:
    """Also when nobody but the next start is left to do it."""
    in_private_namespace(
        tmp_path / "top",
        THREE
        + f"""
import signal
from nsrunner.sandbox.state import Roots
from nsrunner.sandbox.sweep import sweep
if os.fork() == 0:
    pod = Pod.from_dict(three({SCRIPT!r} "exec sleep 1000"))
    pod.start()
    pod.wait("Ready", timeout=20)
    run(pod, "until [ -e /memory/a/b/file ]; do :; done")
    assert len(mounts()) == 2, mounts()
    if {killed}:
        with open(f"/proc/{{pod.pid('main')}}/stat") as file:
            os.kill(int(file.read().rpartition(")")[2].split()[1]), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    pod.close()
    os._exit(0)
_, status = os.wait()
assert status == (signal.SIGKILL if {killed} else 0), status
if {killed}:
    sweep(Roots.from_environment())
assert mounts() == []
assert os.listdir(top + "/root/lib/pods") == []
""",
    )


def test_bidirectional_is_for_privileged_containers() -> None:
    one = container("main", volumeMounts=[mount("v", "/v", mountPropagation="Bidirectional")])
    with pytest.raises(ManifestError, match="Bidirectional"):
        start(pod(one, volumes=[{"name": "v", "emptyDir": {}}]))


# --- subPath ----------------------------------------------------------------------------------------------------------


def test_sub_paths() -> None:
    volumes = [{"name": "v", "emptyDir": {}}]
    prepare = shell(
        "prepare",
        "mkdir -p /v/a/b; echo deep > /v/a/b/file; ln -s a/b /v/inside; echo one > /v/file",
        volumeMounts=[mount("v", "/v")],
    )
    mounts = [
        mount("v", "/dir", subPath="a/b"),
        mount("v", "/one", subPath="file"),
        mount("v", "/link", subPath="inside"),
        mount("v", "/new", subPath="made/for/us"),
        mount("v", "/mine", subPathExpr="pods/$(NAME)"),
    ]
    env = [{"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    whole = container("whole", volumeMounts=[mount("v", "/v")])
    main = container("main", volumeMounts=mounts, env=env)
    with start(pod(main, whole, initContainers=[prepare], volumes=volumes)) as running:
        running.wait("Ready", timeout=20)
        assert (
            run(running, "cat /dir/file /one /link/file; touch /new/x /mine/y; ls -A /dir") == "deep\none\ndeep\nfile\n"
        )
        assert run(running, "ls /v/made/for/us /v/pods/pod", "whole") == "/v/made/for/us:\nx\n\n/v/pods/pod:\ny\n"
        # the last part gets the volume's mode, those on the way what mkdir(1) would give them
        assert run(running, "stat -c %a /v/made /v/made/for/us", "whole") == "755\n777\n"


@pytest.mark.parametrize("target", ["/etc", "../../../../../../etc", "/proc/self/root", "/proc/1/root/etc"])
def test_a_sub_path_that_leads_out_of_its_volume(target: str) -> None:
    prepare = shell("prepare", f"ln -s {target} /v/out", volumeMounts=[mount("v", "/v")])
    main = shell("main", "ls /m", volumeMounts=[mount("v", "/m", subPath="out")])
    spec = pod(main, initContainers=[prepare], volumes=[{"name": "v", "emptyDir": {}}])
    with start(spec) as running:
        event = next_event(running.events(), "Failed")
        assert 'failed to prepare subPath for volumeMount "v" of container "main"' in event.message
        assert waiting(running).reason == "CreateContainerConfigError"
        assert running.logs("main") == ""


READERS = 40


def test_a_sub_path_is_not_swapped_for_a_link_meanwhile() -> None:
    """CVE-2017-1002101, CVE-2021-25741: one container swaps a directory and a link as fast as it can while others that
    mount it start. What they see is the directory, or they do not start."""
    outside = Path(f"/outside-{os.getpid()}")
    outside.mkdir()
    try:
        (outside / "secret").write_text("OUTSIDE\n")
        outcomes = asyncio.run(race(outside))
    finally:
        (outside / "secret").unlink()
        outside.rmdir()
    assert set(outcomes) <= {"inside\n", "CreateContainerConfigError"}, outcomes
    assert "inside\n" in outcomes, "the directory was never met"
    assert "CreateContainerConfigError" in outcomes, "the link was never met: nothing was raced"


async def race(outside: Path) -> list[str]:
    """What each reader read, or why it waits."""
    whole = {"volumeMounts": [mount("v", "/v")]}
    prepare = f"mkdir /v/real && echo inside > /v/real/secret && ln -s {outside} /v/link"
    # renameat2 with RENAME_EXCHANGE: both names in one step
    swap = "my ($a, $b) = qw(/v/real /v/link); syscall(316, -100, $a, -100, $b, 2) while 1"
    readers = [f"reader{number}" for number in range(READERS)]
    spec = pod(
        container("swapper", "perl", "-e", swap, **whole),
        *(shell(name, "cat /m/secret", volumeMounts=[mount("v", "/m", subPath="real")]) for name in readers),
        initContainers=[shell("prepare", prepare, **whole)],
        volumes=[{"name": "v", "emptyDir": {}}],
    )
    async with AsyncPod.from_dict(spec, grace_period=0) as running, asyncio.timeout(30):
        changed = asyncio.Event()
        unsubscribe = running.subscribe(changed.set)
        while not all(settled(status) for status in running.status.container_statuses if status.name in readers):
            changed.clear()
            await changed.wait()
        unsubscribe()
        reasons = {status.name: settled(status) for status in running.status.container_statuses}
        return [reasons[name] if reasons[name] != "Completed" else await running.logs(name) for name in readers]


def settled(status: ContainerStatus) -> str:
    """The reason why a container has ended or does not start."""
    state = status.state
    if state is not None and state.terminated is not None:
        return state.terminated.reason or ""
    reason = state.waiting.reason if state is not None and state.waiting is not None else None
    return reason if reason not in (None, "ContainerCreating", "PodInitializing") else ""
