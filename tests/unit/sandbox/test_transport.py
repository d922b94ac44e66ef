"""Packets with descriptors."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from nsrunner.errors import SandboxError
from nsrunner.sandbox import transport
from nsrunner.sandbox.wire import ENVELOPE, HEADER, MAX_MESSAGE, Kind, Tag, WireError, decode, encode


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        yield left, right


def test_packets_keep_their_bounds_and_descriptors(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    transport.send(left, b"one", [0])
    transport.send(left, b"two", [])
    packet, fds = transport.receive(right)
    assert packet == b"one" and len(fds) == 1
    assert os.path.samestat(os.fstat(fds[0]), os.fstat(0)) and not os.get_inheritable(fds[0])
    transport.close_all(fds)
    assert transport.receive(right) == (b"two", [])
    with pytest.raises(BlockingIOError):
        transport.receive(right)
    left.close()
    assert transport.receive(right) == (b"", [])


def test_too_much_is_refused_and_nothing_of_it_stays_open(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    before = len(os.listdir("/proc/self/fd"))
    transport.send(left, b"x", [0] * 9)
    with pytest.raises(WireError):
        transport.receive(right)
    transport.send(left, b"x" * (MAX_MESSAGE + 1), [0])
    with pytest.raises(WireError):
        transport.receive(right)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_dead_peer(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    right.close()
    with pytest.raises(BrokenPipeError):  # and no SIGPIPE
        transport.send(left, b"x", [])


def test_a_socket_that_a_dead_shim_left_is_replaced(tmp_path: Path) -> None:
    transport.listen(str(tmp_path)).close()
    with transport.listen(str(tmp_path)), transport.dial(str(tmp_path), blocking=False):
        assert (tmp_path / transport.SOCKET).stat().st_mode & 0o777 == 0o600


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="make socket"):
        transport.listen(str(tmp_path / "missing"))


def test_large_memfds() -> None:
    data = os.urandom(1 << 20)
    fd = transport.sealed_memfd("big", data)
    assert os.pread(fd, len(data) + 1, 0) == data
    os.close(fd)


def test_a_spec_goes_in_its_message_while_it_fits() -> None:
    data = os.urandom(MAX_MESSAGE - ENVELOPE.size - HEADER.size)
    fields, fd = transport.spec_fields(data)
    assert fd == -1
    packet = encode(Kind.EXEC, 1, fields)
    assert len(packet) == MAX_MESSAGE
    assert decode(packet).data(Tag.SPEC) == data
    longer = data + b"x"
    fields, fd = transport.spec_fields(longer)
    assert fields == {}
    assert os.pread(fd, len(longer) + 1, 0) == longer
    os.close(fd)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (transport.lost("/run/u", errno.ETIMEDOUT), True),
        (transport.lost("/run/u"), False),
        (SandboxError("wait for the process to start", errno.ETIMEDOUT), False),
        (SandboxError("open mount source", errno.ETIMEDOUT, "/net"), False),
    ],
)
def test_an_answer_about_time_is_an_answer(error: SandboxError, expected: bool) -> None:
    assert transport.unanswered(error) is expected
