from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.api.streams.spdy.dictionary import DICTIONARY
from nsrunner.api.streams.spdy.frames import SpdyError
from nsrunner.api.streams.spdy.headers import BLOCK_MAX, HeaderReader, HeaderWriter

names = st.text(st.characters(codec="latin-1", exclude_categories=["Lu"]), max_size=20)
values = st.text(st.characters(codec="latin-1", exclude_characters="\0"), max_size=50)


def test_the_dictionary_is_the_protocols() -> None:
    """Its Adler-32 is in the head of each connection's first block."""
    assert len(DICTIONARY) == 1423
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2
    assert HeaderWriter().pack([])[2:6] == bytes.fromhex("e3c6a7c2")


@given(st.lists(st.dictionaries(names, values, max_size=8), max_size=5))
def test_blocks_come_back_in_their_order(blocks: list[dict[str, str]]) -> None:
    writer, reader = HeaderWriter(), HeaderReader()
    for block in blocks:
        lower = {name.lower().encode("latin-1", "replace").decode("latin-1"): value for name, value in block.items()}
        if all(ord(char) < 256 for name in block for char in name.lower()) and len(lower) == len(block):
            assert reader.unpack(writer.pack(block.items())) == lower


def test_names_are_lower_case_and_the_first_value_counts() -> None:
    block = HeaderWriter().pack([("StreamType", "stdin\0other"), ("streamtype", "third")])
    assert HeaderReader().unpack(block) == {"streamtype": "stdin"}


@given(st.binary(max_size=200))
def test_anything_else_is_an_error(data: bytes) -> None:
    for block in (data, zlib.compress(data), _packed(data)):
        try:
            headers = HeaderReader().unpack(block)
        except SpdyError:
            continue
        assert all(isinstance(text, str) for pair in headers.items() for text in pair)


def _packed(data: bytes) -> bytes:
    packer = zlib.compressobj(zdict=DICTIONARY)
    return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)


def test_a_block_that_unpacks_to_too_much() -> None:
    with pytest.raises(SpdyError, match="too large"):
        HeaderReader().unpack(_packed(bytes(BLOCK_MAX + 1)))
    with pytest.raises(SpdyError, match="ends too soon"):
        HeaderReader().unpack(_packed(b"\xff\xff\xff\xff\0\0\0\1x"))
