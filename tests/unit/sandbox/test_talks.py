"""Exchanges with a server in this process; test_talk.c has what the C code makes of them."""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from nsrunner.sandbox.talks import CHUNK, CONNECT, SEND, WAIT, Peer, Talks, whole_status

REQUEST = b"GET / HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Bench:
    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.talks = Talks(self.epoll.fileno())
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.peer: Peer = (socket.AF_INET, b"127.0.0.1", self.listener.getsockname()[1])

    def client(self) -> socket.socket:
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)

    def answer(self, data: bytes) -> socket.socket:
        theirs, _ = self.listener.accept()
        assert theirs.recv(100) == REQUEST
        theirs.sendall(data)
        return theirs


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    with made.epoll, made.listener:
        yield made


def test_one_socket_for_many(bench: Bench) -> None:
    with bench.client() as ours:
        fd = ours.fileno()
        for turn in range(3):
            assert bench.talks.begin(fd, bench.peer, REQUEST, known=turn > 0) == (WAIT, len(REQUEST))
            bench.answer(OK).close()
            assert bench.epoll.poll(5) == [(fd, select.EPOLLIN)]
            assert bench.epoll.poll(0) == []
            assert bench.talks.answer(fd) == (len(OK), 200, True)
            assert bench.talks.data(len(OK)) == OK


def test_one_that_is_not_over(bench: Bench) -> None:
    with bench.client() as ours:
        assert bench.talks.begin(ours.fileno(), bench.peer, REQUEST, known=False)[0] == WAIT
        assert bench.talks.answer(ours.fileno()) == (-errno.EAGAIN, 0, False)
        with closing(bench.answer(OK)) as theirs:
            bench.epoll.poll(5)
            assert bench.talks.answer(ours.fileno()) == (len(OK), 200, False)
            theirs.sendall(b"\0" * (CHUNK + 1))
            ours.setblocking(True)
            while len(ours.recv(CHUNK + 1, socket.MSG_PEEK)) < CHUNK + 1:
                pass
            assert bench.talks.answer(ours.fileno()) == (CHUNK, 0, False)
            assert bench.talks.data(CHUNK) == b"\0" * CHUNK


def test_what_could_not_be_done(bench: Bench) -> None:
    with bench.client() as ours:
        bench.listener.close()
        step, error = bench.talks.begin(ours.fileno(), bench.peer, REQUEST, known=False)
        assert (step in (CONNECT, SEND), error) == (True, -errno.ECONNREFUSED)
    step, error = bench.talks.begin(ours.fileno(), bench.peer, REQUEST, known=False)
    assert (step, os.strerror(-error)) == (CONNECT, "Bad file descriptor")


@pytest.mark.parametrize(("data", "status"), [(OK, 200), (OK[:-1], 0), (b"", 0), (OK + b"\0", 200)])
def test_which_are_whole(data: bytes, status: int) -> None:
    assert whole_status(data) == status
