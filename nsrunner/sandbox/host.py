"""Facts about this host, gathered once per process and handed to the planner."""

from __future__ import annotations

from dataclasses import dataclass

from nsrunner.sandbox.spec import Submount

__all__ = ["HostFacts", "gather"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    hostname: str
    ips: tuple[str, ...]
    """Global addresses, IPv4 of the default route first; loopback when there is none."""
    kernel: tuple[int, int]
    machine: str
    """``x86_64``, ``aarch64``."""
    capabilities: int
    """Effective ones of this process, as a mask."""
    uid: int
    cgroup: str
    """Directory below which pods get theirs, empty: no cgroup2 that we may use."""
    controllers: tuple[str, ...]
    device_filter: bool
    """A BPF device filter can be attached to a container's cgroup."""
    submounts: tuple[Submount, ...]
    """Of the image ``host``."""
    cpus: int
    memory: int
    """Bytes."""
    rlimits: tuple[tuple[int, int, int], ...]
    """(resource, soft, hard) of this process."""
    resolv_conf: bytes
    hosts: bytes


def gather() -> HostFacts:
    """Reads them. Takes about a millisecond; nothing of it blocks."""
    raise NotImplementedError
