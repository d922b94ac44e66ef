"""The CLI's client, against sockets that are not quite a daemon's."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nsrunner.api.client import Client, NoDaemon, Refused, TooLate, quote
from nsrunner.errors import HostError

NOBODY = 65534


def test_nobody_listens(tmp_path: Path) -> None:
    path = str(tmp_path / "api.sock")
    with pytest.raises(NoDaemon, match="start one with 'nsrunner daemon'"):
        Client(path)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    with pytest.raises(NoDaemon):
        Client(path)


@pytest.mark.needs_root
def test_a_socket_of_somebody_else(tmp_path: Path) -> None:
    path = str(tmp_path / "api.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        os.seteuid(NOBODY)  # as whom the kernel notes the listener
        try:
            server.listen()
        finally:
            os.seteuid(0)
        with pytest.raises(HostError, match="not the daemon's socket: user 65534 listens on it"):
            Client(path)


# --- what it reads ----------------------------------------------------------------------------------------------------


@contextmanager
def answering(
    tmp_path: Path, *parts: bytes, then: Callable[[socket.socket], object] = lambda _: None
) -> Iterator[Client]:
    """A client of a server that reads one request (``Client`` has it as ``asked``) and sends these bytes, piece by
    piece, before it hangs up."""
    path = str(tmp_path / "api.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (data := connection.recv(1 << 16)):
                        return
                    head += data
                asked.append(head)
                for part in parts:
                    connection.sendall(part)
                then(connection)

        asked: list[bytes] = []
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with Client(path) as client:
                client.asked = asked  # type: ignore[attr-defined] # for the tests alone
                yield client
        finally:
            thread.join(30)


OK = b"HTTP/1.1 200 OK\r\n"


def test_a_body_of_known_length(tmp_path: Path) -> None:
    with answering(tmp_path, OK, b"Content-Length: 8\r\n\r\n", b'{"a"', b": 1}") as client:
        assert client.call("GET", "/x", query={"empty": "", "l": ["a b", "ä"], "no": None}) == {"a": 1}
        assert client.asked[0].startswith(b"GET /x?l=a%20b&l=%C3%A4 HTTP/1.1\r\n")  # type: ignore[attr-defined]


def test_chunks_are_lines_when_they_are_whole(tmp_path: Path) -> None:
    parts = [OK, b"Transfer-Encoding: chunked\r\n\r\n", b"2\r\na\n\r\n3;x=y\r\nb\nc", b"\r\n2\r\nd\n\r\n0\r\n\r\n"]
    with answering(tmp_path, *parts) as client:
        assert list(client.request("GET", "/x").lines()) == [b"a", b"b", b"cd"]


def test_a_body_up_to_the_end_of_the_connection(tmp_path: Path) -> None:
    with answering(tmp_path, OK, b"\r\n", b"one\n", b"two") as client:
        assert client.request("GET", "/x").body() == b"one\ntwo"


def test_warnings_are_handed_on(tmp_path: Path) -> None:
    warning = b'Warning: 299 - "say \\"hello\\""\r\n'
    warned: list[str] = []
    with answering(tmp_path, OK, warning, b"Content-Length: 2\r\n\r\n{}") as client:
        client.call("POST", "/x", body={"b": 1}, warn=warned)
        assert b"Content-Length: 8\r\n" in client.asked[0]  # type: ignore[attr-defined]
    assert warned == ['say "hello"']


# --- what can be wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([b"SSH-2.0-x\r\n"], "does not speak HTTP"),
        ([b"HTTP/1.1 200 OK\r\nContent-Le"], "closed the connection"),
        ([OK, b"Content-Length: 5\r\n\r\nab"], "closed the connection"),
        ([OK, b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"], "closed the connection"),
        ([b"x" * (1 << 17)], "a line without end"),
    ],
)
def test_answers_that_are_none(parts: list[bytes], message: str, tmp_path: Path) -> None:
    with answering(tmp_path, *parts) as client, pytest.raises(HostError, match=message):
        client.call("GET", "/x")


def test_a_deadline_ends_what_never_ends(tmp_path: Path) -> None:
    with answering(tmp_path, OK, b"Transfer-Encoding: chunked\r\n\r\n", then=lambda it: it.recv(1)) as client:
        client.deadline = time.monotonic() + 0.05
        with pytest.raises(TooLate):
            list(client.request("GET", "/x", timeout=None).lines())
        client.close()


def test_silence_is_not_borne_for_ever(tmp_path: Path) -> None:
    with answering(tmp_path, then=lambda it: it.recv(1)) as client:
        with pytest.raises(HostError, match="the daemon does not answer"):
            client.request("GET", "/x", timeout=0.05)
        client.close()


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({"reason": "NotFound", "message": 'pods "a" not found'}, 'Error from server (NotFound): pods "a" not found'),
        ({"message": "oops"}, "Error from server: oops"),
        ({"code": 503}, "Error from server: the server answered 503"),
        ({"reason": "Invalid", "message": 'Pod "a" is invalid: x: y'}, 'The Pod "a" is invalid: x: y'),
        (
            {
                "reason": "Invalid",
                "message": 'Pod "a" is invalid: [x: Required value, y: Forbidden: no]',
                "details": {
                    "kind": "Pod",
                    "name": "a",
                    "causes": [{"field": "x", "message": "Required value"}, {"field": "y", "message": "Forbidden: no"}],
                },
            },
            'The Pod "a" is invalid:\n* x: Required value\n* y: Forbidden: no',
        ),
    ],
)
def test_refusals_read_as_kubectl_has_them(status: dict[str, Any], shown: str) -> None:
    assert str(Refused(status)) == shown


def test_an_error_that_is_no_status(tmp_path: Path) -> None:
    with answering(tmp_path, b"HTTP/1.1 502 Bad\r\n", b"Content-Length: 3\r\n\r\nbad") as client:
        with pytest.raises(Refused, match="bad") as caught:
            client.call("GET", "/x")
        assert caught.value.code == 502


@pytest.mark.parametrize(("text", "quoted"), [("a-b.c", "a-b.c"), ("a/b ~_", "a%2Fb%20~_"), ("\udcff", "%FF")])
def test_quote(text: str, quoted: str) -> None:
    assert quote(text) == quoted
