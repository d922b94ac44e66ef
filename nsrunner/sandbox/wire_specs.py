"""Specs to bytes: one envelope for a sealed memfd (``csrc/wire.h``, decoded by ``csrc/spec.c``).

Every field is written by one small function, because a container's spec is on the path between a call and its execve:
about 30 microseconds for a usual one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import assert_never

from nsrunner.sandbox.exec_spec import encode_exec
from nsrunner.sandbox.spec import (
    BindMount,
    ContainerSpec,
    Credentials,
    EmptyDir,
    HostPath,
    LogSpec,
    MemoryDir,
    Mount,
    Namespaces,
    RootSpec,
    SandboxSpec,
    TmpfsMount,
    Volume,
)
from nsrunner.sandbox.wire import Kind, Tag
from nsrunner.sandbox.wire_fields import SpecTag, block, data, item, long, number, numeral, signed, spec_bytes, text

__all__ = ["SpecTag", "encode_container", "encode_exec", "encode_sandbox"]


NETWORK_MODES = {"pod": 0, "host": 2}
PID_MODES = {"container": 0, "pod": 1, "host": 2}
VOLUME_EMPTY_DIR, VOLUME_MEMORY_DIR, VOLUME_HOST_PATH = 1, 2, 3
MOUNT_BIND, MOUNT_TMPFS = 1, 2
PROPAGATIONS = {"None": 0, "HostToContainer": 1, "Bidirectional": 2}
UNLIMITED = (1 << 64) - 1
"""RLIM_INFINITY, which Python writes as -1."""

# --- the pod ----------------------------------------------------------------------------------------------------------


def _namespaces(namespaces: Namespaces) -> bytes:
    return (
        number(SpecTag.NETWORK, NETWORK_MODES[namespaces.network])
        + number(SpecTag.IPC, NETWORK_MODES[namespaces.ipc])
        + number(SpecTag.PID_MODE, PID_MODES[namespaces.pid])
    )


def _volume(volume: Volume) -> bytes:
    match volume:
        case EmptyDir():
            parts = [number(SpecTag.KIND, VOLUME_EMPTY_DIR), text(Tag.NAME, volume.name)]
        case MemoryDir():
            parts = [
                number(SpecTag.KIND, VOLUME_MEMORY_DIR),
                text(Tag.NAME, volume.name),
                long(SpecTag.SIZE, volume.size),
            ]
        case HostPath():
            parts = [
                number(SpecTag.KIND, VOLUME_HOST_PATH),
                text(Tag.NAME, volume.name),
                text(Tag.PATH, volume.path),
                text(SpecTag.TYPE, volume.type),
            ]
        case _:
            assert_never(volume)
    return block(SpecTag.VOLUME, parts)


def _sandbox(spec: SandboxSpec) -> Iterable[bytes]:
    paths, owner = spec.paths, spec.owner
    yield text(Tag.UID, spec.uid)
    yield number(Tag.ATTEMPT, spec.attempt)
    yield text(SpecTag.RUN_DIR, paths.run)
    yield text(SpecTag.STATE_DIR, paths.state)
    yield text(SpecTag.LOGS_DIR, paths.logs)
    yield text(SpecTag.LINKS_DIR, paths.log_links)
    if owner.kind == "process":
        yield number(SpecTag.OWNER_PID, owner.pid)
        yield long(SpecTag.OWNER_START, owner.start_time)
    yield _namespaces(spec.namespaces)
    yield text(SpecTag.HOSTNAME, spec.hostname)
    yield text(SpecTag.ADDRESS, spec.address)
    for name, value in spec.sysctls:
        yield block(SpecTag.SYSCTL, (text(Tag.NAME, name), text(SpecTag.VALUE, value)))
    for volume in spec.volumes:
        yield _volume(volume)
    for file in spec.files:
        yield block(
            SpecTag.FILE,
            (
                text(Tag.NAME, file.name),
                text(SpecTag.TARGET, file.target),
                data(SpecTag.CONTENT, file.content),
                number(SpecTag.MODE, file.mode),
            ),
        )
    yield long(SpecTag.SHM_SIZE, spec.shm_size)
    yield text(SpecTag.CGROUP, spec.cgroup)
    yield signed(SpecTag.OOM_SCORE_ADJ, spec.pause_oom_score_adj)


def encode_sandbox(spec: SandboxSpec) -> bytes:
    """Raises WireError for a value that cannot be carried (NUL in a string, a number out of range)."""
    return spec_bytes(Kind.SANDBOX_SPEC, _sandbox(spec))


# --- a container ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _root(root: RootSpec) -> bytes:
    parts = [text(SpecTag.LOWER, root.lower), number(SpecTag.READ_ONLY, root.readonly)]
    for submount in root.submounts:
        parts.append(
            block(SpecTag.SUBMOUNT, (text(Tag.PATH, submount.path), number(SpecTag.OVERLAY, submount.overlay)))
        )
    parts += [item(SpecTag.PRIVATE, path) for path in root.private]
    return block(SpecTag.ROOT, parts)


def _mount(mount: Mount) -> bytes:
    match mount:
        case BindMount():
            parts = [
                number(SpecTag.KIND, MOUNT_BIND),
                text(SpecTag.SOURCE, mount.source),
                text(SpecTag.TARGET, mount.target),
                text(Tag.NAME, mount.volume),
                text(SpecTag.SUB_PATH, mount.sub_path),
                number(SpecTag.READ_ONLY, mount.read_only),
                number(SpecTag.RECURSIVE, mount.recursive_read_only),
                number(SpecTag.PROPAGATION, PROPAGATIONS[mount.propagation]),
                number(SpecTag.CREATE, mount.create_source),
            ]
        case TmpfsMount():
            parts = [
                number(SpecTag.KIND, MOUNT_TMPFS),
                text(SpecTag.TARGET, mount.target),
                long(SpecTag.SIZE, mount.size),
                number(SpecTag.MODE, mount.mode),
            ]
        case _:
            assert_never(mount)
    return block(SpecTag.MOUNT, parts)


@lru_cache(maxsize=64)
def _credentials(credentials: Credentials) -> bytes:
    parts = [number(SpecTag.USER, credentials.uid), number(SpecTag.GROUP, credentials.gid)]
    parts += [numeral(SpecTag.SUPPLEMENTARY, group) for group in credentials.groups]
    parts += [
        long(SpecTag.BOUNDING, credentials.bounding),
        long(SpecTag.PERMITTED, credentials.permitted),
        long(SpecTag.AMBIENT, credentials.ambient),
        number(SpecTag.NO_NEW_PRIVS, credentials.no_new_privs),
        data(SpecTag.SECCOMP, credentials.seccomp),
        number(SpecTag.SECCOMP_FLAGS, credentials.seccomp_flags),
    ]
    return block(SpecTag.CREDENTIALS, parts)


@lru_cache(maxsize=8)
def _strings(tag: int, values: tuple[str, ...]) -> bytes:
    return b"".join(item(tag, value) for value in values)


def _log(log: LogSpec) -> bytes:
    return block(
        SpecTag.LOG,
        (
            text(SpecTag.DIRECTORY, log.directory),
            text(SpecTag.FILE_NAME, log.file),
            text(SpecTag.LINK, log.link),
            signed(SpecTag.MAX_SIZE, log.max_size),
            number(SpecTag.MAX_FILES, log.max_files),
        ),
    )


def _container(spec: ContainerSpec) -> Iterable[bytes]:
    yield text(Tag.NAME, spec.name)
    yield number(Tag.ATTEMPT, spec.attempt)
    yield text(Tag.CONTAINER_ID, spec.id)
    yield _root(spec.root)
    for argument in spec.argv:
        yield item(SpecTag.ARG, argument)
    for variable in spec.env:
        yield item(SpecTag.ENV, variable)
    yield text(SpecTag.CWD, spec.cwd)
    for mount in spec.mounts:
        yield _mount(mount)
    yield _strings(SpecTag.MASKED, spec.masked_paths)
    yield _strings(SpecTag.READONLY, spec.readonly_paths)
    yield _credentials(spec.credentials)
    yield number(SpecTag.PRIVILEGED, spec.privileged)
    for limit in spec.rlimits:
        yield block(
            SpecTag.RLIMIT,
            (
                number(SpecTag.RESOURCE, limit.resource),
                long(SpecTag.SOFT, limit.soft & UNLIMITED),
                long(SpecTag.HARD, limit.hard & UNLIMITED),
            ),
        )
    yield signed(SpecTag.OOM_SCORE_ADJ, spec.oom_score_adj)
    yield number(SpecTag.TTY, spec.tty)
    yield number(SpecTag.STDIN, spec.stdin)
    yield number(SpecTag.STDIN_ONCE, spec.stdin_once)
    if spec.log is not None:
        yield _log(spec.log)
    yield text(SpecTag.TERMINATION_PATH, spec.termination_message_path)
    yield text(SpecTag.TARGET_ID, spec.target)


def encode_container(spec: ContainerSpec) -> bytes:
    """Raises WireError for a value that cannot be carried."""
    return spec_bytes(Kind.CONTAINER_SPEC, _container(spec))
