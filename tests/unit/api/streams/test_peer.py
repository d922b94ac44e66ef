from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nsrunner.api.streams.peer import Sizes


def test_sizes_come_in_any_pieces() -> None:
    sizes = Sizes()
    assert sizes.feed(b'{"Width":80,') is None
    assert sizes.feed(b'"Height":24}\n') == (24, 80)
    assert sizes.feed(b'{"Width":1,"Height":2}{"Width":3,"Height":4}') == (4, 3), "the newest counts"


def test_what_makes_no_sense_is_passed_over() -> None:
    sizes = Sizes()
    for wrong in (b"{}", b'{"Width":0,"Height":5}', b'{"Width":-1,"Height":5}', b'{"Width":"x"}', b"x" * 10_000 + b"}"):
        assert sizes.feed(wrong) is None
    assert sizes.feed(b'{"Width":80,"Height":24,"X":1}') == (24, 80)


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_anything(pieces: list[bytes]) -> None:
    sizes = Sizes()
    for piece in pieces:
        size = sizes.feed(piece)
        assert size is None or min(size) > 0
