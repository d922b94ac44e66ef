"""Two fields of protobuf."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.supervisor.probes.grpc_messages import MessageError, request, serving_status


def framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def test_requests() -> None:
    assert request("") == b"\0\0\0\0\0"
    assert request("db") == b"\0\0\0\0\x04\x0a\x02db"
    assert request("x" * 300)[:8] == b"\0\0\0\x01\x2f\x0a\xac\x02"


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"", "UNKNOWN"),
        (b"\x08\x01", "SERVING"),
        (b"\x08\x02", "NOT_SERVING"),
        (b"\x08\x03", "SERVICE_UNKNOWN"),
        (b"\x08\x07", "7"),
        (b"\x08" + b"\xff" * 9 + b"\x01", "-1"),
        (b"\x12\x02ab\x19" + bytes(8) + b"\x25" + bytes(4) + b"\x30\x05\x08\x01", "SERVING"),
    ],
)
def test_answers(message: bytes, status: str) -> None:
    assert serving_status(framed(message)) == status


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cardinality violation"),
        (b"\0\0", "unexpected EOF"),
        (framed(b"\x08\x01")[:-1], "unexpected EOF"),
        (b"\1" + framed(b"\x08\x01")[1:], "compressed flag set"),
        (framed(b"\x08"), "unexpected EOF"),
        (framed(b"\x12\x09a"), "unexpected EOF"),
        (framed(b"\x0b"), "cannot parse invalid wire-format data"),
        (framed(b"\xff" * 11), "cannot parse invalid wire-format data"),
    ],
)
def test_answers_that_are_none(data: bytes, why: str) -> None:
    with pytest.raises(MessageError, match=why):
        serving_status(data)


@given(st.binary(max_size=40))
def test_anything_is_a_status_or_an_error_of_ours(message: bytes) -> None:
    try:
        assert serving_status(framed(message))
    except MessageError:
        pass
