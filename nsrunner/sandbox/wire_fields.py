"""The fields of which specs are made, as bytes; the tags are those of ``csrc/wire.h``."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from nsrunner.sandbox.wire import HEADER, I64, MAX_SPEC, U32, U64, Kind, WireError, envelope

__all__ = ["SpecTag", "block", "data", "item", "long", "number", "numeral", "signed", "spec_bytes", "text"]


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


_header = HEADER.pack
_u32 = struct.Struct("<HHII").pack
_u64 = struct.Struct("<HHIQ").pack
_i64 = struct.Struct("<HHIq").pack


def number(tag: int, value: int) -> bytes:
    """U32; absent when 0."""
    return _u32(tag, 0, U32.size, value) if value else b""


def numeral(tag: int, value: int) -> bytes:
    """U32, also when 0: an element of a list."""
    return _u32(tag, 0, U32.size, value)


def long(tag: int, value: int) -> bytes:
    """U64; absent when 0."""
    return _u64(tag, 0, U64.size, value) if value else b""


def signed(tag: int, value: int) -> bytes:
    """I64; absent when 0."""
    return _i64(tag, 0, I64.size, value) if value else b""


def text(tag: int, value: str) -> bytes:
    """STRING; absent when empty."""
    return item(tag, value) if value else b""


def item(tag: int, value: str) -> bytes:
    """STRING, also when empty: an element of a list."""
    payload = value.encode("utf-8", "surrogateescape")
    if b"\0" in payload:
        raise WireError(f"NUL in {value!r}")
    return b"%b%b\0" % (_header(tag, 0, len(payload) + 1), payload)


def data(tag: int, value: bytes) -> bytes:
    """BYTES; absent when empty."""
    return _header(tag, 0, len(value)) + value if value else b""


def block(tag: int, parts: Iterable[bytes]) -> bytes:
    """BLOCK of fields, also when there are none."""
    payload = b"".join(parts)
    return _header(tag, 0, len(payload)) + payload


def spec_bytes(kind: Kind, parts: Iterable[bytes]) -> bytes:
    """A whole spec in its envelope. Raises WireError."""
    try:
        payload = b"".join(parts)
    except (struct.error, UnicodeEncodeError) as error:
        raise WireError(f"{kind.name}: {error}") from None
    packet = envelope(kind, 0, payload)
    if len(packet) > MAX_SPEC:
        raise WireError(f"{kind.name}: {len(packet)} bytes, at most {MAX_SPEC} are possible")
    return packet
