"""The parser of responses, fed in every way; what is broken, in Go's words (kubelet-semantics 14.7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.sandbox.talks import whole_status
from nsrunner.supervisor.probes.http_response import MAX_BODY, BodyError, Response, ResponseError

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HINTS = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n"
BROKEN = "net/http: HTTP/1.x transport connection broken: "


def read(data: bytes, *, cuts: int = 0) -> Response:
    """All of it and the end of the stream; ``cuts`` > 0: in pieces of that length."""
    response = Response()
    step = cuts or max(1, len(data))
    for at in range(0, len(data), step):
        if response.feed(data[at : at + step]):
            return response
    response.end()
    return response


@pytest.mark.parametrize("cuts", [0, 1, 2, 7])
@pytest.mark.parametrize(
    ("data", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokMORE", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", 200, b"to the end"),
        (b"HTTP/1.0 404\nX: y\n\nbare", 404, b"bare"),
        (b"HTTP/1.1 204 None\r\nContent-Length: 9\r\n\r\n", 204, b""),
        (CHUNKED + b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", 200, b"abc0123456789"),
        (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nraw", 200, b"raw"),
        (HINTS + b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", 503, b""),
        (b"HTTP/1.1 200 OK\r\nFolded: a\r\n  b\r\nContent-Length:  1 \r\n\r\nx", 200, b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 200, b"x"),
        (b"HTTP/1.1 500 \xff\x1b[31m\r\nContent-Length: 1\r\n\r\n\xfe", 500, b"\xfe"),
    ],
    ids=range(10),
)  # fmt: skip
def test_responses(data: bytes, status: int, body: bytes, cuts: int) -> None:
    response = read(data, cuts=cuts)
    assert (response.status, response.body, response.done) == (status, body, True)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "EOF"),
        (b"HTTP/1.1 200 OK\r\nX", BROKEN + "unexpected EOF"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", BROKEN + "unexpected EOF"),
        (b"garbage\r\n", BROKEN + 'malformed HTTP response "garbage"'),
        (b"\x15\x03\x01\x00\x02\x02", BROKEN + 'malformed HTTP response "\\x15\\x03\\x01\\x00\\x02\\x02"'),
        (b"HTTP/1.1 20 OK\r\n", BROKEN + 'malformed HTTP status code "20"'),
        (b"HTTP/1.1 2xx OK\r\n", BROKEN + 'malformed HTTP status code "2xx"'),
        (b"ICY 200 OK\r\n", BROKEN + 'malformed HTTP version "ICY"'),
        (b"HTTP/1.1 200 OK\r\n lost\r\n\r\n", BROKEN + "malformed MIME header initial line:  lost"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", BROKEN + "malformed MIME header line: no colon"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", BROKEN + 'bad Content-Length "x"'),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", BROKEN + 'unsupported transfer encoding: "gzip"'),
    ],
)
def test_broken_headers(data: bytes, why: str) -> None:
    with pytest.raises(ResponseError) as caught:
        read(data)
    assert str(caught.value) == why


def test_headers_without_end() -> None:
    response = Response()
    response.feed(b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(ResponseError, match="server response headers exceeded"):
        for _ in range(1000):
            response.feed(b"X: %b\r\n" % (b"y" * 1000))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"5\r\nab", "unexpected EOF"),
        (b"", "unexpected EOF"),
        (b"zz\r\n", "invalid byte in chunk length"),
        (b"11111111111111111\r\n", "http chunk length too large"),
        (b"\r\n", "empty hex number for chunk length"),
        (b"1\r\nab\r\n", "malformed chunked encoding"),
        (b"1" * 5000, "http: line too long"),
    ],
)
def test_broken_bodies(body: bytes, why: str) -> None:
    with pytest.raises(BodyError) as caught:
        read(CHUNKED + body)
    assert str(caught.value) == why


def test_a_body_that_stops_short() -> None:
    with pytest.raises(BodyError, match="unexpected EOF"):
        read(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab")


def test_ten_kibibytes_are_enough() -> None:
    for framing in (b"Content-Length: 99999999\r\n\r\n", b"\r\n", b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n"):
        response = Response()
        response.feed(b"HTTP/1.1 200 OK\r\n" + framing)
        fed = 0
        while not response.feed(b"x" * 1000):
            fed += 1000
            assert fed <= MAX_BODY
        assert response.body == b"x" * MAX_BODY


@given(st.binary(max_size=200), st.integers(1, 50))
def test_anything_is_a_response_or_an_error_of_ours(data: bytes, cuts: int) -> None:
    for prefix in (b"", b"HTTP/1.1 200 OK\r\n", CHUNKED):
        try:
            response = read(prefix + data, cuts=cuts)
        except (ResponseError, BodyError):
            continue
        assert response.done and response.status


LINES = [
    "HTTP/1.1 200 OK", "HTTP/1.0 404", "HTTP/1.1 503 ", "HTTP/2.0 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 099 Odd",
    "HTTP/1.1 204 None", "HTTP/1.1 302 Found", "HTTP/1.1 100 Continue", "HTTP/1.1 200\tOK", "HTTP/1.1 2000 OK",
]  # fmt: skip
HEADERS = [
    "Content-Length: 2", "content-length: 2", "Content-Length:2", "Content-Length:  2", "Content-Length: 2 ",
    "Content-Length: 3", "Content-Length: -1", "Content-Length: 99999999999999999999", "X-Content-Length: 9",
    "Transfer-Encoding: chunked", "Location: /x", "X: content-length: 7", "X:", "X: ", " folded", "no colon", "X : y",
    "A_b: c", "Connection: close", "X: \xff",
]  # fmt: skip


@given(
    st.sampled_from(LINES),
    st.lists(st.sampled_from(HEADERS), max_size=4),
    st.sampled_from(["\r\n", "\n"]),
    st.sampled_from(["", "o", "ok", "okay", "2\r\nok\r\n0\r\n\r\n"]),
)
def test_one_that_comes_whole_is_what_it_is_in_pieces(line: str, headers: list[str], newline: str, body: str) -> None:
    data = (newline.join([line, *headers, "", ""]) + body).encode("latin-1")
    results = []
    for cuts in (0, 1):
        try:
            response = read(data, cuts=cuts)
            results.append((response.status, response.body, response.location, response.done))
        except (ResponseError, BodyError) as error:
            results.append((type(error), str(error)))
    assert results[0] == results[1]
    if status := whole_status(data):
        assert results[0][0] == status and results[0][2:] == ("", True)


def test_a_large_one_that_comes_whole() -> None:
    for length in (MAX_BODY - 1, MAX_BODY, MAX_BODY + 1, 99999):
        response = Response()
        assert response.feed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + b"x" * 99999)
        assert response.body == b"x" * min(length, MAX_BODY)
