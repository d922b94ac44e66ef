"""The names of Linux capabilities (capabilities(7)), as manifests write them: without ``CAP_``."""

from __future__ import annotations

from typing import Final

__all__ = ["CAPABILITIES", "is_capability"]

CAPABILITIES: Final = (
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
    *("LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER"),
    *("SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"),
    *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP"),
    *("MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF"),
    "CHECKPOINT_RESTORE",
)
"""In the kernel's order: the index is the number."""

_KNOWN: Final = frozenset((*CAPABILITIES, "ALL"))


def is_capability(name: str) -> bool:
    """Whether ``add`` and ``drop`` may say so: any capability or ``ALL``, with or without ``CAP_``, in any case."""
    return name.upper().removeprefix("CAP_") in _KNOWN
