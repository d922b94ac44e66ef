"""Drives the nsrunner program from tests: as a child with pipes, or on a pseudo terminal of its own."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

NSRUNNER = str(Path(sys.executable).with_name("nsrunner"))
"""The installed console script: what users run."""
DEADLINE = 60.0


def nsrunner(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run([NSRUNNER, *words], capture_output=True, text=True, timeout=DEADLINE, check=False, **options)


def manifest(
    name: str = "p", *, containers: dict[str, str] | None = None, init: dict[str, str] | None = None, **spec: Any
) -> str:
    """A Pod whose containers run shell scripts on the host's root, as JSON."""

    def listed(scripts: dict[str, str] | None) -> list[dict[str, Any]]:
        return [
            {"name": key, "image": "host", "command": ["sh", "-c", script]} for key, script in (scripts or {}).items()
        ]

    spec = {"restartPolicy": "Never", "containers": listed(containers), **spec}
    if init:
        spec["initContainers"] = listed(init)
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


class Running:
    """A program that runs; its output is read as far as is asked."""

    def __init__(self, pid: int, out: int, given: int | None) -> None:
        self.pid = pid
        self.out = out
        self.given = given
        self.text = bytearray()
        self.code: int | None = None

    def expect(self, what: str) -> str:
        """Read until this is there; returns what came before it."""
        wanted = what.encode()
        deadline = time.monotonic() + DEADLINE
        looked = 0
        while self.text.find(wanted, looked) < 0:
            looked = max(0, len(self.text) - len(wanted))
            assert self.read_some(deadline), f"{what!r} did not come: {self.text[-4096:].decode(errors='replace')}"
        at = self.text.find(wanted, looked)
        before = bytes(self.text[:at])
        del self.text[: at + len(wanted)]
        return before.decode(errors="replace")

    def rest(self) -> str:
        """Everything to the end of the output."""
        deadline = time.monotonic() + DEADLINE
        while self.read_some(deadline):
            pass
        text = self.text.decode(errors="replace")
        self.text.clear()
        return text

    def read_some(self, deadline: float) -> bool:
        """False at the end."""
        ready, _, _ = select.select([self.out], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing came in time after: {self.text[-4096:].decode(errors='replace')}"
        try:
            data = os.read(self.out, 65536)
        except OSError:  # the other end of a pty is gone
            return False
        self.text += data
        return bool(data)

    def send(self, data: bytes) -> None:
        assert self.given is not None
        os.write(self.given, data)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        if self.code is None:
            pidfd = os.pidfd_open(self.pid)
            try:
                ended, _, _ = select.select([pidfd], [], [], DEADLINE)
            finally:
                os.close(pidfd)
            assert ended, "it does not end"
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code


@contextmanager
def background(
    *words: str, program: Sequence[str] = (NSRUNNER,), stderr: int | IO[bytes] = subprocess.STDOUT
) -> Iterator[Running]:
    """With pipes; standard error comes with standard output unless it is sent elsewhere."""
    process = subprocess.Popen([*program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)
    assert process.stdout is not None
    running = Running(process.pid, process.stdout.fileno(), None)
    try:
        yield running
    finally:
        if running.code is None:
            process.kill()
            process.wait()
        else:
            process.returncode = running.code
        process.stdout.close()


@contextmanager
def terminal(*words: str) -> Iterator[Running]:
    """On a terminal of its own, in the foreground."""
    pid, master = pty.fork()
    if pid == 0:
        os.execv(NSRUNNER, [NSRUNNER, *words])
    running = Running(pid, master, master)
    try:
        yield running
    finally:
        if running.code is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(master)


def until(what: str, holds: Any, *, within: float = DEADLINE) -> float:
    """Wait until ``holds()``; returns the seconds it took. For what no event tells: that a foreign process is gone."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < within, f"not within {within} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - start


def processes_with(word: str) -> list[int]:
    """Processes that have this word in their command line."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if word.encode() in words:
                found.append(int(entry))
    return found
