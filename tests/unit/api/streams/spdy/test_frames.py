from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.api.streams.spdy import frames
from nsrunner.api.streams.spdy.frames import Frame, FrameReader, SpdyError, encode

ids = st.integers(0, 2**31 - 1)
numbers = st.integers(0, 2**32 - 1)
blocks = st.binary(max_size=100)
every_frame = st.one_of(
    st.builds(frames.DataFrame, st.integers(1, 2**31 - 1), blocks, st.booleans()),
    st.builds(
        frames.HeaderFrame,
        st.just("SYN_STREAM"),
        ids,
        blocks,
        st.booleans(),
        st.booleans(),
        ids,
        st.integers(0, 7),
    ),
    st.builds(frames.HeaderFrame, st.sampled_from(["SYN_REPLY", "HEADERS"]), ids, blocks, st.booleans()),
    st.builds(frames.Reset, ids, numbers),
    st.builds(frames.Settings, st.lists(st.tuples(st.integers(0, 2**24 - 1), numbers), max_size=4).map(tuple)),
    st.builds(frames.Ping, numbers),
    st.builds(frames.GoAway, ids, numbers),
    st.builds(frames.WindowUpdate, ids, ids),
    st.builds(frames.Unknown, st.integers(10, 2**15)),
)


@given(st.lists(every_frame, max_size=6), st.lists(st.integers(1, 30), min_size=1, max_size=10))
def test_frames_come_back_from_any_pieces(sent: list[Frame], sizes: list[int]) -> None:
    data = b"".join(map(encode, sent))
    reader, found, at = FrameReader(), [], 0
    for turn in range(len(data)):
        size = sizes[turn % len(sizes)]
        found += reader.feed(data[at : at + size])
        at += size
    assert found == sent


def test_bytes_of_the_document() -> None:
    assert encode(frames.DataFrame(3, b"ab", True)) == bytes.fromhex("00000003 01000002 6162")
    assert encode(frames.Ping(1)) == bytes.fromhex("80030006 00000004 00000001")
    assert encode(frames.WindowUpdate(1, 7)) == bytes.fromhex("80030009 00000008 00000001 00000007")
    assert encode(frames.HeaderFrame("SYN_REPLY", 1, b"x", True)) == bytes.fromhex("80030002 01000005 00000001 78")


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_anything_else_is_an_error(pieces: list[bytes]) -> None:
    reader = FrameReader()
    try:
        for piece in pieces:
            for frame in reader.feed(piece):
                encode(frame)
    except SpdyError:
        pass


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("80020006 00000004 00000001", "version 2"),
        ("80030006 00000001 00", "short frame of type 6"),
        ("00000001 00ffffff", "a frame of 16777215 bytes"),
        ("00000000 00000000", "stream 0"),
        ("80030004 00000004 00000002", "another length"),
    ],
)
def test_what_breaks_the_rules(data: str, message: str) -> None:
    with pytest.raises(SpdyError, match=message):
        FrameReader().feed(bytes.fromhex(data))


def test_a_frame_has_its_limits() -> None:
    with pytest.raises(ValueError, match="16 MiB"):
        encode(frames.DataFrame(1, bytes(1 << 24)))
