"""The two messages of grpc.health.v1.Health/Check, and the frame around them: two fields of protobuf, by hand."""

from __future__ import annotations

from typing import Final

__all__ = ["MessageError", "request", "serving_status"]

SERVING: Final = "SERVING"
_STATUSES: Final = ("UNKNOWN", SERVING, "NOT_SERVING", "SERVICE_UNKNOWN")
_CUT: Final = "grpc: failed to unmarshal the received message: unexpected EOF"
_INVALID: Final = "grpc: failed to unmarshal the received message: proto: cannot parse invalid wire-format data"
_PREFIX: Final = 5
"""One byte that says whether the message is compressed, four of its length."""


class MessageError(ValueError):
    """grpc-go's words for a message that cannot be read."""


def request(service: str) -> bytes:
    """HealthCheckRequest{string service = 1}, framed."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"\0" + len(message).to_bytes(4, "big") + message


def serving_status(data: bytes) -> str:
    """The status in a framed HealthCheckResponse{ServingStatus status = 1}. Raises MessageError."""
    if not data:
        raise MessageError("cardinality violation: received no response message from non-client-streaming RPC")
    length = int.from_bytes(data[1:_PREFIX], "big")
    if len(data) < _PREFIX or len(data) - _PREFIX < length:
        raise MessageError("unexpected EOF")
    if data[0]:
        raise MessageError("grpc: compressed flag set with identity or empty encoding")
    number = _enum(data[_PREFIX : _PREFIX + length])
    return _STATUSES[number] if 0 <= number < len(_STATUSES) else str(number)


def _enum(message: bytes) -> int:
    """Field 1, a varint; others are passed over, the last one wins."""
    found, at = 0, 0
    while at < len(message):
        key, at = _read_varint(message, at)
        match key & 7:
            case 0:
                value, at = _read_varint(message, at)
                if key >> 3 == 1:
                    found = value - (1 << 64) if value >> 63 else value
            case 1:
                at += 8
            case 2:
                length, at = _read_varint(message, at)
                at += length
            case 5:
                at += 4
            case _:
                raise MessageError(_INVALID)
    if at != len(message):
        raise MessageError(_CUT)
    return found


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise MessageError(_CUT)
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value & (1 << 64) - 1, at
    raise MessageError(_INVALID)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
