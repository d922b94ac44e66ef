"""One end of a SPDY/3.1 connection, without I/O: bytes in, events out, and bytes that are to be sent.

Windows (section 2.6.8, and that of the connection in 3.1): the Go library that all Kubernetes clients have neither
keeps to them nor opens them again. So they count from the moment at which the other end shows that it knows them, by
WINDOW_UPDATE or by the entry of SETTINGS; until then TCP alone holds a sender back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, TypeAlias

from msgspec import Struct

from nsrunner.api.streams.spdy import frames
from nsrunner.api.streams.spdy.frames import SpdyError
from nsrunner.api.streams.spdy.headers import HeaderReader, HeaderWriter

__all__ = [
    "CANCEL",
    "PROTOCOL_ERROR",
    "REFUSED_STREAM",
    "Connection",
    "DataReceived",
    "Event",
    "GoneAway",
    "StreamEnded",
    "StreamOpened",
    "StreamReset",
]

PROTOCOL_ERROR: Final = 1
INVALID_STREAM: Final = 2
REFUSED_STREAM: Final = 3
CANCEL: Final = 5
FLOW_CONTROL_ERROR: Final = 7
STREAM_IN_USE: Final = 8

_SETTINGS_INITIAL_WINDOW: Final = 7
_STREAMS_MAX: Final = 1000
_PIECE: Final = 32 << 10


class StreamOpened(Struct, frozen=True):
    """By the other end. Answer with ``reply`` or ``reset``."""

    stream: int
    headers: dict[str, str]


class DataReceived(Struct, frozen=True):
    """Tell by ``consumed`` when it is taken."""

    stream: int
    data: bytes


class StreamEnded(Struct, frozen=True):
    """The other end sends no more on it."""

    stream: int


class StreamReset(Struct, frozen=True):
    """The stream is gone in both directions."""

    stream: int
    status: int


class GoneAway(Struct, frozen=True):
    """The other end takes no new streams."""


Event: TypeAlias = StreamOpened | DataReceived | StreamEnded | StreamReset | GoneAway


class _Stream:
    def __init__(self, window: int) -> None:
        self.ours = True
        """We may send on it."""
        self.theirs = True
        self.window = window
        self.received = 0
        """Consumed since the last WINDOW_UPDATE."""
        self.waiting: deque[bytes] = deque()
        self.fin = False
        """Ours, after what waits."""


class Connection:
    """``server``: the streams that the other end opens are odd, ours even."""

    def __init__(self, *, server: bool) -> None:
        self._reader = frames.FrameReader()
        self._unpack = HeaderReader()
        self._pack = HeaderWriter()
        self._streams: dict[int, _Stream] = {}
        self._last_theirs = 0
        self._next_ours = 2 if server else 1
        self._odd_theirs = server
        self._outgoing = bytearray()
        self._windows = False
        self._initial_window = frames.INITIAL_WINDOW
        self._window = frames.INITIAL_WINDOW
        self._received = 0
        self._gone_away = False

    # --- what is to be sent -------------------------------------------------------------------------------------------

    def outgoing(self) -> bytes:
        """What has come together since the last call."""
        data, self._outgoing = bytes(self._outgoing), bytearray()
        return data

    def open(self, headers: Iterable[tuple[str, str]], *, fin: bool = False) -> int:
        """A stream of ours; returns its id."""
        number = self._next_ours
        self._next_ours += 2
        stream = self._streams[number] = _Stream(self._initial_window)
        stream.ours = not fin
        self._put(frames.HeaderFrame(kind="SYN_STREAM", stream=number, block=self._pack.pack(headers), fin=fin))
        return number

    def reply(self, number: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Accepts a stream of theirs."""
        if number in self._streams:
            self._put(frames.HeaderFrame(kind="SYN_REPLY", stream=number, block=self._pack.pack(headers)))

    def send(self, number: int, data: bytes, *, fin: bool = False) -> None:
        """Sends as much as the windows allow, and the rest when they open. Nothing on a stream that is closed."""
        stream = self._streams.get(number)
        if stream is None or not stream.ours or stream.fin:
            return
        if data:
            stream.waiting += (data[at : at + _PIECE] for at in range(0, len(data), _PIECE))
        stream.fin = fin
        self._pump(number, stream)

    def waiting(self, number: int) -> bool:
        """Whether some of what was sent waits for the window."""
        stream = self._streams.get(number)
        return stream is not None and bool(stream.waiting)

    def reset(self, number: int, status: int = CANCEL) -> None:
        """Ends a stream in both directions."""
        if self._streams.pop(number, None) is not None:
            self._put(frames.Reset(number, status))

    def consumed(self, number: int, size: int) -> None:
        """So many bytes of what came were taken: the window opens again."""
        if not self._windows:
            return
        self._received += size
        if self._received >= frames.INITIAL_WINDOW // 2:
            self._put(frames.WindowUpdate(0, self._received))
            self._received = 0
        stream = self._streams.get(number)
        if stream is None or not stream.theirs:
            return
        stream.received += size
        if stream.received >= frames.INITIAL_WINDOW // 2:
            self._put(frames.WindowUpdate(number, stream.received))
            stream.received = 0

    def go_away(self) -> None:
        """Takes no new streams from here on."""
        if not self._gone_away:
            self._gone_away = True
            self._put(frames.GoAway(self._last_theirs))

    def _put(self, frame: frames.Frame) -> None:
        self._outgoing += frames.encode(frame)

    def _pump(self, number: int, stream: _Stream) -> None:
        while stream.waiting:
            piece = stream.waiting[0]
            if self._windows:
                room = min(stream.window, self._window)
                if room <= 0:
                    return
                if room < len(piece):
                    stream.waiting[0] = piece[room:]
                    piece = piece[:room]
                else:
                    stream.waiting.popleft()
            else:
                stream.waiting.popleft()
            stream.window -= len(piece)
            self._window -= len(piece)
            self._put(frames.DataFrame(number, piece))
        if stream.fin and stream.ours:
            stream.ours = False
            self._put(frames.DataFrame(number, b"", True))
            self._forget(number, stream)

    def _forget(self, number: int, stream: _Stream) -> None:
        if not stream.ours and not stream.theirs:
            self._streams.pop(number, None)

    # --- what comes ---------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Event]:
        """Raises SpdyError; the connection is to be closed then."""
        events: list[Event] = []
        for frame in self._reader.feed(data):
            events += self._take(frame)
        return events

    def _take(self, frame: frames.Frame) -> list[Event]:
        match frame:
            case frames.DataFrame():
                return self._data(frame)
            case frames.HeaderFrame():
                headers = self._unpack.unpack(frame.block)  # also of what is refused: it is one stream of bytes
                return self._opened(frame, headers) if frame.kind == "SYN_STREAM" else self._ended(frame)
            case frames.Reset(number, status):
                return [StreamReset(number, status)] if self._streams.pop(number, None) is not None else []
            case frames.Settings(values):
                self._settings(values)
            case frames.Ping(number):
                if number % 2 == self._odd_theirs:
                    self._put(frame)
            case frames.GoAway():
                return [GoneAway()]
            case frames.WindowUpdate(number, delta):
                self._opened_window(number, delta)
            case frames.Unknown():
                pass
        return []

    def _opened(self, frame: frames.HeaderFrame, headers: dict[str, str]) -> list[Event]:
        number = frame.stream
        if number == 0 or number % 2 != self._odd_theirs or number <= self._last_theirs:
            self._put(frames.Reset(number, STREAM_IN_USE if number in self._streams else PROTOCOL_ERROR))
            return []
        self._last_theirs = number
        if self._gone_away or len(self._streams) >= _STREAMS_MAX:
            self._put(frames.Reset(number, REFUSED_STREAM))
            return []
        stream = _Stream(self._initial_window)
        stream.ours = not frame.unidirectional
        stream.theirs = not frame.fin
        self._streams[number] = stream
        self._forget(number, stream)
        opened = StreamOpened(number, headers)
        return [opened, StreamEnded(number)] if frame.fin else [opened]

    def _data(self, frame: frames.DataFrame) -> list[Event]:
        stream = self._streams.get(frame.stream)
        if stream is None or not stream.theirs:
            if frame.stream > self._last_theirs and frame.stream >= self._next_ours:
                self._put(frames.Reset(frame.stream, INVALID_STREAM))
            return []  # otherwise it is on its way since before we closed the stream
        events: list[Event] = [DataReceived(frame.stream, frame.data)] if frame.data else []
        return events + (self._ended(frame) if frame.fin else [])

    def _ended(self, frame: frames.DataFrame | frames.HeaderFrame) -> list[Event]:
        stream = self._streams.get(frame.stream)
        if stream is None or not stream.theirs or not frame.fin:
            return []
        stream.theirs = False
        self._forget(frame.stream, stream)
        return [StreamEnded(frame.stream)]

    def _settings(self, values: Iterable[tuple[int, int]]) -> None:
        for number, value in values:
            if number != _SETTINGS_INITIAL_WINDOW:
                continue
            if value > frames.WINDOW_MAX:
                raise SpdyError("an initial window that is too large")
            self._windows = True
            delta, self._initial_window = value - self._initial_window, value
            for each in self._streams.values():
                each.window += delta
            self._pump_all()

    def _opened_window(self, number: int, delta: int) -> None:
        self._windows = True
        stream = self._streams.get(number)
        if number == 0:
            self._window += delta
            if self._window > frames.WINDOW_MAX:
                raise SpdyError("a window that is too large")
        elif stream is not None:
            stream.window += delta
            if stream.window > frames.WINDOW_MAX:
                self.reset(number, FLOW_CONTROL_ERROR)
        self._pump_all()

    def _pump_all(self) -> None:
        for number, stream in list(self._streams.items()):
            self._pump(number, stream)
