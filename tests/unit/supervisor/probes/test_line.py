"""Who owns which socket of a probe, and when it goes."""

from __future__ import annotations

import os

import pytest

from nsrunner.supervisor.probes.dial import Network
from nsrunner.supervisor.probes.line import Line
from nsrunner.supervisor.probes.outcome import ProbeError
from unit.supervisor.probes.servers import HOST


def fds() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_one_that_is_given_back_is_taken_next() -> None:
    before = fds()
    line = Line(HOST, 80)
    first, known = line.take()
    assert not known and not os.get_blocking(first) and not os.get_inheritable(first)
    line.give_back(first)
    assert line.take() == (first, True)
    second, known = line.take()
    assert not known and second != first
    line.give_back(second)
    line.give_back(first)  # one is enough
    assert fds() == before + 1
    line.close()
    assert fds() == before


def test_one_that_comes_back_late_is_closed() -> None:
    before = fds()
    line = Line(HOST, 80)
    fd, _ = line.take()
    line.close()
    line.give_back(fd)
    assert fds() == before


def test_where_it_leads() -> None:
    assert Line(Network("2001:db8::1", None), 8080).peer == (10, b"2001:db8::1", 8080)


def test_a_pod_that_is_gone_has_none() -> None:
    network = Network("192.0.2.1", os.open("/dev/null", os.O_RDONLY))
    network.close()
    with pytest.raises(ProbeError, match="socket: no such process"):
        Line(network, 80).take()
