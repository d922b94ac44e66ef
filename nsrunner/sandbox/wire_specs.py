"""Specs to bytes: one envelope for a sealed memfd (``csrc/wire.h``, decoded by ``csrc/spec.c``).

Every field is written by one small function, because a container's spec is on the path between a call and its execve:
about 30 microseconds for a usual one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, assert_never

from nsrunner.sandbox.spec import (
    BindMount,
    ContainerSpec,
    Credentials,
    EmptyDir,
    ExecSpec,
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
from nsrunner.sandbox.wire import HEADER, I64, MAX_SPEC, U32, U64, Kind, Tag, WireError, envelope

__all__ = ["SpecTag", "encode_container", "encode_exec", "encode_sandbox"]


class SpecTag:
    """Tags of specs. Plain numbers: an enum of so many is slow to import."""

    RUN_DIR: Final = 32
    STATE_DIR: Final = 33
    LOGS_DIR: Final = 34
    LINKS_DIR: Final = 35
    OWNER_PID: Final = 36
    OWNER_START: Final = 37
    NETWORK: Final = 38
    IPC: Final = 39
    PID_MODE: Final = 40
    HOSTNAME: Final = 41
    ADDRESS: Final = 42
    SYSCTL: Final = 43
    VALUE: Final = 44
    VOLUME: Final = 45
    KIND: Final = 46
    TYPE: Final = 47
    SIZE: Final = 48
    FILE: Final = 49
    TARGET: Final = 50
    CONTENT: Final = 51
    MODE: Final = 52
    SHM_SIZE: Final = 53
    CGROUP: Final = 54
    OOM_SCORE_ADJ: Final = 55
    ROOT: Final = 64
    LOWER: Final = 65
    READ_ONLY: Final = 66
    SUBMOUNT: Final = 67
    OVERLAY: Final = 68
    PRIVATE: Final = 69
    ARG: Final = 70
    ENV: Final = 71
    CWD: Final = 72
    MOUNT: Final = 73
    SOURCE: Final = 74
    SUB_PATH: Final = 75
    RECURSIVE: Final = 76
    PROPAGATION: Final = 77
    CREATE: Final = 78
    MASKED: Final = 79
    READONLY: Final = 80
    CREDENTIALS: Final = 81
    USER: Final = 82
    GROUP: Final = 83
    SUPPLEMENTARY: Final = 84
    BOUNDING: Final = 85
    PERMITTED: Final = 86
    AMBIENT: Final = 87
    NO_NEW_PRIVS: Final = 88
    SECCOMP: Final = 89
    SECCOMP_FLAGS: Final = 90
    PRIVILEGED: Final = 91
    RLIMIT: Final = 92
    RESOURCE: Final = 93
    SOFT: Final = 94
    HARD: Final = 95
    TTY: Final = 96
    STDIN: Final = 97
    STDIN_ONCE: Final = 98
    LOG: Final = 99
    DIRECTORY: Final = 100
    FILE_NAME: Final = 101
    LINK: Final = 102
    MAX_SIZE: Final = 103
    MAX_FILES: Final = 104
    TERMINATION_PATH: Final = 105
    TARGET_ID: Final = 106
    TIMEOUT_MS: Final = 112
    OUTPUT_LIMIT: Final = 113
    ATTACHED: Final = 114


NETWORK_MODES = {"pod": 0, "host": 2}
PID_MODES = {"container": 0, "pod": 1, "host": 2}
VOLUME_EMPTY_DIR, VOLUME_MEMORY_DIR, VOLUME_HOST_PATH = 1, 2, 3
MOUNT_BIND, MOUNT_TMPFS = 1, 2
PROPAGATIONS = {"None": 0, "HostToContainer": 1, "Bidirectional": 2}
UNLIMITED = (1 << 64) - 1
"""RLIM_INFINITY, which Python writes as -1."""

_header = HEADER.pack
_u32 = struct.Struct("<HHII").pack
_u64 = struct.Struct("<HHIQ").pack
_i64 = struct.Struct("<HHIq").pack


def _number(tag: int, value: int) -> bytes:
    """U32; absent when 0."""
    return _u32(tag, 0, U32.size, value) if value else b""


def _long(tag: int, value: int) -> bytes:
    """U64; absent when 0."""
    return _u64(tag, 0, U64.size, value) if value else b""


def _signed(tag: int, value: int) -> bytes:
    """I64; absent when 0."""
    return _i64(tag, 0, I64.size, value) if value else b""


def _text(tag: int, value: str) -> bytes:
    """STRING; absent when empty."""
    return _item(tag, value) if value else b""


def _item(tag: int, value: str) -> bytes:
    """STRING, also when empty: an element of a list."""
    data = value.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise WireError(f"NUL in {value!r}")
    return b"%b%b\0" % (_header(tag, 0, len(data) + 1), data)


def _data(tag: int, value: bytes) -> bytes:
    return _header(tag, 0, len(value)) + value if value else b""


def _block(tag: int, parts: Iterable[bytes]) -> bytes:
    block = b"".join(parts)
    return _header(tag, 0, len(block)) + block


def _spec(kind: Kind, parts: Iterable[bytes]) -> bytes:
    try:
        block = b"".join(parts)
    except (struct.error, UnicodeEncodeError) as error:
        raise WireError(f"{kind.name}: {error}") from None
    packet = envelope(kind, 0, block)
    if len(packet) > MAX_SPEC:
        raise WireError(f"{kind.name}: {len(packet)} bytes, at most {MAX_SPEC} are possible")
    return packet


# --- the pod ----------------------------------------------------------------------------------------------------------


def _namespaces(namespaces: Namespaces) -> bytes:
    return (
        _number(SpecTag.NETWORK, NETWORK_MODES[namespaces.network])
        + _number(SpecTag.IPC, NETWORK_MODES[namespaces.ipc])
        + _number(SpecTag.PID_MODE, PID_MODES[namespaces.pid])
    )


def _volume(volume: Volume) -> bytes:
    match volume:
        case EmptyDir():
            parts = [_number(SpecTag.KIND, VOLUME_EMPTY_DIR), _text(Tag.NAME, volume.name)]
        case MemoryDir():
            parts = [
                _number(SpecTag.KIND, VOLUME_MEMORY_DIR),
                _text(Tag.NAME, volume.name),
                _long(SpecTag.SIZE, volume.size),
            ]
        case HostPath():
            parts = [
                _number(SpecTag.KIND, VOLUME_HOST_PATH),
                _text(Tag.NAME, volume.name),
                _text(Tag.PATH, volume.path),
                _text(SpecTag.TYPE, volume.type),
            ]
        case _:
            assert_never(volume)
    return _block(SpecTag.VOLUME, parts)


def _sandbox(spec: SandboxSpec) -> Iterable[bytes]:
    paths, owner = spec.paths, spec.owner
    yield _text(Tag.UID, spec.uid)
    yield _number(Tag.ATTEMPT, spec.attempt)
    yield _text(SpecTag.RUN_DIR, paths.run)
    yield _text(SpecTag.STATE_DIR, paths.state)
    yield _text(SpecTag.LOGS_DIR, paths.logs)
    yield _text(SpecTag.LINKS_DIR, paths.log_links)
    if owner.kind == "process":
        yield _number(SpecTag.OWNER_PID, owner.pid)
        yield _long(SpecTag.OWNER_START, owner.start_time)
    yield _namespaces(spec.namespaces)
    yield _text(SpecTag.HOSTNAME, spec.hostname)
    yield _text(SpecTag.ADDRESS, spec.address)
    for name, value in spec.sysctls:
        yield _block(SpecTag.SYSCTL, (_text(Tag.NAME, name), _text(SpecTag.VALUE, value)))
    for volume in spec.volumes:
        yield _volume(volume)
    for file in spec.files:
        yield _block(
            SpecTag.FILE,
            (
                _text(Tag.NAME, file.name),
                _text(SpecTag.TARGET, file.target),
                _data(SpecTag.CONTENT, file.content),
                _number(SpecTag.MODE, file.mode),
            ),
        )
    yield _long(SpecTag.SHM_SIZE, spec.shm_size)
    yield _text(SpecTag.CGROUP, spec.cgroup)
    yield _signed(SpecTag.OOM_SCORE_ADJ, spec.pause_oom_score_adj)


def encode_sandbox(spec: SandboxSpec) -> bytes:
    """Raises WireError for a value that cannot be carried (NUL in a string, a number out of range)."""
    return _spec(Kind.SANDBOX_SPEC, _sandbox(spec))


# --- a container ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _root(root: RootSpec) -> bytes:
    parts = [_text(SpecTag.LOWER, root.lower), _number(SpecTag.READ_ONLY, root.readonly)]
    for submount in root.submounts:
        parts.append(
            _block(SpecTag.SUBMOUNT, (_text(Tag.PATH, submount.path), _number(SpecTag.OVERLAY, submount.overlay)))
        )
    parts += [_item(SpecTag.PRIVATE, path) for path in root.private]
    return _block(SpecTag.ROOT, parts)


def _mount(mount: Mount) -> bytes:
    match mount:
        case BindMount():
            parts = [
                _number(SpecTag.KIND, MOUNT_BIND),
                _text(SpecTag.SOURCE, mount.source),
                _text(SpecTag.TARGET, mount.target),
                _text(Tag.NAME, mount.volume),
                _text(SpecTag.SUB_PATH, mount.sub_path),
                _number(SpecTag.READ_ONLY, mount.read_only),
                _number(SpecTag.RECURSIVE, mount.recursive_read_only),
                _number(SpecTag.PROPAGATION, PROPAGATIONS[mount.propagation]),
                _number(SpecTag.CREATE, mount.create_source),
            ]
        case TmpfsMount():
            parts = [
                _number(SpecTag.KIND, MOUNT_TMPFS),
                _text(SpecTag.TARGET, mount.target),
                _long(SpecTag.SIZE, mount.size),
                _number(SpecTag.MODE, mount.mode),
            ]
        case _:
            assert_never(mount)
    return _block(SpecTag.MOUNT, parts)


@lru_cache(maxsize=64)
def _credentials(credentials: Credentials) -> bytes:
    parts = [_number(SpecTag.USER, credentials.uid), _number(SpecTag.GROUP, credentials.gid)]
    parts += [_u32(SpecTag.SUPPLEMENTARY, 0, U32.size, group) for group in credentials.groups]
    parts += [
        _long(SpecTag.BOUNDING, credentials.bounding),
        _long(SpecTag.PERMITTED, credentials.permitted),
        _long(SpecTag.AMBIENT, credentials.ambient),
        _number(SpecTag.NO_NEW_PRIVS, credentials.no_new_privs),
        _data(SpecTag.SECCOMP, credentials.seccomp),
        _number(SpecTag.SECCOMP_FLAGS, credentials.seccomp_flags),
    ]
    return _block(SpecTag.CREDENTIALS, parts)


@lru_cache(maxsize=8)
def _strings(tag: int, values: tuple[str, ...]) -> bytes:
    return b"".join(_item(tag, value) for value in values)


def _log(log: LogSpec) -> bytes:
    return _block(
        SpecTag.LOG,
        (
            _text(SpecTag.DIRECTORY, log.directory),
            _text(SpecTag.FILE_NAME, log.file),
            _text(SpecTag.LINK, log.link),
            _signed(SpecTag.MAX_SIZE, log.max_size),
            _number(SpecTag.MAX_FILES, log.max_files),
        ),
    )


def _container(spec: ContainerSpec) -> Iterable[bytes]:
    yield _text(Tag.NAME, spec.name)
    yield _number(Tag.ATTEMPT, spec.attempt)
    yield _text(Tag.CONTAINER_ID, spec.id)
    yield _root(spec.root)
    for argument in spec.argv:
        yield _item(SpecTag.ARG, argument)
    for variable in spec.env:
        yield _item(SpecTag.ENV, variable)
    yield _text(SpecTag.CWD, spec.cwd)
    for mount in spec.mounts:
        yield _mount(mount)
    yield _strings(SpecTag.MASKED, spec.masked_paths)
    yield _strings(SpecTag.READONLY, spec.readonly_paths)
    yield _credentials(spec.credentials)
    yield _number(SpecTag.PRIVILEGED, spec.privileged)
    for limit in spec.rlimits:
        yield _block(
            SpecTag.RLIMIT,
            (
                _number(SpecTag.RESOURCE, limit.resource),
                _long(SpecTag.SOFT, limit.soft & UNLIMITED),
                _long(SpecTag.HARD, limit.hard & UNLIMITED),
            ),
        )
    yield _signed(SpecTag.OOM_SCORE_ADJ, spec.oom_score_adj)
    yield _number(SpecTag.TTY, spec.tty)
    yield _number(SpecTag.STDIN, spec.stdin)
    yield _number(SpecTag.STDIN_ONCE, spec.stdin_once)
    if spec.log is not None:
        yield _log(spec.log)
    yield _text(SpecTag.TERMINATION_PATH, spec.termination_message_path)
    yield _text(SpecTag.TARGET_ID, spec.target)


def encode_container(spec: ContainerSpec) -> bytes:
    """Raises WireError for a value that cannot be carried."""
    return _spec(Kind.CONTAINER_SPEC, _container(spec))


def _exec(spec: ExecSpec) -> Iterable[bytes]:
    yield _text(Tag.CONTAINER_ID, spec.container_id)
    for argument in spec.argv:
        yield _item(SpecTag.ARG, argument)
    for variable in spec.env:
        yield _item(SpecTag.ENV, variable)
    yield _number(SpecTag.TTY, spec.tty)
    yield _number(Tag.ROWS, spec.rows)
    yield _number(Tag.COLUMNS, spec.columns)
    yield _long(SpecTag.TIMEOUT_MS, spec.timeout_ms)
    yield _long(SpecTag.OUTPUT_LIMIT, spec.output_limit)
    yield _number(SpecTag.ATTACHED, spec.attached)


def encode_exec(spec: ExecSpec) -> bytes:
    """Raises WireError for a value that cannot be carried."""
    return _spec(Kind.EXEC_SPEC, _exec(spec))
