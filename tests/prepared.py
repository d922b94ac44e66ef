"""Containers that a shim is told to prepare."""

from __future__ import annotations

import contextlib
import os
import select
import time

from raw_shim import Peer, sealed
from shim_pod import Pod

__all__ = ["gone", "held", "prepare"]


def prepare(peer: Peer, spec: bytes, *, after: str = "") -> None:
    """``after``: the id of the instance whose end to wait for."""
    memfd = sealed(spec)
    peer.send("PREPARE_CONTAINER", [("CONTAINER_ID", after)] if after else [], fds=[memfd], id=0)
    os.close(memfd)


def held(pod: Pod, name: str) -> int:
    """Waits until a prepared container has nothing left to do but its program; its pid."""
    assert pod.cgroup is not None
    procs = pod.cgroup / f"{name}.0" / "main" / "cgroup.procs"
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            for pid in map(int, procs.read_text().split()):
                if sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2", "3"]:
                    return pid
        time.sleep(0.005)
    raise TimeoutError(name)


def gone(pid: int) -> bool:
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(pidfd):
        return bool(select.select([pidfd], [], [], 10)[0])
