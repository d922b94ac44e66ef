"""Facts about the host."""

from __future__ import annotations

import os

import pytest

from nsrunner.errors import HostError
from nsrunner.sandbox import host
from nsrunner.sandbox.host import gather, parse_capabilities, parse_kernel


@pytest.mark.parametrize(
    ("release", "expected"),
    [("6.1.0-18-amd64", (6, 1)), ("5.10", (5, 10)), ("6.18.44-x", (6, 18)), ("7.0-rc1", (7, 0)), ("odd", (0, 0))],
)
def test_kernel_versions(release: str, expected: tuple[int, int]) -> None:
    assert parse_kernel(release) == expected


def test_capabilities() -> None:
    assert parse_capabilities("Name:\tx\nCapPrm:\tff\nCapEff:\t000001ffffffffff\n") == (1 << 41) - 1
    assert parse_capabilities("") == 0


def test_this_host() -> None:
    facts = gather()
    assert facts.hostname == os.uname().nodename
    assert facts.kernel >= (5, 10)
    assert facts.memory > 0 and facts.cpus > 0
    assert facts.storage > 1 << 20
    assert facts.ips and all(facts.ips)
    assert {number for number, _, _ in facts.rlimits} == set(range(16))
    assert facts.uid == os.geteuid()
    assert not facts.cgroup or os.path.isdir(facts.cgroup)
    assert "/proc/kcore" in facts.masked_paths


def test_gathering_opens_nothing_for_good() -> None:
    before = len(os.listdir("/proc/self/fd"))
    gather()
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_read_bytes", lambda path: b"")
    with pytest.raises(HostError, match="/proc is not mounted"):
        gather()


def test_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_source_address", lambda family, target: "")
    assert gather().ips == ("127.0.0.1",)
