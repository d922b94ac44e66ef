"""Logs of real containers: rotation while they write, binary output, a full disk, streams that never pause."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from raw_shim import Peer, Shim
from shim_pod import Pod, shim_of


@pytest.fixture
def pod() -> Pod:
    return Pod(Path(os.environ["NSRUNNER_ROOT"]))


@pytest.fixture
def shim(pod: Pod) -> Iterator[Shim]:
    with shim_of(pod) as running:
        yield running


@pytest.fixture
def peer(pod: Pod, shim: Shim) -> Iterator[Peer]:
    controller = Peer(shim.path)
    pod.create(controller)
    yield controller
    assert controller.call("REMOVE_POD").kind == "OK"
    assert shim.wait() == 0
    controller.close()
    assert pod.left() == []


def contents(path: Path) -> bytes:
    """What was written, put together again: P lines are joined, F lines end with a newline."""
    out = bytearray()
    for line in path.read_bytes().split(b"\n")[:-1]:
        stamp, stream, tag, text = line.split(b" ", 3)
        assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", stamp)
        assert stream == b"stdout" and tag in (b"P", b"F") and len(text) <= 16384
        out += text + (b"\n" if tag == b"F" else b"")
    return bytes(out)


def test_binary_output_comes_back_as_it_was(pod: Pod, peer: Peer) -> None:
    script = (
        "head -c 3000000 /dev/urandom | tr -d '\\r' | tee /dev/stderr 2>/tmp/copy;"
        " sha256sum < /tmp/copy > /dev/termination-log"
    )
    pod.start(peer, "web", "/bin/sh", "-c", script, max_size=-1)
    digest = peer.record("CONTAINER_EXITED").MESSAGE.split()[0].decode()
    assert hashlib.sha256(contents(pod.logs / "web" / "0.log")).hexdigest() == digest


def test_rotation_while_a_container_floods(pod: Pod, peer: Peer) -> None:
    pod.start(peer, "web", "/bin/sh", "-c", "seq 1 200000", max_size=100_000, max_files=4)
    peer.record("CONTAINER_EXITED")
    files = sorted((pod.logs / "web").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert len(files) == 4 and (pod.logs / "web" / "0.log") in files
    for path in files:
        assert path.stat().st_size < 100_100
        assert path.name == "0.log" or re.fullmatch(r"0\.log\.\d{8}-\d{6}(-\d+)?", path.name)

    def order(path: Path) -> tuple[str, int]:
        if path.name == "0.log":
            return ("~", 0)
        return (path.name[6:21], int(path.name[22:] or 0))

    numbers = [int(word) for path in sorted(files, key=order) for word in contents(path).split()]
    assert numbers == list(range(numbers[0], 200_001))  # the newest, without a gap


def test_a_full_disk_blocks_no_container_and_the_log_says_what_is_missing(pod: Pod, shim: Shim, peer: Peer) -> None:
    """The log directory is a file system of 256 KiB, mounted where only the shim and this test's helper see it."""
    pod.start(peer, "web", "/bin/sh", "-c", "echo first; read go; seq 1 300000; echo last", extra=[("STDIN", 1)])
    pod.wait_until_printed("web", "first")
    # The shim holds the directory open; a small tmpfs for a second container, in the shim's mount namespace.
    (pod.logs / "full").mkdir(mode=0o755)
    inside = ["nsenter", f"--mount=/proc/{shim.pid}/ns/mnt"]
    subprocess.run([*inside, "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", pod.logs / "full"], check=True)
    script = "seq 1 300000; mkfifo /tmp/go; read go </tmp/go; echo after; echo done >/dev/termination-log; exit 3"
    pod.start(peer, "full", "/bin/sh", "-c", script, max_size=-1)

    def log() -> bytes:
        return subprocess.run([*inside, "cat", pod.logs / "full" / "0.log"], check=True, capture_output=True).stdout

    assert pod.execute(peer, "full", "/bin/sh", "-c", "until [ -p /tmp/go ]; do sleep 0.01; done") == (0, b"")
    text = log()
    assert 200_000 < len(text) <= 256 << 10
    assert text.endswith(b"\n") and re.search(rb"F 1\n", text)
    # With room again, the log says what is missing, and goes on.
    subprocess.run([*inside, "mount", "-o", "remount,size=32m", pod.logs / "full"], check=True)
    pod.execute(peer, "full", "/bin/sh", "-c", "echo >/tmp/go")  # its container's end may take it along
    record = peer.record("CONTAINER_EXITED", NAME="full")
    assert (record.EXIT_CODE, record.MESSAGE) == (3, b"done\n")
    notice = rb"\S+ stderr F nsrunner: [1-9]\d+ bytes of log were lost: No space left on device\n"
    assert len(re.findall(notice, log())) == 1 and log().endswith(b" stdout F after\n")
    subprocess.run([*inside, "umount", pod.logs / "full"], check=True)
    peer.call("SIGNAL", [("CONTAINER_ID", pod.id("web")), ("SIGNAL", 9)])
    peer.record("CONTAINER_EXITED", NAME="web")


MEDDLER = """
import fcntl, os, signal
signal.signal(signal.SIGIO, signal.SIG_IGN)
reader = os.open('/proc/self/fd/1', os.O_RDONLY | os.O_NONBLOCK)
for fd in 1, reader:
    fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_ASYNC | os.O_DIRECT)
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_DIRECT)
fcntl.fcntl(1, 1031, 4096)  # F_SETPIPE_SZ
os.close(reader)
os.write(1, b'first\\n')
os.mkfifo('/tmp/go')
open('/tmp/go').read()
os.write(1, b'second\\n' + b'x' * 9000 + b'\\nthird\\n')
signal.pause()
"""
"""A container that does to its pipe what it can, both to its own end and to one for reading that it opens."""


def test_nothing_that_a_container_does_to_its_pipe_stops_its_log(pod: Pod, peer: Peer) -> None:
    pod.start(peer, "web", sys.executable, "-c", MEDDLER)
    pod.wait_until_printed("web", "first")
    pod.execute(peer, "web", "/bin/sh", "-c", "until [ -p /tmp/go ]; do sleep 0.01; done; echo >/tmp/go")
    pod.wait_until_printed("web", "third")
    assert contents(pod.logs / "web" / "0.log") == b"first\nsecond\n" + b"x" * 9000 + b"\nthird\n"


def test_a_flood_makes_the_shim_no_larger(pod: Pod, shim: Shim, peer: Peer) -> None:
    def resident() -> int:
        rollup = Path(f"/proc/{shim.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Rss:\s+(\d+)", rollup, re.MULTILINE).group(1)) << 10  # type: ignore[union-attr] # always there

    def settled() -> int:
        """The buffers go back after a quiet second."""
        deadline = time.monotonic() + 5
        while resident() > before + (64 << 10) and time.monotonic() < deadline:
            time.sleep(0.05)
        return resident()

    before = resident()
    script = "head -c 40000000 /dev/zero >&2 & yes | head -c 40000000; wait"
    pod.start(peer, "web", "/bin/sh", "-c", script, max_size=1 << 20, max_files=2)
    assert peer.record("CONTAINER_EXITED").EXIT_CODE == 0
    assert resident() - before < 1 << 20  # the two shared buffers, touched to their ends
    assert settled() - before <= 64 << 10
