"""Frames of SPDY/3.1: bytes to values and back (draft-mbelshe-httpbis-spdy-00, section 2.6)."""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

from msgspec import Struct

__all__ = [
    "FIN",
    "FRAME_MAX",
    "INITIAL_WINDOW",
    "UNIDIRECTIONAL",
    "WINDOW_MAX",
    "DataFrame",
    "Frame",
    "FrameReader",
    "GoAway",
    "HeaderFrame",
    "Ping",
    "Reset",
    "Settings",
    "SpdyError",
    "Unknown",
    "WindowUpdate",
    "encode",
]

FIN: Final = 0x01
UNIDIRECTIONAL: Final = 0x02
FRAME_MAX: Final = 1 << 20
"""Bytes of a frame that are taken; the format allows 16 MiB."""
INITIAL_WINDOW: Final = 64 << 10
WINDOW_MAX: Final = (1 << 31) - 1

_VERSION: Final = 3
_HEAD: Final = struct.Struct("!II")
_SYN_STREAM: Final = 1
_SYN_REPLY: Final = 2
_RST_STREAM: Final = 3
_SETTINGS: Final = 4
_PING: Final = 6
_GOAWAY: Final = 7
_HEADERS: Final = 8
_WINDOW_UPDATE: Final = 9
_HEADER_FRAMES: Final = {"SYN_STREAM": _SYN_STREAM, "SYN_REPLY": _SYN_REPLY, "HEADERS": _HEADERS}
_HEADER_KINDS: Final = {number: kind for kind, number in _HEADER_FRAMES.items()}


class SpdyError(Exception):
    """What came is no SPDY, or breaks its rules: the connection cannot go on."""


class DataFrame(Struct, frozen=True):
    stream: int
    data: bytes
    fin: bool = False


class HeaderFrame(Struct, frozen=True):
    """SYN_STREAM, SYN_REPLY and HEADERS."""

    kind: str
    stream: int
    block: bytes
    """Of headers, compressed."""
    fin: bool = False
    unidirectional: bool = False
    associated: int = 0
    priority: int = 0


class Reset(Struct, frozen=True):
    stream: int
    status: int


class Settings(Struct, frozen=True):
    values: tuple[tuple[int, int], ...]
    """Ids and values."""


class Ping(Struct, frozen=True):
    number: int


class GoAway(Struct, frozen=True):
    last_stream: int
    status: int = 0


class WindowUpdate(Struct, frozen=True):
    stream: int
    """0: the connection's window (3.1)."""
    delta: int


class Unknown(Struct, frozen=True):
    """A control frame of a type that nobody knows, which is to be ignored."""

    type: int


Frame: TypeAlias = DataFrame | HeaderFrame | Reset | Settings | Ping | GoAway | WindowUpdate | Unknown


def encode(frame: Frame) -> bytes:
    """The bytes of a frame."""
    match frame:
        case DataFrame(stream, data, fin):
            return _HEAD.pack(stream, _length(FIN if fin else 0, data)) + data
        case HeaderFrame():
            return _control(_HEADER_FRAMES[frame.kind], _flags(frame), _header_body(frame))
        case Reset(stream, status):
            return _control(_RST_STREAM, 0, _HEAD.pack(stream, status))
        case Settings(values):
            body = b"".join(_HEAD.pack(number, value) for number, value in values)
            return _control(_SETTINGS, 0, struct.pack("!I", len(values)) + body)
        case Ping(number):
            return _control(_PING, 0, struct.pack("!I", number))
        case GoAway(last_stream, status):
            return _control(_GOAWAY, 0, _HEAD.pack(last_stream, status))
        case WindowUpdate(stream, delta):
            return _control(_WINDOW_UPDATE, 0, _HEAD.pack(stream, delta))
        case Unknown(type):
            return _control(type, 0, b"")


def _length(flags: int, body: bytes) -> int:
    if len(body) > 0xFFFFFF:
        raise ValueError("a frame has at most 16 MiB")
    return flags << 24 | len(body)


def _control(type: int, flags: int, body: bytes) -> bytes:
    return _HEAD.pack(1 << 31 | _VERSION << 16 | type, _length(flags, body)) + body


def _flags(frame: HeaderFrame) -> int:
    return (FIN if frame.fin else 0) | (UNIDIRECTIONAL if frame.unidirectional else 0)


def _header_body(frame: HeaderFrame) -> bytes:
    if frame.kind != "SYN_STREAM":
        return struct.pack("!I", frame.stream) + frame.block
    return _HEAD.pack(frame.stream, frame.associated) + struct.pack("!BB", frame.priority << 5, 0) + frame.block


class FrameReader:
    """Takes bytes as they come, in any pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole now. Raises SpdyError."""
        self._buffer += data
        frames = []
        at = 0
        while len(self._buffer) - at >= _HEAD.size:
            first, second = _HEAD.unpack_from(self._buffer, at)
            length = second & 0xFFFFFF
            if length > FRAME_MAX:
                raise SpdyError(f"a frame of {length} bytes")
            end = at + _HEAD.size + length
            if len(self._buffer) < end:
                break
            frames.append(_decoded(first, second >> 24, bytes(self._buffer[at + _HEAD.size : end])))
            at = end
        del self._buffer[:at]
        return frames


def _decoded(first: int, flags: int, body: bytes) -> Frame:
    if not first >> 31:
        if first == 0:
            raise SpdyError("data of stream 0")
        return DataFrame(first, body, bool(flags & FIN))
    version, type = first >> 16 & 0x7FFF, first & 0xFFFF
    if version != _VERSION:
        raise SpdyError(f"a frame of version {version}")
    try:
        return _control_frame(type, flags, body)
    except struct.error:
        raise SpdyError(f"a short frame of type {type}") from None


def _control_frame(type: int, flags: int, body: bytes) -> Frame:
    """Raises struct.error when it is too short, SpdyError."""
    match type:
        case 1:  # SYN_STREAM
            stream, associated, priority, _slot = struct.unpack_from("!IIBB", body)
            return HeaderFrame(
                kind="SYN_STREAM",
                stream=stream & WINDOW_MAX,
                block=body[10:],
                fin=bool(flags & FIN),
                unidirectional=bool(flags & UNIDIRECTIONAL),
                associated=associated & WINDOW_MAX,
                priority=priority >> 5,
            )
        case 2 | 8:  # SYN_REPLY, HEADERS
            (stream,) = struct.unpack_from("!I", body)
            return HeaderFrame(
                kind=_HEADER_KINDS[type], stream=stream & WINDOW_MAX, block=body[4:], fin=bool(flags & FIN)
            )
        case 3:  # RST_STREAM
            stream, status = _HEAD.unpack_from(body)
            return Reset(stream & WINDOW_MAX, status)
        case 4:  # SETTINGS
            (count,) = struct.unpack_from("!I", body)
            if len(body) != 4 + count * _HEAD.size:
                raise SpdyError("a SETTINGS frame of another length than its own")
            pairs = (_HEAD.unpack_from(body, 4 + index * _HEAD.size) for index in range(count))
            return Settings(tuple((number & 0xFFFFFF, value) for number, value in pairs))
        case 6:  # PING
            return Ping(*struct.unpack_from("!I", body))
        case 7:  # GOAWAY
            stream, status = _HEAD.unpack_from(body)
            return GoAway(stream & WINDOW_MAX, status)
        case 9:  # WINDOW_UPDATE
            stream, delta = _HEAD.unpack_from(body)
            return WindowUpdate(stream & WINDOW_MAX, delta & WINDOW_MAX)
        case _:
            return Unknown(type)
