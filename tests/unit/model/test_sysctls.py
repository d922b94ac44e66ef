from __future__ import annotations

import pytest

from nsrunner.model.sysctls import is_ipc, is_safe, with_dots


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
