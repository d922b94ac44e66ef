"""Whom a pod belongs to, and which directories are its own."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Owner", "PodPaths"]


class Owner(NamedTuple):
    """Whom the pod belongs to. The shim ends the pod when a process owner goes away; a daemon's pods stay."""

    kind: Literal["daemon", "process"]
    pid: int = 0
    start_time: int = 0
    """Field 22 of /proc/PID/stat, in clock ticks since boot (proc(5)): with the pid it names one process for ever."""


class PodPaths(NamedTuple):
    """Absolute directories of one pod, each made (0700; logs 0755 below a 0750 root) and removed by its shim."""

    run: str
    """``/run/nsrunner/pods/<uid>``: the shim's socket, saved state; on a tmpfs."""
    state: str
    """``/var/lib/nsrunner/pods/<uid>``: disk volumes and writable layers."""
    logs: str
    """``/var/log/pods/<namespace>_<name>_<uid>``."""
    log_links: str
    """``/var/log/containers``; empty: no compatibility links."""
