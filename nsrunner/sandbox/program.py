"""The low-level primitive: one program in given namespaces, without a pod, a shim or a manifest.

::

    from nsrunner.sandbox import Namespace, spawn

    child = spawn(["ip", "addr"], unshare=Namespace.NETWORK | Namespace.MOUNT, stdout=1)
    print(child.wait())

The clone, the namespace changes and the exec happen in C (``csrc/spawn.c``): no Python runs between them, and the
calling thread's own namespaces never change.
"""

from __future__ import annotations

import enum
import errno
import os
import select
import signal as signals
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from nsrunner.errors import SandboxError, UsageError
from nsrunner.sandbox import native

__all__ = ["Child", "Namespace", "spawn"]


class Namespace(enum.IntFlag):
    """Kinds of namespaces: the CLONE_NEW* flags of clone(2)."""

    MOUNT = 0x00020000
    CGROUP = 0x02000000
    UTS = 0x04000000
    IPC = 0x08000000
    USER = 0x10000000
    PID = 0x20000000
    NETWORK = 0x40000000


class Child:
    """A program that :func:`spawn` started. It must be waited for."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        """In the caller's PID namespace."""
        self.pidfd = pidfd
        """Readable when the program has ended; -1 once it was waited for."""
        self.exit_code: int | None = None
        """128 + n when signal n ended it; None until :meth:`wait` has returned."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kills the program if it still runs, and waits for it."""
        if self.exit_code is None:
            self.kill()
            self.wait()

    def kill(self, signal: int = signals.SIGKILL) -> None:
        """Sends a signal; nothing happens when the program has ended."""
        if self.pidfd >= 0:
            try:
                signals.pidfd_send_signal(self.pidfd, signal)
            except ProcessLookupError:
                pass

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises TimeoutError after so many seconds."""
        if self.exit_code is not None:
            return self.exit_code
        poller = select.poll()
        poller.register(self.pidfd, select.POLLIN)
        if not poller.poll(None if timeout is None else max(0.0, timeout) * 1000):
            raise TimeoutError(f"process {self.pid} still runs after {timeout} s")
        info = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
        os.close(self.pidfd)
        self.pidfd = -1
        assert info is not None
        self.exit_code = info.si_status if info.si_code == os.CLD_EXITED else 128 + info.si_status
        return self.exit_code


def spawn(
    args: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    root: str | None = None,
    unshare: int = 0,
    join: int = -1,
    join_namespaces: int = 0,
    namespaces: Sequence[int] = (),
    cgroup: int = -1,
    stdin: int = -1,
    stdout: int = -1,
    stderr: int = -1,
    user: int | None = None,
    group: int | None = None,
    groups: Sequence[int] = (),
    no_new_privs: bool = False,
    parent_death_signal: int = 0,
) -> Child:
    """Starts one program in given namespaces, and returns when its execve has succeeded.

    :param args: the program and its arguments; without a slash it is looked up in the PATH of ``env``
    :param env: the whole environment; None: the caller's
    :param cwd: None: the caller's, or ``/`` when a mount namespace is joined
    :param root: a directory to become ``/``; needs ``unshare=Namespace.MOUNT`` or a joined mount namespace
    :param unshare: kinds of namespaces (:class:`Namespace`) to make anew
    :param join: pidfd of a process whose namespaces of the kinds ``join_namespaces`` are joined
    :param namespaces: descriptors of namespaces to join (``/proc/PID/ns/*``), in this order
    :param cgroup: descriptor of a cgroup2 directory that the program is born in
    :param stdin, stdout, stderr: descriptors; -1: /dev/null
    :param user, group, groups: numbers; with ``user`` or ``group`` the three are set together (0 where left out)
    :param parent_death_signal: sent to the program when the calling *thread* ends (prctl(2))

    Joining comes before making anew. Nothing of the caller's other descriptors, signal settings or terminal reaches the
    program. Raises SandboxError with the step that failed; UsageError for arguments that make no sense.
    """
    if not args:
        raise UsageError("spawn: no program")
    if bool(join_namespaces) != (join >= 0):
        raise UsageError("spawn: join and join_namespaces belong together")
    variables = os.environ if env is None else env
    texts = [*args, *(f"{name}={value}" for name, value in variables.items()), cwd or "", root or ""]
    if any("\0" in text for text in texts):
        raise UsageError("spawn: a NUL character cannot be passed to a program")
    ffi, lib = native.load()
    keep: list[object] = []  # what the C struct points to, until the call has returned

    def strings(items: Sequence[str]) -> object:
        pointers = [ffi.new("char[]", os.fsencode(item)) for item in items]
        array = ffi.new("char *[]", [*pointers, ffi.NULL])
        keep.extend((*pointers, array))
        return ffi.cast("const char *const *", array)

    def text(item: str | None) -> object:
        if item is None:
            return ffi.NULL
        pointer = ffi.new("char[]", os.fsencode(item))
        keep.append(pointer)
        return pointer

    def numbers(kind: str, items: Sequence[int]) -> object:
        array = ffi.new(kind, list(items)) if items else ffi.NULL
        keep.append(array)
        return array

    spec = ffi.new("struct nsr_spawn *")
    spec.args = strings(args)
    spec.env = strings([f"{name}={value}" for name, value in variables.items()])
    spec.cwd = text(cwd)
    spec.root = text(root)
    spec.unshare = int(unshare)
    spec.join = int(join_namespaces)
    spec.join_pidfd = join
    spec.ns_fds = numbers("int[]", namespaces)
    spec.ns_fds_count = len(namespaces)
    spec.cgroup_fd = cgroup
    spec.stdin_fd, spec.stdout_fd, spec.stderr_fd = stdin, stdout, stderr
    spec.set_ids = int(user is not None or group is not None or bool(groups))
    spec.user, spec.group = user or 0, group or 0
    spec.groups = numbers("uint32_t[]", groups)
    spec.groups_count = len(groups)
    spec.no_new_privs = int(no_new_privs)
    spec.pdeathsig = int(parent_death_signal)
    pid, pidfd, error = ffi.new("int *"), ffi.new("int *"), ffi.new("struct nsr_error *")
    if lib.nsr_spawn(spec, pid, pidfd, error) < 0:
        raise native.raised(error) if error.err else SandboxError("clone", errno.EINVAL)
    return Child(pid[0], pidfd[0])
