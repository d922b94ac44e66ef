"""Messages: numbers as csrc/wire.h has them, round trips, and a decoder that takes nothing else."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.sandbox import wire
from nsrunner.sandbox.records import ContainerExit, Snapshot, Stamp
from nsrunner.sandbox.wire import Kind, Message, Payload, Tag, WireError, decode, encode
from nsrunner.sandbox.wire_specs import SpecTag
from unit.sandbox.specs import WIRE_H, tables

KINDS, TAGS = tables()


def test_kinds_are_those_of_the_header() -> None:
    assert {kind.name: kind.value for kind in Kind} == KINDS


def test_tags_are_those_of_the_header() -> None:
    ours = {tag.name: tag.value for tag in Tag}
    ours |= {name: value for name, value in vars(SpecTag).items() if name.isupper()}
    assert ours == {name: number for name, (number, _) in TAGS.items()}


def test_payloads_of_messages_are_those_of_the_header() -> None:
    ours = {tag.name: wire._PAYLOADS[tag].name for tag in Tag}
    assert ours == {name: payload for name, (_, payload) in TAGS.items() if name in ours}


def test_limits_are_those_of_the_header() -> None:
    text = WIRE_H.read_text()
    assert f"NSR_WIRE_MAGIC {wire.MAGIC:#x}u" in text
    assert f"NSR_WIRE_VERSION {wire.VERSION}\n" in text
    assert f"NSR_MESSAGE_MAX {wire.MAX_MESSAGE} " in text
    assert f"NSR_MESSAGE_FDS {wire.MAX_FDS}\n" in text
    assert "NSR_SPEC_MAX (16u << 20)" in text and wire.MAX_SPEC == 16 << 20


VALUES = {
    Payload.U32: st.integers(0, 2**32 - 1),
    Payload.U64: st.integers(0, 2**64 - 1),
    Payload.STRING: st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=50),
    Payload.BYTES: st.binary(max_size=4096),
    Payload.BLOCK: st.fixed_dictionaries(
        {}, optional={tag: st.integers(0, 2**64 - 1) for tag in (Tag.BOOTTIME_NS, Tag.REALTIME_NS)}
    ),
}


@st.composite
def messages(draw: st.DrawFn) -> Message:
    kind = draw(st.sampled_from(sorted(wire._MESSAGES)))
    tags = draw(st.sets(st.sampled_from(sorted(wire._MESSAGES[kind]))) if wire._MESSAGES[kind] else st.just(set()))
    fields = {tag: draw(VALUES[wire._PAYLOADS[tag]]) for tag in tags}
    return Message(Kind(kind), draw(st.integers(0, 2**64 - 1)), fields)


@given(messages())
def test_round_trip(message: Message) -> None:
    assert decode(encode(message.kind, message.command, message.fields)) == message


@given(messages(), st.data())
def test_a_cut_or_longer_packet_is_refused(message: Message, data: st.DataObject) -> None:
    packet = encode(message.kind, message.command, message.fields)
    with pytest.raises(WireError):
        decode(packet[: data.draw(st.integers(0, len(packet) - 1))])
    with pytest.raises(WireError):
        decode(packet + b"\0")


@given(st.binary(max_size=200))
def test_any_block_decodes_or_is_refused(block: bytes) -> None:
    packet = struct.pack("<IHHQII", wire.MAGIC, wire.VERSION, Kind.CONTAINER_EXITED, 0, len(block), 0) + block
    try:
        message = decode(packet)
    except WireError:
        return
    assert decode(encode(message.kind, message.command, message.fields)) == message


def packet(block: bytes, kind: int = Kind.OK, *, magic: int = wire.MAGIC, version: int = 1, zero: int = 0) -> bytes:
    return struct.pack("<IHHQII", magic, version, kind, 1, len(block), zero) + block


def field(tag: int, payload: bytes, *, zero: int = 0, length: int | None = None) -> bytes:
    return struct.pack("<HHI", tag, zero, len(payload) if length is None else length) + payload


@pytest.mark.parametrize(
    "data",
    [
        packet(b"", magic=1),
        packet(b"", version=2),
        packet(b"", zero=1),
        packet(b"", kind=0),
        packet(b"", kind=Kind.CONTAINER_SPEC),
        packet(field(Tag.ROLE, b"\1\0\0\0")),  # no tag of an OK
        packet(field(999, b"\1\0\0\0")),
        packet(field(Tag.PID, b"\1\0\0\0") * 2),
        packet(field(Tag.PID, b"\1\0\0")),
        packet(field(Tag.PID, b"\1\0\0\0", zero=1)),
        packet(field(Tag.PID, b"\1\0\0\0", length=5)),
        packet(field(Tag.CONTAINER_ID, b"no end")),
        packet(field(Tag.CONTAINER_ID, b"two\0ends\0")),
        packet(field(Tag.CONTAINER_ID, b"")),
        packet(field(Tag.STARTED, field(Tag.PID, b"\1\0\0\0"))),
        packet(b"\0" * 7),
        b"",
        b"\0" * (wire.MAX_MESSAGE + 1),
    ],
)
def test_what_the_format_does_not_allow_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)


@pytest.mark.parametrize(
    "fields",
    [
        {Tag.NAME: "a\0b"},
        {Tag.NAME: "\ud800"},
        {Tag.NAME: "x" * wire.MAX_MESSAGE},
    ],
)
def test_what_cannot_be_carried_is_refused(fields: wire.Fields) -> None:
    with pytest.raises(WireError):
        encode(Kind.OPEN_VOLUME, 1, fields)


@pytest.mark.parametrize("number", [-1, 2**32])
def test_numbers_out_of_range_are_refused(number: int) -> None:
    with pytest.raises(WireError):
        encode(Kind.STOP_SANDBOX, 1, {Tag.ATTEMPT: number})


def test_a_container_exit() -> None:
    stamp = {Tag.BOOTTIME_NS: 1_500_000_000, Tag.REALTIME_NS: 2_000_000_000}
    fields: wire.Fields = {
        Tag.RECORD: 7,
        Tag.CONTAINER_ID: "id",
        Tag.NAME: "web",
        Tag.ATTEMPT: 2,
        Tag.EXIT_CODE: 137,
        Tag.OOM_KILLED: 1,
        Tag.STARTED: stamp,
        Tag.MESSAGE: b"bye",
    }
    assert wire.container_exit(decode(encode(Kind.CONTAINER_EXITED, 0, fields))) == ContainerExit(
        record=7,
        container_id="id",
        name="web",
        attempt=2,
        exit_code=137,
        oom_killed=True,
        started=Stamp(1.5, 2.0),
        finished=Stamp(0.0, 0.0),
        termination_message=b"bye",
    )


def test_a_welcome_without_a_sandbox() -> None:
    assert wire.snapshot(Message(Kind.WELCOME, 1, {}), []) == Snapshot(
        uid="", sandbox_attempt=None, pause_pid=0, running=()
    )
    welcome = Message(Kind.WELCOME, 1, {Tag.UID: "u", Tag.PID: 5})
    assert wire.snapshot(welcome, []) == Snapshot(uid="u", sandbox_attempt=0, pause_pid=5, running=())
