"""Records of protobuf messages: the examples of the encoding's own document, and what is broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.api.protobuf.wire import WireError, double, fields, message, number, read_varint, text, varint


def test_the_documents_examples() -> None:
    """https://protobuf.dev/programming-guides/encoding/"""
    assert list(fields(bytes.fromhex("089601"))) == [(1, 0, 150)]
    assert list(fields(bytes.fromhex("120774657374696e67"))) == [(2, 2, b"testing")]
    assert list(fields(bytes.fromhex("1a03089601"))) == [(3, 2, b"\x08\x96\x01")]
    assert number(1, 150).hex() == "089601" and text(2, "testing").hex() == "120774657374696e67"
    assert message(3, number(1, 150)).hex() == "1a03089601"
    assert varint(-2).hex() == "feffffffffffffffff01"


@given(st.integers(0, 2**64 - 1))
def test_numbers_go_there_and_back(value: int) -> None:
    assert read_varint(varint(value), 0) == (value, len(varint(value)))


def test_fixed_sizes() -> None:
    assert list(fields(double(1, 1.0))) == [(1, 1, bytes.fromhex("000000000000f03f"))]
    assert list(fields(bytes.fromhex("0d01020304"))) == [(1, 5, b"\x01\x02\x03\x04")]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("08", "unexpected EOF"),
        ("0aff01", "unexpected EOF"),
        ("0d0102", "unexpected EOF"),
        ("08" + "ff" * 11, "overflow"),
        ("00", "illegal tag"),
        ("0b", "illegal wire type"),
        ("0f", "illegal wire type"),
    ],
)
def test_what_is_broken(data: str, problem: str) -> None:
    with pytest.raises(WireError, match=problem):
        list(fields(bytes.fromhex(data)))
