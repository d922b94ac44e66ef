"""The C library, as Python sees it: the only importer of ``nsrunner._native``.

Loaded on first use, so that what never starts anything (``validate``, ``--help``) does not pay for it.
"""

from __future__ import annotations

import errno
import os
from functools import lru_cache
from typing import Any

from nsrunner.errors import HostError, SandboxError
from nsrunner.sandbox.transport import SEALS
from nsrunner.sandbox.wire import VERSION

__all__ = [
    "check_helpers",
    "check_spec",
    "device_filter_works",
    "executable",
    "load",
    "raised",
    "setns",
    "sockets_at",
    "spawn_shim",
    "step_name",
    "unmount_below",
    "unshare",
]

_MFD_EXEC = 0x10
"""Linux 6.3: executable also under vm.memfd_noexec=1."""


@lru_cache(maxsize=1)
def load() -> tuple[Any, Any]:
    """``ffi`` and ``lib`` of the extension. Raises HostError when it cannot be loaded."""
    try:
        from nsrunner._native import ffi, lib
    except ImportError as error:
        raise HostError(f"nsrunner's C extension cannot be loaded: {error}") from error
    return ffi, lib


@lru_cache(maxsize=128)
def step_name(step: int) -> str:
    """Text of a step (``csrc/steps.h``)."""
    ffi, lib = load()
    return str(ffi.string(lib.nsr_step_name(step)).decode())


def raised(error: Any) -> SandboxError:
    """From a filled struct nsr_error."""
    ffi, _ = load()
    return SandboxError(step_name(error.step), error.err, os.fsdecode(ffi.string(error.path)))


# --- the helpers ------------------------------------------------------------------------------------------------------


def _find(name: str) -> str:
    path = os.path.join(os.path.dirname(os.path.dirname(__file__)), "libexec", name)
    if os.path.exists(path):
        return path
    from importlib.resources import files  # an editable installation keeps it in the build directory

    return str(files("nsrunner") / "libexec" / name)


@lru_cache(maxsize=4)
def executable(name: str) -> int:
    """A sealed memfd of ``nsrunner-shim`` or ``nsrunner-pause``: one for the life of this process, from which all are
    started (their pages are shared, and no container can reach the file). Raises HostError."""
    path = _find(name)
    try:
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}: the installation of nsrunner is not complete") from None
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        try:
            fd = os.memfd_create(name, flags | _MFD_EXEC)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise SandboxError("make memfd", error.errno or 0, name) from None
            fd = os.memfd_create(name, flags)
        left = os.fstat(source).st_size
        while left > 0 and (copied := os.sendfile(fd, source, None, left)):
            left -= copied
        import fcntl

        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    finally:
        os.close(source)
    return fd


def check_helpers() -> None:
    """Whether the shim can be run and speaks this version's protocol: to be asked when one that was started is silent.
    Raises HostError with what is wrong; takes some milliseconds."""
    import subprocess

    path = _find("nsrunner-shim")
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise HostError(f"{path} cannot be run: {error}") from None
    words = done.stdout.split()
    if words[-2:] != ["protocol", str(VERSION)]:
        raise HostError(f"{path} is of another version ({done.stdout.strip()}): install nsrunner again")


def spawn_shim(listener: int) -> int:
    """Starts a shim that accepts connections on ``listener`` (which stays the caller's). Returns its pid. It is not a
    child of this process, so that there is nothing to reap. Raises SandboxError, HostError."""
    ffi, lib = load()
    shim, pause = executable("nsrunner-shim"), executable("nsrunner-pause")
    error = ffi.new("struct nsr_error *")
    pid: int = lib.nsr_shim_spawn(shim, pause, listener, error)
    if pid < 0:
        raise raised(error)
    return pid


# --- system calls -----------------------------------------------------------------------------------------------------


def unshare(flags: int) -> None:
    """unshare(2) of CLONE_NEW* flags: **it changes the calling thread**. Raises OSError."""
    _, lib = load()
    _checked(lib.nsr_unshare(flags))


def setns(fd: int, flags: int = 0) -> None:
    """setns(2) with a namespace's descriptor or a pidfd: **it changes the calling thread**. Raises OSError."""
    _, lib = load()
    _checked(lib.nsr_setns(fd, flags))


def unmount_below(directory: str) -> None:
    """Detaches everything that is mounted below the directory. Raises OSError, HostError."""
    _, lib = load()
    _checked(lib.nsr_unmount_below(os.fsencode(directory)), directory)


def sockets_at(pidfd: int, domain: int, kind: int, count: int) -> list[int]:
    """Sockets in the network namespace of the process behind ``pidfd``: as many as that, or as many as the process may
    have. The calling thread goes there and comes back within the one call. Raises OSError."""
    ffi, lib = load()
    fds = ffi.new("int[]", count)
    made = _checked(lib.nsr_sockets_at(pidfd, domain, kind, 0, count, fds))
    return list(fds[0:made])


def peer_pid(fd: int) -> int:
    """Of the process that connected a unix socket: its pid, if it is root, or who we are, in our own user and pid
    namespaces. Raises PermissionError for every other one, also when it has ended; OSError when we have no descriptor
    to look at it."""
    _, lib = load()
    return _checked(lib.nsr_peer_pid(fd))


def inotify() -> int:
    """A descriptor of inotify(7), which never blocks. Raises OSError, HostError."""
    _, lib = load()
    return _checked(lib.nsr_inotify_open())


def inotify_add(fd: int, directory: str, mask: int) -> int:
    """The number of the watch. Raises OSError, which names the directory."""
    _, lib = load()
    return _checked(lib.nsr_inotify_add(fd, os.fsencode(directory), mask), directory)


def inotify_remove(fd: int, watch: int) -> None:
    """Raises OSError when there is no such watch."""
    _, lib = load()
    _checked(lib.nsr_inotify_remove(fd, watch))


def _checked(result: int, path: str | None = None) -> int:
    if result < 0:
        raise OSError(-result, os.strerror(-result), path)
    return result


def device_filter_works(cgroup: str) -> bool:
    """Whether a BPF device filter can be attached to a cgroup below this directory. False without the extension."""
    try:
        _, lib = load()
        fd = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (HostError, OSError):
        return False
    try:
        return bool(lib.nsr_probe_device_filter(fd) == 1)
    finally:
        os.close(fd)


def check_spec(kind: int, spec: bytes) -> None:
    """Decodes the bytes of a spec (1 sandbox, 2 container, 3 exec) as the shim would. Raises SandboxError."""
    ffi, lib = load()
    error = ffi.new("struct nsr_error *")
    if lib.nsr_spec_check(kind, ffi.from_buffer(spec), len(spec), error) < 0:
        raise raised(error)
