"""The wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding/): records of a message."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

__all__ = ["WireError", "fields", "message", "number", "read_varint", "text", "varint"]

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
_VARINT_MAX: Final = 10
"""Bytes of a varint of 64 bits."""


class WireError(ValueError):
    """Bytes that are no protobuf message."""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number, and where it ends. Raises WireError."""
    value = 0
    for index in range(_VARINT_MAX):
        if at + index >= len(data):
            raise WireError("unexpected EOF")
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at + index + 1
    raise WireError("integer overflow")


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Number, wire type and value of each record: an unsigned number, or bytes. Raises WireError."""
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, type = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise WireError(f"illegal tag {number} (wire type {type})")
        if type == VARINT:
            value, at = read_varint(data, at)
            yield number, type, value
            continue
        size = {FIXED64: 8, FIXED32: 4}.get(type)
        if type == BYTES:
            size, at = read_varint(data, at)
        if size is None:
            raise WireError(f"illegal wire type {type}")
        if size > len(data) - at:
            raise WireError("unexpected EOF")
        yield number, type, data[at : at + size]
        at += size


def varint(value: int) -> bytes:
    """``value``: of 64 bits; a negative one is written as its two's complement."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def number(field: int, value: int) -> bytes:
    """A record with a number or a truth."""
    return varint(field << 3 | VARINT) + varint(value)


def double(field: int, value: float) -> bytes:
    return varint(field << 3 | FIXED64) + struct.pack("<d", value)


def message(field: int, data: bytes) -> bytes:
    """A record with a message, or other bytes."""
    return varint(field << 3 | BYTES) + varint(len(data)) + data


def text(field: int, value: str) -> bytes:
    """A record with a string."""
    return message(field, value.encode())
