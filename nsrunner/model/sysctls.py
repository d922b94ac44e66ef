"""Names of sysctls, and which of them are safe: confined to the pod, and harmless to others (kubelet ``sysctl``)."""

from __future__ import annotations

from typing import Final

__all__ = ["SAFE", "is_ipc", "is_safe", "with_dots"]

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


def is_ipc(name: str) -> bool:
    """Whether the sysctl, in its form with dots, belongs to the IPC namespace."""
    return name.startswith(_IPC) or name == "kernel.sem"
