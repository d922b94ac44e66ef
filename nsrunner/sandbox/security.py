"""Capabilities by name and by mask: which of them a container gets (kubelet-semantics 23, capabilities(7))."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from msgspec import Struct

from nsrunner.model import capabilities

__all__ = [
    "ALL",
    "CAPABILITIES",
    "DEFAULT",
    "MASKED_PATHS",
    "READONLY_PATHS",
    "CapabilitySets",
    "UnknownCapability",
    "capability_sets",
    "mask",
    "names",
    "parse",
]

CAPABILITIES: Final = tuple(f"CAP_{name}" for name in capabilities.CAPABILITIES)
"""In the kernel's numbering."""

_NUMBERS: Final = {name: number for number, name in enumerate(CAPABILITIES)}
ALL: Final = (1 << len(CAPABILITIES)) - 1

MASKED_PATHS: Final = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
"""Hidden from containers, where they exist; the host adds the thermal_throttle directories of its CPUs."""

READONLY_PATHS: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


class UnknownCapability(ValueError):
    """A name that the kernel does not know."""


def parse(name: str) -> int:
    """The mask of one name, with or without ``CAP_``; every bit for ``ALL``. Raises UnknownCapability."""
    full = name.upper()
    if full in ("ALL", "CAP_ALL"):
        return ALL
    if not full.startswith("CAP_"):
        full = f"CAP_{full}"
    number = _NUMBERS.get(full)
    if number is None:
        raise UnknownCapability(name)
    return 1 << number


def mask(wanted: Iterable[str]) -> int:
    """Raises UnknownCapability."""
    bits = 0
    for name in wanted:
        bits |= parse(name)
    return bits


def names(bits: int) -> tuple[str, ...]:
    """The names of a mask, in the kernel's order."""
    return tuple(name for number, name in enumerate(CAPABILITIES) if bits >> number & 1)


DEFAULT: Final = mask(
    (
        "CHOWN",
        "DAC_OVERRIDE",
        "FSETID",
        "FOWNER",
        "MKNOD",
        "NET_RAW",
        "SETGID",
        "SETUID",
        "SETFCAP",
        "SETPCAP",
        "NET_BIND_SERVICE",
        "SYS_CHROOT",
        "KILL",
        "AUDIT_WRITE",
    )
)
"""What containerd gives."""


class CapabilitySets(Struct, frozen=True, kw_only=True):
    bounding: int
    permitted: int
    """Also the effective set."""
    missing: int
    """Asked for by name, but this process has none of them to give."""


@lru_cache(maxsize=64)
def capability_sets(
    *,
    add: tuple[str, ...],
    drop: tuple[str, ...],
    privileged: bool,
    uid: int,
    held: int,
    device_filter: bool,
) -> CapabilitySets:
    """The sets of a program that runs as ``uid``; ``held`` is what the starting process can give away.

    ``drop: [ALL]`` empties the default set first, ``add: [ALL]`` fills it; then single names are added, then dropped
    (as containerd does). CAP_MKNOD is among them only where a device filter stands behind it, or when
    it is named (then the start fails where there is none). A program
    that is not uid 0 has them in its bounding set only, because the ambient set stays empty.
    Raises UnknownCapability.
    """
    added = [name for name in add if parse(name) != ALL]
    dropped = [name for name in drop if parse(name) != ALL]
    if privileged:
        bits = wanted = ALL
    else:
        bits = DEFAULT if device_filter else DEFAULT & ~mask(("MKNOD",))
        if any(parse(name) == ALL for name in add):
            bits = ALL if device_filter else ALL & ~mask(("MKNOD",))
        if any(parse(name) == ALL for name in drop):
            bits = 0
        wanted = mask(added)
        bits = (bits | wanted) & ~mask(dropped)
    given = bits & held
    return CapabilitySets(
        bounding=given,
        permitted=given if uid == 0 else 0,
        missing=0 if privileged else wanted & bits & ~held,
    )
