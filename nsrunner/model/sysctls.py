"""Names of sysctls, and which of them are safe: confined to the pod, and harmless to others (kubelet ``sysctl``)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["SAFE", "is_allowed", "is_ipc", "is_safe", "pattern_problem", "with_dots"]

SAFE: Final = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    )
)
"""Allowed without asking the node's administrator."""

_IPC: Final = ("kernel.shm", "kernel.msg", "fs.mqueue.")


def with_dots(name: str) -> str:
    """The usual form of a name that separates with slashes; the first separator tells which it is (sysctl.d(5))."""
    dot, slash = name.find("."), name.find("/")
    if slash < 0 or 0 <= dot < slash:
        return name
    return name.translate(_EXCHANGED)


_EXCHANGED: Final = str.maketrans("./", "/.")


def is_safe(name: str) -> bool:
    """``name`` is in its form with dots."""
    return name in SAFE


def is_allowed(name: str, patterns: Iterable[str]) -> bool:
    """Whether ``name``, in its form with dots, is safe, or allowed by the node: names, or prefixes ending in ``*``."""
    return is_safe(name) or any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
        for pattern in map(with_dots, patterns)
    )


_SEGMENT: Final = r"[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?"
_PATTERN: Final = rf"(?:{_SEGMENT}[./])*(?:[a-z0-9][-_a-z0-9]*)?[a-z0-9*]"
_LONGEST_PATTERN: Final = 253


def pattern_problem(pattern: str) -> str:
    """Why the kubelet would not take this name, or prefix ending in ``*``, of sysctls to allow; empty when it would."""
    if len(pattern) > _LONGEST_PATTERN or not re.fullmatch(_PATTERN, pattern, re.ASCII):
        return (
            'must be the name of a sysctl, or the beginning of one and "*", such as net.core.somaxconn or kernel.msg*'
        )
    # A prefix such as kernel.* would allow what is the whole machine's.
    name = with_dots(pattern).removesuffix("*")
    if not (name.startswith("net.") or is_ipc(name)):
        return "not known to be namespaced: such are net.*, kernel.shm*, kernel.msg*, kernel.sem and fs.mqueue.*"
    return ""


def is_ipc(name: str) -> bool:
    """Whether the sysctl, in its form with dots, belongs to the IPC namespace."""
    return name.startswith(_IPC) or name == "kernel.sem"
