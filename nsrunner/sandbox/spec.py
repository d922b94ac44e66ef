"""Plans, as data: what a sandbox and a container consist of, before any system call.

``supervisor/plan.py`` makes these from a Pod and the host's facts, ``sandbox/wire_specs.py`` turns them into the bytes
that the shim reads (``csrc/spec.h``). They are plain, frozen and printable, so that a plan can be compared and tested
without privileges. No value in them is looked up again later: users, groups and capabilities are numbers, paths are
final. (msgspec Structs, because two dozen dataclasses would take longer to import than asyncio; change one with
``msgspec.structs.replace``.)
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from nsrunner.sandbox.exec_spec import ExecSpec
from nsrunner.sandbox.ownership import Owner, PodPaths

__all__ = [
    "BindMount",
    "ContainerSpec",
    "Credentials",
    "EmptyDir",
    "ExecSpec",
    "GeneratedFile",
    "HostPath",
    "LogSpec",
    "MemoryDir",
    "Mount",
    "Namespaces",
    "Owner",
    "PodPaths",
    "Propagation",
    "Rlimit",
    "RootSpec",
    "SandboxSpec",
    "Submount",
    "TmpfsMount",
    "Volume",
]

Propagation: TypeAlias = Literal["None", "HostToContainer", "Bidirectional"]


# --- the pod ----------------------------------------------------------------------------------------------------------


class Namespaces(Struct, frozen=True, kw_only=True):
    network: Literal["pod", "host"] = "pod"
    """With ``host`` the UTS namespace is the host's too (kubelet-semantics 5)."""
    ipc: Literal["pod", "host"] = "pod"
    pid: Literal["container", "pod", "host"] = "container"


class EmptyDir(Struct, frozen=True, kw_only=True):
    """A directory on disk: ``<state>/volumes/kubernetes.io~empty-dir/<name>``, 0777 whatever the umask."""

    name: str


class MemoryDir(Struct, frozen=True, kw_only=True):
    """A tmpfs that only the shim's mount namespace holds, at the same path as an EmptyDir."""

    name: str
    size: int
    """Bytes; 0: the kernel's default (half of the memory)."""


class HostPath(Struct, frozen=True, kw_only=True):
    """A path of the host, checked or created when the sandbox is made."""

    name: str
    path: str
    type: Literal[
        "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"
    ] = ""


Volume: TypeAlias = EmptyDir | MemoryDir | HostPath


class GeneratedFile(Struct, frozen=True, kw_only=True):
    """A file that nsrunner writes and containers see at ``target``: /etc/hosts, /etc/hostname, /etc/resolv.conf.

    All of a pod's lie on one small tmpfs of the shim's mount namespace (1 MiB), so that no container can fill a disk
    through them. Bind-mounted read-write into every container that has no volume mount at ``target``.
    """

    name: str
    """One path component, such as ``hosts``."""
    target: str
    content: bytes
    mode: int = 0o644


class SandboxSpec(Struct, frozen=True, kw_only=True):
    uid: str
    attempt: int
    paths: PodPaths
    owner: Owner
    namespaces: Namespaces
    hostname: str = ""
    """Set in the pod's UTS namespace (at most 64 bytes); empty: left alone."""
    address: str = ""
    """Address with prefix length for a dummy eth0 that leads nowhere, such as ``192.0.2.1/32``; empty: lo only."""
    sysctls: tuple[tuple[str, str], ...] = ()
    """(name with dots, value), set in the pod's network and IPC namespaces."""
    volumes: tuple[Volume, ...] = ()
    files: tuple[GeneratedFile, ...] = ()
    shm_size: int = 64 << 20
    """Bytes of the /dev/shm that all containers share; unused with the host's IPC namespace."""
    cgroup: str = ""
    """Absolute path of the pod's directory in a cgroup2 hierarchy, such as
    ``/sys/fs/cgroup/unified/nsrunner/<uid>``; empty: there is none."""
    pause_oom_score_adj: int = -998


# --- a container ------------------------------------------------------------------------------------------------------


class Submount(Struct, frozen=True, kw_only=True):
    """A host file system below ``/`` that the host root shows again at the same place."""

    path: str
    overlay: bool
    """True: overlaid with a private upper layer of its own. False: bound read-only."""


class RootSpec(Struct, frozen=True, kw_only=True):
    """The container's root: an overlay of ``lower`` with a fresh private upper layer for each instance."""

    lower: str
    """``/`` for the image ``host``, DIR for ``rootfs:DIR``."""
    readonly: bool = False
    """readOnlyRootFilesystem: the finished root is remounted read-only (not the volumes)."""
    submounts: tuple[Submount, ...] = ()
    """In mount order, parents first. Host root only."""
    private: tuple[str, ...] = ()
    """Directories that get an empty tmpfs (mode 0755; 1777 for /tmp): /run and /tmp of the host root, and nsrunner's
    own state, which is masked."""


class BindMount(Struct, frozen=True, kw_only=True):
    """A volume, seen at ``target``."""

    source: str
    """Absolute path in the shim's mount namespace (the host's, for Bidirectional)."""
    target: str
    """Absolute path in the container; resolved inside its root, missing parts are created."""
    volume: str = ""
    """Name for messages."""
    sub_path: str = ""
    """Resolved below ``source`` without ever leaving it; a missing directory is created with the volume root's mode."""
    read_only: bool = False
    recursive_read_only: bool = False
    propagation: Propagation = "None"
    create_source: bool = False
    """hostPath type "": a missing source becomes a directory 0755."""


class TmpfsMount(Struct, frozen=True, kw_only=True):
    target: str
    size: int = 0
    mode: int = 0o755


Mount: TypeAlias = BindMount | TmpfsMount


class Rlimit(Struct, frozen=True, kw_only=True):
    resource: int
    """RLIMIT_* of setrlimit(2)."""
    soft: int
    hard: int


class Credentials(Struct, frozen=True, kw_only=True):
    """Who the program is. Capability sets are bit masks (capabilities(7)); inheritable is always empty."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    """Supplementary groups, the primary group included."""
    bounding: int = 0
    permitted: int = 0
    """Also the effective set."""
    ambient: int = 0
    no_new_privs: bool = False
    seccomp: bytes = b""
    """A classic BPF program (struct sock_filter array); empty: unconfined."""
    seccomp_flags: int = 0


class LogSpec(Struct, frozen=True, kw_only=True):
    directory: str
    """``<pod logs>/<container>``, made 0755 by the shim."""
    file: str
    """``<attempt>.log``."""
    link: str = ""
    """Absolute path of the compatibility link in PodPaths.log_links; empty: none."""
    max_size: int = 10 << 20
    """Bytes; rotation when a file reaches it. Negative: never."""
    max_files: int = 5


class ContainerSpec(Struct, frozen=True, kw_only=True):
    name: str
    attempt: int
    id: str
    """64 hex digits."""
    root: RootSpec
    argv: tuple[str, ...]
    """argv[0] without a slash is looked up in the PATH of ``env``, inside the container's root."""
    env: tuple[str, ...]
    """``NAME=value``."""
    cwd: str = "/"
    mounts: tuple[Mount, ...] = ()
    """In mount order: sorted by number of components of the target."""
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    credentials: Credentials = Credentials()
    privileged: bool = False
    """All devices of the host in /dev, /sys and /sys/fs/cgroup writable, no device filter, host cgroup namespace."""
    rlimits: tuple[Rlimit, ...] = ()
    oom_score_adj: int = 0
    tty: bool = False
    stdin: bool = False
    """False: /dev/null. True: a pipe (or the tty) that an attached client feeds."""
    stdin_once: bool = False
    log: LogSpec | None = None
    """None: the library's low-level spawn, which brings its own descriptors."""
    termination_message_path: str = ""
    """Absolute; a fresh empty file 0666 of the pod's generated-files tmpfs is bound there. Empty: none."""
    target: str = ""
    """Id of a running container whose PID namespace it joins; empty: it gets its own, or the pod's."""
