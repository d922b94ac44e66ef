from __future__ import annotations

import pytest

from nsrunner.model.sysctls import is_allowed, is_ipc, is_safe, pattern_problem, with_dots


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("net.ipv4.ip_forward", "net.ipv4.ip_forward"),
        ("net/ipv4/ip_forward", "net.ipv4.ip_forward"),
        ("net/ipv4/conf/eth0.100/forwarding", "net.ipv4.conf.eth0/100.forwarding"),
        ("net.ipv4.conf.eth0/100.forwarding", "net.ipv4.conf.eth0/100.forwarding"),
        ("kernel", "kernel"),
    ],
)
def test_with_dots(name: str, expected: str) -> None:
    assert with_dots(name) == expected


def test_safe_ones() -> None:
    assert is_safe("net.ipv4.tcp_syncookies")
    assert not is_safe("net.ipv4.ip_forward")
    assert not is_safe("kernel.msgmax")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kernel.shmmax", True),
        ("kernel.msgmax", True),
        ("kernel.sem", True),
        ("fs.mqueue.msg_max", True),
        ("kernel.semaphore", False),
        ("net.core.somaxconn", False),
    ],
)
def test_ipc_ones(name: str, expected: bool) -> None:
    assert is_ipc(name) is expected


@pytest.mark.parametrize(
    ("name", "patterns", "expected"),
    [
        ("net.ipv4.tcp_syncookies", (), True),
        ("net.core.somaxconn", (), False),
        ("net.core.somaxconn", ("kernel.sem", "net.core.somaxconn"), True),
        ("net.core.somaxconn", ("net.core.*",), True),
        ("net.core.somaxconn", ("net/core/*",), True),
        ("net.core.somaxconn", ("net.core",), False),
        ("net.core.somaxconn", ("net.corex*", "net.core.somaxconn.*"), False),
        ("kernel.msgmax", ("kernel.msg*",), True),
    ],
)
def test_allowed_ones(name: str, patterns: tuple[str, ...], expected: bool) -> None:
    assert is_allowed(name, patterns) is expected


@pytest.mark.parametrize(
    "pattern", ["kernel.msg*", "kernel.shm_rmid_forced", "kernel.sem", "net.*", "net/core/somaxconn", "fs.mqueue.*"]
)
def test_patterns(pattern: str) -> None:
    assert pattern_problem(pattern) == ""


@pytest.mark.parametrize(
    "pattern", ["", "*.somaxconn", "net.*.x", "net..x", "Net.core", "net.core.x ", "net." + "x" * 250]
)
def test_what_is_no_pattern(pattern: str) -> None:
    assert pattern_problem(pattern).startswith("must be the name of a sysctl")


@pytest.mark.parametrize("pattern", ["*", "kernel.*", "kernel.core_pattern", "vm.swappiness", "net*", "fs.mqueue*"])
def test_what_would_be_the_hosts_own(pattern: str) -> None:
    assert pattern_problem(pattern).startswith("not known to be namespaced")
