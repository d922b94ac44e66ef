"""Fields as bytes: what is absent, and what is there although it is nothing."""

from __future__ import annotations

import pytest

from nsrunner.sandbox import wire_fields as fields
from nsrunner.sandbox.wire import Kind, WireError, split


def parts(block: bytes) -> list[tuple[int, bytes]]:
    return [(tag, bytes(payload)) for tag, payload in split(block)]


def test_what_is_nothing_is_absent() -> None:
    absent = (fields.number(1, 0), fields.long(1, 0), fields.signed(1, 0), fields.text(1, ""), fields.data(1, b""))
    assert b"".join(absent) == b""


def test_elements_of_lists_and_blocks_are_there_in_any_case() -> None:
    there = b"".join([fields.numeral(1, 0), fields.item(2, ""), fields.block(3, [])])
    assert parts(there) == [(1, b"\0" * 4), (2, b"\0"), (3, b"")]


def test_values() -> None:
    block = fields.block(9, [fields.number(1, 7), fields.long(2, 1 << 40), fields.signed(3, -1), fields.text(4, "a")])
    [(tag, payload)] = parts(block)
    assert tag == 9
    assert parts(payload) == [
        (1, (7).to_bytes(4, "little")),
        (2, (1 << 40).to_bytes(8, "little")),
        (3, b"\xff" * 8),
        (4, b"a\0"),
    ]


def test_a_nul_would_end_a_string() -> None:
    with pytest.raises(WireError, match="NUL"):
        fields.item(1, "a\0b")


def test_numbers_that_do_not_fit_are_told_of_with_the_spec() -> None:
    with pytest.raises(WireError, match="EXEC_SPEC"):
        fields.spec_bytes(Kind.EXEC_SPEC, (fields.number(1, value) for value in (1, -1)))
