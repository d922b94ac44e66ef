"""The C library, as Python sees it: the only importer of ``nsrunner._native``.

Loaded on first use, so that what never starts anything (``validate``, ``--help``) does not pay for it.
"""

from __future__ import annotations

import errno
import os
import signal
from functools import lru_cache
from typing import Any

from nsrunner.errors import HostError, SandboxError
from nsrunner.sandbox.transport import SEALS

__all__ = ["Process", "executable", "spawn_shim", "step_name"]

_MFD_EXEC = 0x10
"""Linux 6.3: executable also under vm.memfd_noexec=1."""


@lru_cache(maxsize=1)
def _load() -> tuple[Any, Any]:
    try:
        from nsrunner._native import ffi, lib
    except ImportError as error:
        raise HostError(f"nsrunner's C extension cannot be loaded: {error}") from error
    return ffi, lib


@lru_cache(maxsize=128)
def step_name(step: int) -> str:
    """Text of a step (``csrc/steps.h``)."""
    ffi, lib = _load()
    return str(ffi.string(lib.nsr_step_name(step)).decode())


def raised(error: Any) -> SandboxError:
    """From a filled struct nsr_error."""
    ffi, _ = _load()
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


class Process:
    """A child that this process started, held by a pidfd."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self.pidfd = pidfd
        """Readable when it has ended."""

    def kill(self) -> None:
        try:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def reap(self) -> int:
        """Waits for the end, which must be near. Exit code, 128 + n for signal n; -1: somebody else reaped it."""
        try:
            info = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
        except ChildProcessError:
            return -1
        finally:
            os.close(self.pidfd)
        if info is None:
            return -1
        return info.si_status if info.si_code == os.CLD_EXITED else 128 + info.si_status


def spawn_shim(listener: int) -> Process:
    """Starts a shim that accepts connections on ``listener`` (which stays the caller's). Raises SandboxError."""
    ffi, lib = _load()
    shim, pause = executable("nsrunner-shim"), executable("nsrunner-pause")
    error = ffi.new("struct nsr_error *")
    pidfd = ffi.new("int *")
    pid = lib.nsr_shim_spawn(shim, pause, listener, pidfd, error)
    if pid < 0:
        raise raised(error)
    return Process(pid, pidfd[0])
