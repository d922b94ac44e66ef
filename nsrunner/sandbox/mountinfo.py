"""Which mounts of the host the image ``host`` shows again. Pure: the text of /proc/self/mountinfo in, a list out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from nsrunner.sandbox.spec import Submount

__all__ = ["HIDDEN", "PRIVATE", "host_submounts", "mount_points"]

PRIVATE: Final = ("/run", "/tmp")  # noqa: S108 - a mount point in containers, not a place for our files
"""Fresh and empty in every container of the host's root."""
HIDDEN: Final = ("/proc", "/sys", "/dev", *PRIVATE)
"""Replaced in every container of the host's root: nothing below them is shown."""

_KERNEL_TYPES: Final = frozenset(
    {
        "autofs",
        "binder",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "devtmpfs",
        "efivarfs",
        "fusectl",
        "hugetlbfs",
        "mqueue",
        "nsfs",
        "proc",
        "pstore",
        "resctrl",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "smackfs",
        "sysfs",
        "tracefs",
    }
)
"""Windows into the kernel, not places for files."""

_LOCAL_TYPES: Final = frozenset(
    {
        "bcachefs",
        "btrfs",
        "erofs",
        "ext2",
        "ext3",
        "ext4",
        "f2fs",
        "iso9660",
        "jfs",
        "overlay",
        "ramfs",
        "reiserfs",
        "squashfs",
        "tmpfs",
        "udf",
        "xfs",
        "zfs",
    }
)
"""Can be the lower layer of an overlay; all others are bound read-only."""


def mount_points(text: str) -> Iterator[tuple[str, str]]:
    """(mount point, type) of each line, in mount order. proc_pid_mountinfo(5) writes blanks as octal escapes."""
    for line in text.splitlines():
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        if separator and len(fields) > 4:
            yield _unescape(fields[4]), right.partition(" ")[0]


def _unescape(path: str) -> str:
    if "\\" not in path:
        return path
    head, *parts = path.split("\\")
    return head + "".join(chr(int(part[:3], 8)) + part[3:] for part in parts)


def host_submounts(
    text: str, *, hidden: tuple[str, ...] = HIDDEN, is_directory: Callable[[str], bool] = lambda path: True
) -> tuple[Submount, ...]:
    """Parents first. What a later mount covers is left out. ``is_directory`` is asked about local file systems only: a
    dead network server must not be able to hang this."""
    visible: dict[str, str] = {}
    for path, kind in mount_points(text):
        if path == "/":
            visible.clear()
            continue
        covered = [other for other in visible if other == path or other.startswith(f"{path}/")]
        for other in covered:
            del visible[other]
        visible[path] = kind
    return tuple(
        Submount(path=path, overlay=kind in _LOCAL_TYPES and is_directory(path))
        for path, kind in visible.items()
        if kind not in _KERNEL_TYPES and not any(path == top or path.startswith(f"{top}/") for top in hidden)
    )
