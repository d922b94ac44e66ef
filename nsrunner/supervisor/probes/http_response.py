"""A response of HTTP/1: a parser that is fed bytes, with Go's strictness and Go's words (net/http, net/textproto).

It keeps what a probe looks at: the status, where a redirect leads, and the first 10 KiB of the body.
"""

from __future__ import annotations

from typing import Final

from nsrunner.supervisor.probes.words import go_quote

__all__ = ["MAX_BODY", "BodyError", "Response", "ResponseError"]

MAX_BODY: Final = 10 << 10
"""Bytes of the body that are read; the rest is left unread."""
_MAX_HEADER: Final = 256 << 10
"""Bytes of all headers together. Go's limit is 10 MB, which a thousand hostile containers would make us hold."""
_MAX_CHUNK_LINE: Final = 4096
_TOKEN: Final = frozenset(b"!#$%&'*+-.^_`|~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")


class ResponseError(Exception):
    """The headers are no HTTP."""


class BodyError(Exception):
    """The headers were well, the body was not."""


class Response:
    """Feed it until ``done``; at the end of the stream call ``end``."""

    def __init__(self) -> None:
        self.status = 0
        """0: the headers are not complete yet."""
        self.location = ""
        self.done = False
        self._buffer = bytearray()
        self._seen = 0
        """Bytes of headers so far."""
        self._body = bytearray()
        self._left: int | None = None
        """Bytes of the body (or of the chunk) that are to come; None: until the end of the stream."""
        self._chunked = False
        self._after_chunk = False
        """The line break that ends a chunk is to come."""

    @property
    def body(self) -> bytes:
        """What was kept of it."""
        return bytes(self._body)

    def feed(self, data: bytes) -> bool:
        """Whether the response is complete, as far as anybody looks at it. Raises ResponseError, BodyError."""
        self._buffer += data
        while not self.status:
            if not self._head():
                return False
        if self._chunked:
            self._chunks()
        else:
            self._plain()
        return self.done

    def end(self) -> None:
        """The stream has ended. Raises ResponseError, BodyError unless that is where the response ends, too."""
        if not self.status:
            if not self._buffer and not self._seen:
                raise ResponseError("EOF")
            if self._buffer and b"\n" not in self._buffer:
                _status(
                    bytes(self._buffer).removesuffix(b"\r")
                )  # all that came is this, such as the alert of a TLS server
            raise _broken("unexpected EOF")
        if self._chunked or self._left:
            raise BodyError("unexpected EOF")
        self.done = True

    # --- headers ------------------------------------------------------------------------------------------------------

    def _head(self) -> bool:
        """Reads status line and headers when all of them are there. An informational response is passed over."""
        end, after = _blank_line(self._buffer)
        if end < 0:
            self._check_first_line()
        if self._seen + (len(self._buffer) if end < 0 else end) > _MAX_HEADER:
            raise ResponseError(f"net/http: server response headers exceeded {_MAX_HEADER} bytes; aborted")
        if end < 0:
            return False
        first, *lines = bytes(self._buffer[:end]).split(b"\n")
        del self._buffer[:after]
        self._seen += after
        status, minor = _status(first.removesuffix(b"\r"))
        headers = _headers(lines)
        if 100 <= status < 200 and status != 101:
            return bool(self._buffer)
        self.status = status
        self.location = headers.get(b"location", [b""])[0].decode(errors="replace")
        self._frame(headers, minor)
        return True

    def _check_first_line(self) -> None:
        """Tells garbage before it has become long."""
        newline = self._buffer.find(b"\n")
        if newline >= 0:
            _status(bytes(self._buffer[:newline]).removesuffix(b"\r"))

    def _frame(self, headers: dict[bytes, list[bytes]], minor: int) -> None:
        coding = headers.get(b"transfer-encoding", [])
        if coding and minor >= 1:
            if len(coding) > 1:
                raise _broken(f"too many transfer encodings: [{' '.join(go_quote(each) for each in coding)}]")
            if coding[0].lower() != b"chunked":
                raise _broken(f"unsupported transfer encoding: {go_quote(coding[0])}")
            self._chunked = True
            self._left = 0
        elif lengths := {length.strip() for length in headers.get(b"content-length", [])}:
            if len(lengths) > 1:
                raise _broken("http: message cannot contain multiple Content-Length headers")
            (length,) = lengths
            if not length.isdigit() or len(length) > 18:
                raise _broken(f"bad Content-Length {go_quote(length)}")
            self._left = int(length)
        if self.status in (204, 304):
            self._chunked, self._left = False, 0

    # --- body ---------------------------------------------------------------------------------------------------------

    def _plain(self) -> None:
        self._keep()
        self.done = self.done or self._left == 0

    def _chunks(self) -> None:
        while not self.done:
            if self._left:
                self._keep()
                if self._left:
                    return
                continue
            line, found, _ = self._buffer.partition(b"\n")
            if not found:
                if len(line) > _MAX_CHUNK_LINE:
                    raise BodyError("http: line too long")
                return
            text = bytes(line).strip()
            del self._buffer[: len(line) + 1]
            if self._after_chunk:
                if text:
                    raise BodyError("malformed chunked encoding")
                self._after_chunk = False
                continue
            self._left = _chunk_length(text)
            self._after_chunk = True
            self.done = self._left == 0

    def _keep(self) -> None:
        """Takes what belongs to the body out of the buffer."""
        length = len(self._buffer) if self._left is None else min(self._left, len(self._buffer))
        self._body += self._buffer[: min(length, MAX_BODY - len(self._body))]
        del self._buffer[:length]
        if self._left is not None:
            self._left -= length
        if len(self._body) >= MAX_BODY:
            self.done = True


def _broken(text: str) -> ResponseError:
    return ResponseError(f"net/http: HTTP/1.x transport connection broken: {text}")


def _blank_line(buffer: bytearray) -> tuple[int, int]:
    """Where the headers end and where the body begins; (-1, 0) while that is not to be seen."""
    found = [(at, at + len(mark)) for mark in (b"\n\r\n", b"\n\n") if (at := buffer.find(mark)) >= 0]
    return min(found, default=(-1, 0))


def _status(line: bytes) -> tuple[int, int]:
    """Status and minor version."""
    protocol, space, rest = line.partition(b" ")
    if not space:
        raise _broken(f"malformed HTTP response {go_quote(line)}")
    code = rest.lstrip(b" ").partition(b" ")[0]
    if len(code) != 3 or not code.isdigit():
        raise _broken(f"malformed HTTP status code {go_quote(code)}")
    version = protocol[5:]
    if not protocol.startswith(b"HTTP/") or len(version) != 3 or version[1:2] != b"." or not (
        version[:1].isdigit() and version[2:].isdigit()
    ):  # fmt: skip
        raise _broken(f"malformed HTTP version {go_quote(protocol)}")
    return int(code), int(version[2:]) if version[:1] == b"1" else 1


def _headers(lines: list[bytes]) -> dict[bytes, list[bytes]]:
    """By lower-case name. Continued lines are joined."""
    headers: dict[bytes, list[bytes]] = {}
    last: list[bytes] = []
    for number, line in enumerate(lines):
        line = line.rstrip(b"\r \t")
        if line[:1] in (b" ", b"\t"):
            if number == 0:
                raise _broken(f"malformed MIME header initial line: {line.decode(errors='replace')}")
            last[-1] += b" " + line.strip()
            continue
        name, colon, value = line.partition(b":")
        if not colon or not name or not _TOKEN.issuperset(name):
            raise _broken(f"malformed MIME header line: {line.decode(errors='replace')}")
        last = headers.setdefault(name.lower(), [])
        last.append(value.strip(b" \t"))
    return headers


def _chunk_length(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 16:
        raise BodyError("http chunk length too large" if digits else "empty hex number for chunk length")
    try:
        if not digits.isalnum():
            raise ValueError
        return int(digits, 16)
    except ValueError:
        raise BodyError("invalid byte in chunk length") from None
