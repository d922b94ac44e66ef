"""What ``doctor`` looks at, one check after the other."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..daemon import process
from ..errors import HostError
from ..sandbox import host, native, probe
from ..sandbox.state import Roots

__all__ = ["Check", "examine"]

OLDEST_KERNEL: Final = (5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    name: str
    needed: bool
    """No pod can run without it."""
    found: str = ""
    """What is there, when all is well."""
    problem: str | None = None
    lost: str = ""
    remedy: str = ""


def examine() -> list[Check]:
    """All checks, what is needed first. Takes some tens of milliseconds.

    Without root most of them could only say that root is needed: then they are left out.
    """
    if os.geteuid() != 0:
        return [_installation(), _kernel(), _root(), *_tools()]
    return [
        _installation(),
        _kernel(),
        _root(),
        *_namespaces(),
        _overlay(),
        *_capabilities(),
        _seccomp(),
        *_cgroups(),
        _link(),
        _state_directory(),
        *_tools(),
    ]


# --- the kernel and our rights ---


def _kernel() -> Check:
    release = platform.release()
    numbers = re.match(r"(\d+)\.(\d+)", release)
    version = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    too_old = version < OLDEST_KERNEL
    return Check(
        name="kernel",
        needed=True,
        found=f"Linux {release} ({platform.machine()})",
        problem=f"Linux {release} is older than {OLDEST_KERNEL[0]}.{OLDEST_KERNEL[1]}" if too_old else None,
        lost="pods need pidfds, clone3 and close_range",
        remedy="install a newer kernel; Debian 11 and later have one",
    )


def _installation() -> Check:
    problem = None
    try:
        native.load()
        for helper in ("nsrunner-shim", "nsrunner-pause"):
            native.executable(helper)
    except (HostError, OSError) as error:
        problem = str(error)
    return Check(
        name="nsrunner",
        needed=True,
        found="its C extension and its two helpers are in place",
        problem=problem,
        lost="nothing can be run",
        remedy="install the package again: pip install --force-reinstall nsrunner",
    )


def _root() -> Check:
    uid = os.geteuid()
    return Check(
        name="root",
        needed=True,
        found="uid 0",
        problem=None if uid == 0 else f"uid {uid}",
        lost="namespaces and mounts are for root; the rest can be looked at by root only",
        remedy="run it again with sudo",
    )


def _capabilities() -> Iterator[Check]:
    needed = [f"CAP_{name}" for name in process.missing_rights(process.NEEDED)]
    optional = [f"CAP_{name}" for name in process.missing_rights(process.OPTIONAL)]
    yield Check(
        name="capabilities",
        needed=True,
        found="all that pods need",
        problem=f"no {', '.join(needed)}" if needed else None,
        lost="containers cannot be set up",
        remedy="run it as root outside of an unprivileged container",
    )
    if optional:
        yield Check(
            name="more rights",
            needed=False,
            problem=f"no {', '.join(optional)}",
            lost="oom_score_adj below ours, rlimits above ours, or device nodes are not set",
            remedy="give the container that nsrunner runs in these capabilities",
        )


def _namespaces() -> Iterator[Check]:
    failed = {name: why for name in probe.NAMESPACES if (why := probe.namespace(name)) is not None}
    user = failed.pop("user", None)
    others = [name for name in probe.NAMESPACES if name != "user"]
    yield Check(
        name="namespaces",
        needed=True,
        found=", ".join(others),
        problem="; ".join(f"{name}: {why}" for name, why in failed.items()) or None,
        lost="a pod is made of them",
        remedy="run it as root, with CAP_SYS_ADMIN, on a kernel with all namespaces",
    )
    yield Check(
        name="user namespaces",
        needed=False,
        found="can be made",
        problem=user,
        lost="hostUsers: false is refused",
        remedy="sysctl user.max_user_namespaces=15000",
    )


def _overlay() -> Check:
    return Check(
        name="overlay",
        needed=True,
        found="can be mounted",
        problem=probe.overlay(),
        lost="every container's root is an overlay",
        remedy="modprobe overlay",
    )


def _seccomp() -> Check:
    return Check(
        name="seccomp",
        needed=False,
        found="filters can be set",
        problem=probe.seccomp_filter(),
        lost="containers with the default profile, RuntimeDefault, do not start",
        remedy="a kernel with CONFIG_SECCOMP_FILTER, or seccompProfile type Unconfined",
    )


# --- cgroups ---


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


_CONTROLLERS: Final = ("cpu", "memory", "pids", "io")


def _cgroups() -> Iterator[Check]:
    """Of the very directory below which pods would get theirs."""
    try:
        facts = host.gather()
        where, present, device_filter = facts.cgroup, facts.controllers, facts.device_filter
        problem = probe.cgroup(where) if where else "no cgroup2 hierarchy that we may use is mounted"
    except HostError as error:
        where, present, device_filter, problem = "", (), False, str(error)
    yield Check(
        name="cgroup v2",
        needed=False,
        found=where,
        problem=problem,
        lost="a container whose processes hide from their parent cannot be killed as a whole",
        remedy="mount -t cgroup2 none /sys/fs/cgroup, or boot with systemd.unified_cgroup_hierarchy=1",
    )
    yield Check(
        name="device filter",
        needed=False,
        found="a BPF program guards the devices of each container",
        problem=None if device_filter else "a BPF device filter cannot be attached to a cgroup",
        lost="containers do not get CAP_MKNOD",
        remedy="a cgroup v2 hierarchy, and a kernel with CONFIG_CGROUP_BPF",
    )
    absent = [name for name in _CONTROLLERS if name not in present]
    yield Check(
        name="controllers",
        needed=False,
        found=", ".join(present),
        problem=f"cgroup v2 has no {', '.join(absent)}" if absent else None,
        lost="resource limits of containers are shown, but not enforced",
        remedy="boot with cgroup v1 off: systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all",
    )


# --- the network, the disk ---


def _link() -> Check:
    failures = {}
    for kind in ("dummy", "bridge", "veth"):  # the order in which a pod tries them
        why = probe.dummy_link(kind)
        if why is None:
            return Check(name="pod address", needed=False, found=f"eth0 of kind {kind}")
        failures[kind] = why
    return Check(
        name="pod address",
        needed=False,
        problem="; ".join(failures.values()),
        lost="pods have a loopback interface only, and no status.podIP",
        remedy="modprobe dummy",
    )


def _state_directory() -> Check:
    base = Roots.from_environment().state
    while not os.path.isdir(base):
        base = os.path.dirname(base)
    problem = probe.overlay(base)
    return Check(
        name="disk layers",
        needed=False,
        found=f"{base} can hold the writable layers of containers",
        problem=None if problem is None else f"{base}: {problem}",
        lost="what containers write to their own root is kept in memory",
        remedy="set NSRUNNER_ROOT to a directory on ext4 or xfs",
    )


# --- programs ---


_LATER: Final = "nothing yet: a coming version"


def _tools() -> Iterator[Check]:
    images = f"{_LATER} pulls images with it; this one runs host and rootfs:DIR"
    yield _tool(
        "nft",
        "nftables",
        f"{_LATER} connects pods with it; in this one they have a network of their own, or the host's",
    )
    yield Check(
        name=process.PACKAGE,
        needed=False,
        found="for the daemon",
        problem=None if process.prctl() is not None else "not installed",
        lost="the daemon has no process name, and does not reap what a dead shim leaves",
        remedy="pip install 'nsrunner[daemon]' (needs gcc and libcap-dev)",
    )
    yield _tool("skopeo", "skopeo", images)
    yield _tool("umoci", "umoci", images.replace("pulls", "unpacks"))


def _tool(program: str, package: str, lost: str) -> Check:
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    return Check(
        name=program,
        needed=False,
        found=path or "",
        problem=None if path else "not on PATH",
        lost=lost,
        remedy=_install(package),
    )


def _install(package: str) -> str:
    release = _read("/etc/os-release") or ""
    family = " ".join(re.findall(r'^ID(?:_LIKE)?="?([^"\n]*)"?$', release, re.MULTILINE)).split()
    for system, command in (
        ("debian", "apt-get install"),
        ("fedora", "dnf install"),
        ("alpine", "apk add"),
        ("arch", "pacman -S"),
    ):
        if system in family:
            return f"{command} {package}"
    return f"install the package {package}"
