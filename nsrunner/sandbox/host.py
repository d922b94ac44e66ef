"""Facts about this host, gathered once per process and handed to the planner."""

from __future__ import annotations

import os
import resource
import socket
from typing import Final

from msgspec import Struct

from nsrunner.errors import HostError
from nsrunner.sandbox import cgroups, native, security
from nsrunner.sandbox.mountinfo import host_submounts
from nsrunner.sandbox.spec import Submount

__all__ = ["HostFacts", "gather", "parse_capabilities", "parse_kernel"]

_RESOLVED: Final = "/run/systemd/resolve/resolv.conf"
"""systemd-resolved's real servers; its stub in /etc/resolv.conf listens on the host's loopback only."""

_PROBES: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Documentation addresses: they lie behind the default route. Nothing is sent."""


class HostFacts(Struct, frozen=True, kw_only=True):
    hostname: str
    ips: tuple[str, ...]
    """Source addresses of the default routes, IPv4 first; 127.0.0.1 when there is none."""
    kernel: tuple[int, int]
    machine: str
    """``x86_64``, ``aarch64``."""
    capabilities: int
    """Effective ones of this process, as a mask."""
    uid: int
    cgroup: str
    """Directory below which pods get theirs (``<cgroup>/nsrunner/<uid>``); empty: no cgroup2 that we may use."""
    controllers: tuple[str, ...]
    """Of that directory."""
    device_filter: bool
    """A BPF device filter stands behind CAP_MKNOD."""
    submounts: tuple[Submount, ...]
    """Of the image ``host``."""
    masked_paths: tuple[str, ...]
    """security.MASKED_PATHS and those that depend on the machine."""
    cpus: int
    memory: int
    """Bytes."""
    storage: int
    """Bytes of the root file system: what the node has of ephemeral-storage."""
    oom_score_adj: int
    """Of this process: without CAP_SYS_RESOURCE nothing can be made less likely to be killed."""
    rlimits: tuple[tuple[int, int, int], ...]
    """(resource, soft, hard) of this process; -1: unlimited."""
    resolv_conf: bytes
    hosts: bytes


def parse_kernel(release: str) -> tuple[int, int]:
    """(major, minor) of ``6.1.0-18-amd64``."""
    major, _, rest = release.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return (int(major) if major.isdecimal() else 0, int(digits or 0))


def parse_capabilities(status: str) -> int:
    """The effective set in the text of /proc/self/status."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _read(path: str) -> str:
    return _read_bytes(path).decode("utf-8", "surrogateescape")


def _read_bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1 << 20)
    except OSError:
        return b""


def _source_address(family: int, target: str) -> str:
    try:
        with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as probe:
            probe.connect((target, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def _thermal_throttle() -> tuple[str, ...]:
    """Directories that tell containers about each other's load on the CPUs; the kubelet masks them, too."""
    base = "/sys/devices/system/cpu"
    try:
        names = os.listdir(base)
    except OSError:
        return ()
    paths = (f"{base}/{name}/thermal_throttle" for name in sorted(names) if name[3:].isdecimal())
    return tuple(path for path in paths if os.path.isdir(path))


def _storage() -> int:
    facts = os.statvfs("/")
    return facts.f_blocks * facts.f_frsize


def gather() -> HostFacts:
    """Reads them: about a millisecond, nothing of it waits for anybody. Raises HostError without /proc."""
    mountinfo = _read("/proc/self/mountinfo")
    if not mountinfo:
        raise HostError("/proc is not mounted: processes and their namespaces cannot be reached without it")
    system = os.uname()
    cgroup = cgroups.parent(cgroups.mount_point(mountinfo), cgroups.own_path(_read("/proc/self/cgroup")))
    limits = range(resource.RLIM_NLIMITS) if hasattr(resource, "RLIM_NLIMITS") else range(16)
    return HostFacts(
        hostname=system.nodename,
        ips=tuple(filter(None, (_source_address(*probe) for probe in _PROBES))) or ("127.0.0.1",),
        kernel=parse_kernel(system.release),
        machine=system.machine,
        capabilities=parse_capabilities(_read("/proc/self/status")),
        uid=os.geteuid(),
        cgroup=cgroup,
        controllers=cgroups.controllers(cgroup) if cgroup else (),
        device_filter=bool(cgroup) and native.device_filter_works(cgroup),
        submounts=host_submounts(mountinfo, is_directory=os.path.isdir),
        masked_paths=(*security.MASKED_PATHS, *_thermal_throttle()),
        cpus=os.cpu_count() or 1,
        memory=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        storage=_storage(),
        oom_score_adj=int(_read("/proc/self/oom_score_adj") or 0),
        rlimits=tuple((number, *resource.getrlimit(number)) for number in limits),
        resolv_conf=_read_bytes(_RESOLVED) or _read_bytes("/etc/resolv.conf"),
        hosts=_read_bytes("/etc/hosts"),
    )
