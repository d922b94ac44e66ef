"""What the daemon does to its own process, and which rights it has, by python-prctl (the extra ``daemon``).

Without that the daemon runs all the same, and says what it lacks.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterable
from typing import Any, Final

__all__ = ["NEEDED", "OPTIONAL", "PACKAGE", "missing_rights", "prctl", "settle"]

PACKAGE: Final = "python-prctl"

NEEDED: Final = (
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_ADMIN", "SYS_CHROOT", "SYS_ADMIN",
)  # fmt: skip
"""capabilities(7) without which no pod can be set up."""
OPTIONAL: Final = ("SYS_PTRACE", "SYS_RESOURCE", "MKNOD")


def prctl() -> Any:
    """The module; None where it is not installed."""
    try:
        import prctl as module
    except ImportError:
        return None
    return module


def settle() -> list[str]:
    """Gives the process its name, makes it the parent of what loses its own, and closes its memory to other processes
    of its user; lets it have as many descriptors as it may. Returns what could not be done, a sentence each."""
    _raise_descriptors()
    module = prctl()
    if module is None:
        return [
            f"{PACKAGE} is not installed: the process has no name of its own, does not reap what a dead shim leaves, "
            "and its memory may be dumped (pip install 'nsrunner[daemon]')"
        ]
    problems = []
    steps: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("its name", lambda: module.set_name("nsrunner-daemon"[:15])),
        ("subreaper", lambda: module.set_child_subreaper(1)),
        ("dumpable", lambda: module.set_dumpable(0)),
    )
    for what, step in steps:
        try:
            step()
        except (OSError, AttributeError, ValueError) as error:
            problems.append(f"prctl: {what}: {error}")
    return problems


def _raise_descriptors() -> None:
    """To the hard limit, which is anybody's right (getrlimit(2)): each pod and each client takes some. What containers
    get does not depend on it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def missing_rights(names: Iterable[str], effective: int | None = None) -> list[str]:
    """Which of these capabilities (``SYS_ADMIN`` ...) the process lacks. ``effective``: its mask, when python-prctl is
    not to be asked."""
    module = prctl() if effective is None else None
    if module is not None:
        return [name for name in names if not getattr(module.cap_effective, name.lower())]
    if effective is None:
        effective = _effective()
    return [name for name in names if not effective >> _NUMBERS[name] & 1]


_NUMBERS: Final = {
    "CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8, "NET_ADMIN": 12,
    "SYS_CHROOT": 18, "SYS_PTRACE": 19, "SYS_ADMIN": 21, "SYS_RESOURCE": 24, "MKNOD": 27,
}  # fmt: skip


def _effective() -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16)
    return 0
