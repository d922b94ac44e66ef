"""cgroup2: where it is mounted, below which directory pods get theirs, and how a whole tree is ended."""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from collections.abc import Iterable, Iterator

from nsrunner.errors import SandboxError

__all__ = ["controllers", "kill", "mount_point", "own_path", "parent", "pod_path", "populated", "remove"]


def mount_point(mountinfo: str) -> str:
    """Where a cgroup2 hierarchy is mounted whole: ``/sys/fs/cgroup``, hybrid ``/sys/fs/cgroup/unified``; "": nowhere.

    ``mountinfo`` is the text of /proc/self/mountinfo.
    """
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if right.startswith("cgroup2 ") and len(fields) > 4 and fields[3] == "/":
            return fields[4]
    return ""


def own_path(proc_cgroup: str) -> str:
    """The cgroup2 path of the text of /proc/self/cgroup, such as ``/user.slice/x.scope``; ``/`` when there is none."""
    for line in proc_cgroup.splitlines():
        if line.startswith("0::"):
            return line[3:]
    return "/"


def parent(mount: str, own: str) -> str:
    """The directory that holds ``nsrunner/<uid>``: the caller's own cgroup, which is the service's when systemd
    delegated one to it and the session's or scope's otherwise. Empty when nothing can be made there."""
    if not mount:
        return ""
    visible = "" if own.startswith("/..") else own.rstrip("/")  # outside of our cgroup namespace
    directory = mount + visible
    return directory if os.access(directory, os.W_OK) else ""


def pod_path(parent_directory: str, uid: str) -> str:
    return f"{parent_directory}/nsrunner/{uid}" if parent_directory else ""


def controllers(directory: str) -> tuple[str, ...]:
    """Those that may be enabled below ``directory``."""
    try:
        with open(f"{directory}/cgroup.controllers", encoding="ascii") as file:
            return tuple(file.read().split())
    except OSError:
        return ()


def _walk(directory: str) -> Iterator[str]:
    """The cgroup and all below it, children first."""
    try:
        names = [entry.path for entry in os.scandir(directory) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    for name in names:
        yield from _walk(name)
    yield directory


def _pids(directories: Iterable[str]) -> list[int]:
    pids: list[int] = []
    for directory in directories:
        try:
            with open(f"{directory}/cgroup.procs", encoding="ascii") as file:
                pids += (int(line) for line in file)
        except OSError:
            continue  # gone, or threaded
    return pids


def populated(directory: str) -> bool:
    """Whether any process is left in the cgroup or below it."""
    try:
        with open(f"{directory}/cgroup.events", encoding="ascii") as file:
            return "populated 1" in file.read()
    except OSError:
        return False


def _write(path: str, text: str) -> bool:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        os.write(fd, text.encode())
    except OSError as error:
        if error.errno != errno.ENODEV:  # the cgroup was removed meanwhile
            raise SandboxError("kill cgroup", error.errno or 0, path) from None
    finally:
        os.close(fd)
    return True


def kill(directory: str, *, within: float = 5.0) -> bool:
    """SIGKILL to every process in the cgroup and below, then waits until none is left. Blocking.

    False when some are left after so many seconds.
    """
    deadline = time.monotonic() + within
    if not populated(directory):
        return True
    if not _write(f"{directory}/cgroup.kill", "1"):
        _kill_each(directory, deadline)
    return _wait_empty(directory, deadline)


def _kill_each(directory: str, deadline: float) -> None:
    """Before kernel 5.14: the tree is frozen, so that nothing can fork away while each process is signalled. A process
    meets the freezer a moment later, and may fork after the list was read; it cannot with SIGKILL pending. So when a
    list names nobody new, that was all of them."""
    _write(f"{directory}/cgroup.freeze", "1")
    signalled: set[int] = set()
    while (pids := set(_pids(_walk(directory)))) - signalled:
        signalled |= pids
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() >= deadline:
            break
    _write(f"{directory}/cgroup.freeze", "0")  # the killed have left it already


def _wait_empty(directory: str, deadline: float) -> bool:
    """cgroup.events is pollable: POLLPRI when ``populated`` changes (cgroup-v2.rst)."""
    try:
        fd = os.open(f"{directory}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        poller = select.poll()
        poller.register(fd, select.POLLPRI)
        while b"populated 1" in os.pread(fd, 4096, 0):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            poller.poll(left * 1000)
        return True
    except OSError as error:
        if error.errno == errno.ENODEV:
            return True
        raise
    finally:
        os.close(fd)


def remove(directory: str) -> None:
    """Removes the cgroup and all below it; they must be empty of processes. Raises SandboxError."""
    for path in _walk(directory):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SandboxError("remove cgroup", error.errno or 0, path) from None
