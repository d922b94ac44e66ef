from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nsrunner.api.streams.spdy import frames
from nsrunner.api.streams.spdy.connection import (
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    Connection,
    DataReceived,
    Event,
    GoneAway,
    StreamEnded,
    StreamOpened,
    StreamReset,
)
from nsrunner.api.streams.spdy.frames import FrameReader, SpdyError, encode


def pair() -> tuple[Connection, Connection]:
    return Connection(server=False), Connection(server=True)


def sent(connection: Connection) -> list[frames.Frame]:
    return FrameReader().feed(connection.outgoing())


def test_a_stream_from_its_beginning_to_its_end() -> None:
    client, server = pair()
    number = client.open([("streamType", "stdin")])
    client.send(number, b"hello")
    assert server.receive(client.outgoing()) == [
        StreamOpened(1, {"streamtype": "stdin"}),
        DataReceived(1, b"hello"),
    ]
    server.reply(number)
    server.send(number, b"back", fin=True)
    assert client.receive(server.outgoing()) == [DataReceived(1, b"back"), StreamEnded(1)]
    client.send(number, b"", fin=True)
    assert server.receive(client.outgoing()) == [StreamEnded(1)]
    server.send(number, b"after the end")
    assert server.outgoing() == b""


def test_streams_that_nobody_can_have_opened() -> None:
    client, server = pair()
    client.open([])
    client.open([])
    opening = client.outgoing()
    assert [event.stream for event in server.receive(opening)] == [1, 3]  # type: ignore[union-attr]
    block = frames.HeaderFrame("SYN_STREAM", 4, b"")
    fresh = Connection(server=True)
    from nsrunner.api.streams.spdy.headers import HeaderWriter

    writer = HeaderWriter()
    for number in (4, 0):
        assert fresh.receive(encode(frames.HeaderFrame("SYN_STREAM", number, writer.pack([])))) == []
        assert sent(fresh) == [frames.Reset(number, PROTOCOL_ERROR)]
    with pytest.raises(SpdyError, match="ends too soon"):
        Connection(server=True).receive(encode(block))


def test_pings_are_answered_and_ours_are_not() -> None:
    _, server = pair()
    server.receive(encode(frames.Ping(7)))
    assert sent(server) == [frames.Ping(7)]
    server.receive(encode(frames.Ping(8)))
    assert sent(server) == []


def test_after_going_away_streams_are_refused() -> None:
    client, server = pair()
    server.go_away()
    server.go_away()
    assert client.receive(server.outgoing()) == [GoneAway()]
    number = client.open([])
    assert server.receive(client.outgoing()) == []
    assert client.receive(server.outgoing()) == [StreamReset(number, REFUSED_STREAM)]


def test_a_reset_ends_both_directions() -> None:
    client, server = pair()
    number = client.open([])
    server.receive(client.outgoing())
    server.reset(number)
    server.reset(number)
    assert [type(event) for event in client.receive(server.outgoing())] == [StreamReset]
    client.send(number, b"late")
    assert client.outgoing() == b""
    server.receive(encode(frames.DataFrame(number, b"on its way")))
    assert server.outgoing() == b""


def test_without_windows_nothing_is_held_back() -> None:
    """The Go library never opens a window."""
    client, server = pair()
    number = client.open([])
    server.receive(client.outgoing())
    server.send(number, bytes(1_000_000))
    assert not server.waiting(number)
    events = client.receive(server.outgoing())
    assert sum(len(event.data) for event in events if isinstance(event, DataReceived)) == 1_000_000


def test_windows_are_kept_by_those_who_know_them() -> None:
    client, server = pair()
    number = client.open([])
    server.receive(client.outgoing() + encode(frames.Settings(((7, 1000),))))
    server.send(number, bytes(5000), fin=True)
    assert server.waiting(number)
    assert [len(frame.data) for frame in sent(server) if isinstance(frame, frames.DataFrame)] == [1000]
    server.receive(encode(frames.WindowUpdate(number, 3000)))
    assert [len(frame.data) for frame in sent(server) if isinstance(frame, frames.DataFrame)] == [3000]
    server.receive(encode(frames.Settings(((7, 2000),))))
    assert [frame for frame in sent(server)] == [  # noqa: C416
        frames.DataFrame(number, bytes(1000)),
        frames.DataFrame(number, b"", True),
    ]
    with pytest.raises(SpdyError, match="too large"):
        server.receive(encode(frames.WindowUpdate(0, 2**31 - 1)))


def test_a_window_that_is_too_large() -> None:
    client, server = pair()
    number = client.open([])
    server.receive(client.outgoing())
    server.receive(encode(frames.WindowUpdate(number, 2**31 - 1)))
    assert [type(frame) for frame in sent(server)] == [frames.Reset]
    with pytest.raises(SpdyError, match="too large"):
        server.receive(encode(frames.Settings(((7, 2**31),))))


def test_what_is_consumed_opens_the_window_again() -> None:
    client, server = pair()
    number = client.open([])
    server.receive(client.outgoing())
    server.consumed(number, 60_000)
    assert sent(server) == [], "a client without windows"
    server.receive(encode(frames.WindowUpdate(number, 1)))
    server.consumed(number, 20_000)
    server.consumed(number, 20_000)
    assert sent(server) == [frames.WindowUpdate(0, 40_000), frames.WindowUpdate(number, 40_000)]


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_anything_else_is_an_error(pieces: list[bytes]) -> None:
    server = Connection(server=True)
    try:
        for piece in pieces:
            server.receive(piece)
    except SpdyError:
        pass


class TwoEnds(RuleBasedStateMachine):
    """Whatever both ends do, what one sends on a stream is what the other gets, in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = dict(zip(("client", "server"), pair(), strict=True))
        self.given: dict[tuple[str, int], bytes] = {}
        self.taken: dict[tuple[str, int], bytes] = {}
        self.closed: set[tuple[str, int]] = set()
        self.ended: set[tuple[str, int]] = set()
        self.open: list[int] = []

    @rule(windows=st.booleans())
    def begin(self, windows: bool) -> None:
        client = self.ends["client"]
        number = client.open([("streamType", "data")])
        if windows:
            self._deliver("client", "server", encode(frames.WindowUpdate(number, 10)))
        self._deliver("client", "server")
        self.open.append(number)

    @precondition(lambda self: self.open)
    @rule(who=st.sampled_from(["client", "server"]), data=st.data(), size=st.integers(1, 20_000), fin=st.booleans())
    def send(self, who: str, data: Any, size: int, fin: bool) -> None:
        number = data.draw(st.sampled_from(self.open))
        if (who, number) in self.closed:
            return
        text = bytes((size + at) % 251 for at in range(size))
        self.ends[who].send(number, text, fin=fin)
        self.given[who, number] = self.given.get((who, number), b"") + text
        if fin:
            self.closed.add((who, number))

    @rule(who=st.sampled_from(["client", "server"]))
    def deliver(self, who: str) -> None:
        self._deliver(who, "server" if who == "client" else "client")

    def _deliver(self, source: str, target: str, extra: bytes = b"") -> None:
        for event in self.ends[target].receive(self.ends[source].outgoing() + extra):
            self._took(source, target, event)

    def _took(self, source: str, target: str, event: Event) -> None:
        if isinstance(event, DataReceived):
            self.taken[source, event.stream] = self.taken.get((source, event.stream), b"") + event.data
            self.ends[target].consumed(event.stream, len(event.data))
        elif isinstance(event, StreamEnded):
            self.ended.add((source, event.stream))
        else:
            assert isinstance(event, StreamOpened)
            self.ends[target].reply(event.stream)

    @invariant()
    def nothing_is_lost(self) -> None:
        for key, data in self.taken.items():
            assert self.given[key].startswith(data)
        for key in self.ended:
            assert self.taken.get(key, b"") == self.given.get(key, b"")


TestTwoEnds = TwoEnds.TestCase
TestTwoEnds.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
