"""The bytes of a request (kubelet-semantics 14.7: headers)."""

from __future__ import annotations

import pytest

from nsrunner.model.types import HTTPHeader
from nsrunner.supervisor.probes.http_request import RequestError, headers_of, request_bytes
from nsrunner.supervisor.probes.url import probe_url

URL = probe_url("http", "192.0.2.1", 8080, "/healthz?full")


def lines(*headers: tuple[str, str]) -> list[str]:
    given = headers_of([HTTPHeader(name=name, value=value) for name, value in headers], "probe")
    data = request_bytes(URL, given)
    assert data.endswith(b"\r\n\r\n")
    return data.decode().split("\r\n")[:-2]


def test_without_headers() -> None:
    assert lines() == [
        "GET /healthz?full HTTP/1.1",
        "Host: 192.0.2.1:8080",
        "User-Agent: kube-probe/1.36",
        "Accept: */*",
        "Connection: close",
    ]


def test_names_are_canonical_and_repeated_ones_accumulate() -> None:
    assert lines(("x-b", "1"), ("accept", "text/html"), ("X-A", " 0 "), ("X-B", "2"))[3:] == [
        "Accept: text/html",
        "X-A: 0",
        "X-B: 1",
        "X-B: 2",
        "Connection: close",
    ]


def test_the_first_host_is_the_requests() -> None:
    assert lines(("Host", "example.com"), ("host", "other"))[1] == "Host: example.com"
    assert lines(("Host", ""))[1] == "Host: 192.0.2.1:8080"


def test_empty_values() -> None:
    assert lines(("User-Agent", ""), ("Accept", ""), ("X-Empty", ""))[2:] == ["X-Empty: ", "Connection: close"]


def test_another_user_agent() -> None:
    assert lines(("user-agent", "mine/1"))[2] == "User-Agent: mine/1"


def test_what_net_http_writes_itself_is_left_out() -> None:
    assert lines(("Content-Length", "5"), ("Transfer-Encoding", "chunked"), ("Trailer", "X")) == lines()


def test_a_hook_has_its_own_user_agent() -> None:
    assert headers_of((), "lifecycle")["User-Agent"] == ("kube-lifecycle/1.36",)


def test_a_value_that_would_be_a_second_header() -> None:
    with pytest.raises(RequestError, match='net/http: invalid header field value for "X-Evil"'):
        lines(("X-Evil", "a\r\nHost: b"))
