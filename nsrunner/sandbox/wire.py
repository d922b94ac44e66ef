"""Envelopes, fields and messages: the Python side of ``csrc/wire.h``, which explains the format.

Pure: bytes in, values out. The decoder is strict: it accepts exactly what the tables below name. The specs that travel
in sealed memfds are written by :mod:`nsrunner.sandbox.wire_specs`.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias, assert_never

from nsrunner.sandbox.records import (
    ContainerExit,
    ContainerInfo,
    ContainerRunning,
    SandboxCreated,
    SandboxDeath,
    Snapshot,
    Stamp,
)

__all__ = [
    "ENVELOPE",
    "MAX_DEPTH",
    "MAX_FDS",
    "MAX_MESSAGE",
    "MAX_SPEC",
    "Fields",
    "Kind",
    "Message",
    "Payload",
    "Role",
    "Tag",
    "WireError",
    "container_exit",
    "container_info",
    "container_running",
    "decode",
    "encode",
    "envelope",
    "sandbox_created",
    "sandbox_death",
    "snapshot",
    "split",
]

MAGIC = 0x3152534E
VERSION = 1
MAX_MESSAGE = 8192
MAX_SPEC = 16 << 20
MAX_FDS = 4
MAX_DEPTH = 4

ENVELOPE = struct.Struct("<IHHQII")
HEADER = struct.Struct("<HHI")
U32 = struct.Struct("<I")
U64 = struct.Struct("<Q")
I64 = struct.Struct("<q")


class WireError(ValueError):
    """Bytes that the format does not allow, or a value that it cannot carry."""


class Kind(enum.IntEnum):
    SANDBOX_SPEC = 1
    CONTAINER_SPEC = 2
    EXEC_SPEC = 3
    HELLO = 16
    CREATE_SANDBOX = 17
    STOP_SANDBOX = 18
    START_CONTAINER = 19
    SIGNAL = 20
    REMOVE_CONTAINER = 21
    REMOVE_POD = 22
    EXEC = 23
    RESIZE = 24
    KILL_EXEC = 25
    ATTACH = 26
    ACKNOWLEDGE = 27
    LIST = 28
    OPEN_VOLUME = 29
    PREPARE_CONTAINER = 30
    OK = 64
    ERROR = 65
    WELCOME = 66
    CONTAINER_INFO = 67
    CONTAINER_EXITED = 80
    SANDBOX_DIED = 81
    EXEC_FINISHED = 82
    ATTACH_ENDED = 83


class Role(enum.IntEnum):
    CONTROLLER = 1
    CLIENT = 2


class Payload(enum.Enum):
    U32 = enum.auto()
    U64 = enum.auto()
    I64 = enum.auto()
    STRING = enum.auto()
    BYTES = enum.auto()
    BLOCK = enum.auto()


class Tag(enum.IntEnum):
    """Of the fields of messages; those of specs are :class:`nsrunner.sandbox.wire_specs.SpecTag`."""

    ROLE = 1
    ATTEMPT = 2
    PID = 3
    CONTAINER_ID = 4
    SIGNAL = 5
    WHOLE = 6
    EXEC_ID = 7
    ROWS = 8
    COLUMNS = 9
    STREAMS = 10
    RECORD = 11
    NAME = 12
    UID = 13
    STEP = 14
    ERRNO = 15
    PATH = 16
    EXIT_CODE = 17
    OOM_KILLED = 18
    STARTED = 19
    FINISHED = 20
    BOOTTIME_NS = 21
    REALTIME_NS = 22
    MESSAGE = 23
    TIMED_OUT = 24
    REASON = 25
    SPEC = 26


_PAYLOADS: dict[int, Payload] = {
    **dict.fromkeys(Tag, Payload.U32),
    **dict.fromkeys((Tag.EXEC_ID, Tag.RECORD, Tag.BOOTTIME_NS, Tag.REALTIME_NS), Payload.U64),
    **dict.fromkeys((Tag.CONTAINER_ID, Tag.NAME, Tag.UID, Tag.PATH, Tag.REASON), Payload.STRING),
    **dict.fromkeys((Tag.STARTED, Tag.FINISHED), Payload.BLOCK),
    **dict.fromkeys((Tag.MESSAGE, Tag.SPEC), Payload.BYTES),
}

_SIZES = {Payload.U32: U32, Payload.U64: U64, Payload.I64: I64}
_NUMBERS: dict[int, struct.Struct] = {tag: _SIZES[payload] for tag, payload in _PAYLOADS.items() if payload in _SIZES}
_STRINGS = frozenset(tag for tag, payload in _PAYLOADS.items() if payload is Payload.STRING)
_STAMP = frozenset({Tag.BOOTTIME_NS, Tag.REALTIME_NS})
_BLOCKS: dict[int, frozenset[Tag]] = {Tag.STARTED: _STAMP, Tag.FINISHED: _STAMP}

_KINDS: dict[int, Kind] = {kind: kind for kind in Kind}
_MESSAGES: dict[int, frozenset[Tag]] = {
    kind: frozenset(tags)
    for kind, tags in {
        Kind.HELLO: {Tag.ROLE},
        Kind.CREATE_SANDBOX: set[Tag](),
        Kind.STOP_SANDBOX: {Tag.ATTEMPT},
        Kind.START_CONTAINER: set[Tag](),
        Kind.SIGNAL: {Tag.CONTAINER_ID, Tag.SIGNAL, Tag.WHOLE},
        Kind.REMOVE_CONTAINER: {Tag.CONTAINER_ID},
        Kind.REMOVE_POD: set[Tag](),
        Kind.EXEC: {Tag.SPEC},
        Kind.RESIZE: {Tag.EXEC_ID, Tag.CONTAINER_ID, Tag.ROWS, Tag.COLUMNS},
        Kind.KILL_EXEC: {Tag.EXEC_ID},
        Kind.ATTACH: {Tag.CONTAINER_ID, Tag.STREAMS},
        Kind.ACKNOWLEDGE: {Tag.RECORD},
        Kind.LIST: set[Tag](),
        Kind.OPEN_VOLUME: {Tag.NAME},
        Kind.PREPARE_CONTAINER: {Tag.CONTAINER_ID},
        Kind.OK: {Tag.PID, Tag.ATTEMPT, Tag.CONTAINER_ID, Tag.STARTED},
        Kind.ERROR: {Tag.STEP, Tag.ERRNO, Tag.PATH},
        Kind.WELCOME: {Tag.UID, Tag.ATTEMPT, Tag.PID},
        Kind.CONTAINER_INFO: {Tag.CONTAINER_ID, Tag.NAME, Tag.ATTEMPT, Tag.PID, Tag.STARTED},
        Kind.CONTAINER_EXITED: {
            Tag.RECORD,
            Tag.CONTAINER_ID,
            Tag.NAME,
            Tag.ATTEMPT,
            Tag.EXIT_CODE,
            Tag.OOM_KILLED,
            Tag.STARTED,
            Tag.FINISHED,
            Tag.MESSAGE,
        },
        Kind.SANDBOX_DIED: {Tag.RECORD, Tag.ATTEMPT},
        Kind.EXEC_FINISHED: {
            Tag.RECORD,
            Tag.EXEC_ID,
            Tag.EXIT_CODE,
            Tag.TIMED_OUT,
            Tag.STEP,
            Tag.ERRNO,
            Tag.PATH,
        },
        Kind.ATTACH_ENDED: {Tag.EXEC_ID, Tag.REASON},
    }.items()
}

Value: TypeAlias = "int | str | bytes | Fields"
Fields: TypeAlias = Mapping[int, Value]


class Message(NamedTuple):
    kind: Kind
    command: int
    """Id of the command that it is or answers; 0 in records."""
    fields: Fields

    def number(self, tag: Tag) -> int:
        """An absent number is 0."""
        value = self.fields.get(tag, 0)
        assert isinstance(value, int)
        return value

    def text(self, tag: Tag) -> str:
        value = self.fields.get(tag, "")
        assert isinstance(value, str)
        return value

    def data(self, tag: Tag) -> bytes:
        value = self.fields.get(tag, b"")
        assert isinstance(value, bytes)
        return value

    def stamp(self, tag: Tag) -> Stamp:
        value = self.fields.get(tag, {})
        assert isinstance(value, Mapping)
        boottime, realtime = value.get(Tag.BOOTTIME_NS, 0), value.get(Tag.REALTIME_NS, 0)
        assert isinstance(boottime, int) and isinstance(realtime, int)
        return Stamp(boottime / 1e9, realtime / 1e9)


# --- bytes out --------------------------------------------------------------------------------------------------------


def envelope(kind: Kind, command: int, block: bytes) -> bytes:
    return ENVELOPE.pack(MAGIC, VERSION, kind, command, len(block), 0) + block


def _encode_block(fields: Fields) -> bytes:
    parts: list[bytes] = []
    for tag, value in fields.items():
        match _PAYLOADS[tag]:
            case Payload.U32:
                assert isinstance(value, int)
                payload = U32.pack(value)
            case Payload.U64:
                assert isinstance(value, int)
                payload = U64.pack(value)
            case Payload.I64:
                assert isinstance(value, int)
                payload = I64.pack(value)
            case Payload.STRING:
                assert isinstance(value, str)
                payload = value.encode("utf-8", "surrogateescape") + b"\0"
                if payload.find(b"\0") != len(payload) - 1:
                    raise WireError(f"NUL in {Tag(tag).name}")
            case Payload.BYTES:
                assert isinstance(value, bytes)
                payload = value
            case Payload.BLOCK:
                assert isinstance(value, Mapping)
                payload = _encode_block(value)
            case kind:
                assert_never(kind)
        parts += (HEADER.pack(tag, 0, len(payload)), payload)
    return b"".join(parts)


def encode(kind: Kind, command: int, fields: Fields | None = None) -> bytes:
    """One message. Raises WireError when it would not fit into a packet or a value cannot be carried."""
    try:
        packet = envelope(kind, command, _encode_block(fields or {}))
    except (struct.error, UnicodeEncodeError) as error:
        raise WireError(f"{kind.name}: {error}") from None
    if len(packet) > MAX_MESSAGE:
        raise WireError(f"{kind.name}: message of {len(packet)} bytes")
    return packet


# --- bytes in ---------------------------------------------------------------------------------------------------------


def split(block: bytes | memoryview) -> Iterable[tuple[int, memoryview]]:
    """The fields of a block: (tag, payload). Raises WireError."""
    view = memoryview(block)
    end, at = len(view), 0
    while at < end:
        if end - at < HEADER.size:
            raise WireError("truncated field")
        tag, zero, length = HEADER.unpack_from(view, at)
        at += HEADER.size
        if zero != 0 or length > end - at:
            raise WireError(f"bad field header (tag {tag})")
        yield tag, view[at : at + length]
        at += length


def _decode_block(block: memoryview, allowed: frozenset[Tag], depth: int) -> dict[int, Value]:
    if depth > MAX_DEPTH:
        raise WireError("nested too deep")
    fields: dict[int, Value] = {}
    for tag, payload in split(block):
        if tag not in allowed or tag in fields:
            raise WireError(f"unexpected tag {tag}")
        number = _NUMBERS.get(tag)
        try:
            if number is not None:
                (fields[tag],) = number.unpack(payload)
            elif tag in _STRINGS:
                data = bytes(payload)
                if data.find(b"\0") != len(data) - 1 or not data:
                    raise WireError(f"bad string (tag {tag})")
                fields[tag] = data[:-1].decode("utf-8", "surrogateescape")
            elif tag in _BLOCKS:
                fields[tag] = _decode_block(payload, _BLOCKS[tag], depth + 1)
            else:
                fields[tag] = bytes(payload)
        except struct.error:
            raise WireError(f"bad length (tag {tag})") from None
    return fields


def decode(packet: bytes) -> Message:
    """One message. Raises WireError."""
    if len(packet) < ENVELOPE.size or len(packet) > MAX_MESSAGE:
        raise WireError(f"message of {len(packet)} bytes")
    magic, version, kind, command, length, zero = ENVELOPE.unpack_from(packet)
    if magic != MAGIC or version != VERSION or zero != 0 or length != len(packet) - ENVELOPE.size:
        raise WireError("bad envelope")
    allowed = _MESSAGES.get(kind)
    if allowed is None:
        raise WireError(f"unknown message kind {kind}")
    return Message(_KINDS[kind], command, _decode_block(memoryview(packet)[ENVELOPE.size :], allowed, 1))


# --- messages to values -----------------------------------------------------------------------------------------------


def sandbox_created(message: Message) -> SandboxCreated:
    return SandboxCreated(attempt=message.number(Tag.ATTEMPT), pause_pid=message.number(Tag.PID))


def container_running(message: Message) -> ContainerRunning:
    return ContainerRunning(
        container_id=message.text(Tag.CONTAINER_ID),
        pid=message.number(Tag.PID),
        started=message.stamp(Tag.STARTED),
    )


def container_info(message: Message) -> ContainerInfo:
    return ContainerInfo(
        container_id=message.text(Tag.CONTAINER_ID),
        name=message.text(Tag.NAME),
        attempt=message.number(Tag.ATTEMPT),
        pid=message.number(Tag.PID),
        started=message.stamp(Tag.STARTED),
    )


def container_exit(message: Message) -> ContainerExit:
    return ContainerExit(
        record=message.number(Tag.RECORD),
        container_id=message.text(Tag.CONTAINER_ID),
        name=message.text(Tag.NAME),
        attempt=message.number(Tag.ATTEMPT),
        exit_code=message.number(Tag.EXIT_CODE),
        oom_killed=message.number(Tag.OOM_KILLED) != 0,
        started=message.stamp(Tag.STARTED),
        finished=message.stamp(Tag.FINISHED),
        termination_message=message.data(Tag.MESSAGE),
    )


def sandbox_death(message: Message) -> SandboxDeath:
    return SandboxDeath(record=message.number(Tag.RECORD), attempt=message.number(Tag.ATTEMPT))


def snapshot(welcome: Message, running: Iterable[ContainerInfo]) -> Snapshot:
    pause = welcome.number(Tag.PID)
    return Snapshot(
        uid=welcome.text(Tag.UID),
        sandbox_attempt=welcome.number(Tag.ATTEMPT) if pause else None,
        pause_pid=pause,
        running=tuple(running),
    )
