"""Where pods live on disk, and whose they are.

Each pod has a run directory with ``pod.json`` in it, written before its shim is started: whoever comes later finds
there who owns the pod, and removes it when that owner is dead (its shim does so, too, unless the shim is dead as well).
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

from nsrunner.errors import SandboxError, UsageError
from nsrunner.sandbox.ownership import Owner, PodPaths

__all__ = [
    "RegisteredPod",
    "Roots",
    "alive",
    "is_newer",
    "kept",
    "kill",
    "locked",
    "make_directory",
    "note_shim",
    "noted_shim",
    "process",
    "register",
    "registered",
    "this_process",
]

NAME = "pod.json"
_VERSION = 1
"""Of what is in it."""
_LOCK = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_SHIM = "shim.pid"
_NAME_MAX = 255
"""Bytes of a file's name."""


class Roots(NamedTuple):
    """The directories of one installation. Two with different roots know nothing of each other."""

    run: str = "/run/nsrunner"
    """On a tmpfs: sockets, owners, saved state."""
    state: str = "/var/lib/nsrunner"
    """On a disk: volumes, writable layers, images, seccomp profiles."""
    logs: str = "/var/log/pods"
    log_links: str = "/var/log/containers"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Roots:
        """``NSRUNNER_ROOT=/dir`` moves all four below it. Raises UsageError when it is not an absolute path."""
        root = (os.environ if environ is None else environ).get("NSRUNNER_ROOT", "")
        if not root:
            return cls()
        if not root.startswith("/") or "\n" in root:
            raise UsageError(f"NSRUNNER_ROOT={root}: must be an absolute path")
        root = os.path.normpath(root)
        return cls(
            run=os.path.join(root, "run"),
            state=os.path.join(root, "lib"),
            logs=os.path.join(root, "log/pods"),
            log_links=os.path.join(root, "log/containers"),
        )

    @property
    def seccomp(self) -> str:
        """Directory of Localhost seccomp profiles."""
        return f"{self.state}/seccomp"

    def pod_paths(self, namespace: str, name: str, uid: str) -> PodPaths:
        """The name of a pod may have 253 characters: in the directory of its logs it is cut to what fits."""
        fits = _NAME_MAX - len(f"{namespace}__{uid}")
        return PodPaths(
            run=f"{self.run}/pods/{uid}",
            state=f"{self.state}/pods/{uid}",
            logs=f"{self.logs}/{namespace}_{name[:fits]}_{uid}",
            log_links=self.log_links,
        )


class RegisteredPod(NamedTuple):
    uid: str
    namespace: str
    name: str
    owner: Owner
    paths: PodPaths
    cgroup: str
    """As in SandboxSpec.cgroup."""


# --- owners -----------------------------------------------------------------------------------------------------------


def _process(pid: int) -> tuple[str, int] | None:
    """State letter and start time of a process (proc(5), fields 3 and 22)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0].decode(), int(fields[19])


def process(pid: int) -> Owner | None:
    """This process, and no later one of its number. None: there is none."""
    facts = _process(pid)
    return Owner(kind="process", pid=pid, start_time=facts[1]) if facts is not None else None


def this_process() -> Owner:
    """The calling process as an owner."""
    pid = os.getpid()
    found = process(pid)
    if found is None:
        raise SandboxError("read /proc", 0, f"/proc/{pid}/stat")
    return found


def alive(owner: Owner) -> bool:
    """Whether a process owner still runs (a zombie does not). A daemon's pods are its own affair: True."""
    if owner.kind == "daemon":
        return True
    facts = _process(owner.pid)
    return facts is not None and facts[0] not in "ZX" and facts[1] == owner.start_time


def kill(owner: Owner) -> None:
    """SIGKILL, unless it has ended."""
    try:
        pidfd = os.pidfd_open(owner.pid)
    except ProcessLookupError:
        return
    try:
        if alive(owner):  # asked after the descriptor was opened: it is this process's, then
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(pidfd)


@lru_cache(maxsize=1)
def _boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


# --- the registry -----------------------------------------------------------------------------------------------------


@contextmanager
def locked(roots: Roots, name: str = "lock", *, wait: bool = True) -> Iterator[bool]:
    """A lock of the installation. ``lock`` guards the registry and is held for milliseconds, so that waiting for it is
    no matter. Yields False when somebody else has it and ``wait`` is False. Raises SandboxError."""
    path = f"{roots.run}/{name}"
    try:
        try:
            fd = os.open(path, _LOCK, 0o600)
        except FileNotFoundError:
            os.makedirs(f"{roots.run}/pods", 0o700, exist_ok=True)
            fd = os.open(path, _LOCK, 0o600)
    except OSError as error:
        raise SandboxError("make directory", error.errno or 0, path) from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(fd)


def register(roots: Roots, pod: RegisteredPod) -> None:
    """Makes the pod's run directory with ``pod.json`` in it; a pod that the same owner registered before is left alone.

    Raises SandboxError; UsageError when the pod belongs to somebody else.
    """
    path = f"{pod.paths.run}/{NAME}"
    with locked(roots):
        try:
            other = None if make_directory(pod.paths.run) else read(pod.paths.run)
            if other is not None:
                if other.owner == pod.owner:
                    return
                owner = "the daemon" if other.owner.kind == "daemon" else f"process {other.owner.pid}"
                raise UsageError(f"pod {pod.namespace}/{pod.name} ({pod.uid}) belongs to {owner}")
            _write(path, pod)
            if pod.owner.kind == "daemon":  # /run is empty after a reboot, and the daemon's volumes stay
                os.makedirs(pod.paths.state, 0o700, exist_ok=True)
                _write(f"{pod.paths.state}/{NAME}", pod)
        except OSError as error:
            raise SandboxError("write file", error.errno or 0, path) from None


def make_directory(path: str) -> bool:
    """For root alone (0700), with those above it. False: it was there. Raises OSError."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
        return False
    except FileNotFoundError:
        os.makedirs(path, 0o700, exist_ok=True)
    return True


def _write(path: str, pod: RegisteredPod) -> None:
    owner, paths = pod.owner, pod.paths
    record = {
        "version": _VERSION,
        "uid": pod.uid,
        "namespace": pod.namespace,
        "name": pod.name,
        "owner": {"kind": owner.kind, "pid": owner.pid, "start_time": owner.start_time},
        "paths": {"run": paths.run, "state": paths.state, "logs": paths.logs, "log_links": paths.log_links},
        "cgroup": pod.cgroup,
        "boot_id": _boot_id(),
    }
    fresh = f"{path}.new"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(fd, "wb") as file:
        file.write(json.dumps(record).encode())
    os.rename(fresh, path)


def read(run_dir: str, *, any_boot: bool = False) -> RegisteredPod | None:
    """The pod of a run directory, as it was registered; None when there is none, or it was registered before the last
    boot and that matters."""
    try:
        with open(f"{run_dir}/{NAME}", encoding="utf-8") as file:
            data: Any = json.load(file)
        if not isinstance(data, dict) or data.pop("version") != _VERSION:
            return None
        if data.pop("boot_id") != _boot_id() and not any_boot:
            return None
        owner, paths = Owner(**data.pop("owner")), PodPaths(**data.pop("paths"))
        return RegisteredPod(owner=owner, paths=paths, **data)
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, ValueError):
        return None


def is_newer(run_dir: str) -> bool:
    """Whether the pod of a directory was registered by a newer release: it is for that one to know whose it is."""
    try:
        with open(f"{run_dir}/{NAME}", encoding="utf-8") as file:
            version: Any = json.load(file)["version"]
    except (OSError, KeyError, TypeError, ValueError):
        return False
    return isinstance(version, int) and version > _VERSION


def kept(roots: Roots) -> list[RegisteredPod]:
    """The daemon's pods of which something is on the disk, be it of an earlier boot; sorted by uid."""
    directory = f"{roots.state}/pods"
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    return [pod for name in names if (pod := read(f"{directory}/{name}", any_boot=True)) is not None]


def note_shim(run_dir: str, shim: Owner) -> None:
    """Writes down which process serves a run directory, for those who must end it when it does not answer. Raises
    OSError."""
    fresh = f"{run_dir}/{_SHIM}.new"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(fd, "w", encoding="ascii") as file:
        file.write(f"{shim.pid} {shim.start_time}")
    os.rename(fresh, f"{run_dir}/{_SHIM}")


def noted_shim(run_dir: str) -> Owner | None:
    """The process that was noted; :func:`alive` says whether it still is."""
    try:
        with open(f"{run_dir}/{_SHIM}", encoding="ascii") as file:
            pid, start_time = map(int, file.read().split())
    except (OSError, ValueError):
        return None
    return Owner(kind="process", pid=pid, start_time=start_time)


def registered(roots: Roots) -> list[RegisteredPod]:
    """All pods of all faces, sorted by namespace and name. Raises PermissionError for those who are not root."""
    directory = f"{roots.run}/pods"
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    pods = [pod for name in names if (pod := read(f"{directory}/{name}")) is not None]
    return sorted(pods, key=lambda pod: (pod.namespace, pod.name, pod.uid))
