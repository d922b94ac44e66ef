"""Which namespaces a container has, and with whom it shares them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from nsrunner import Pod
from real_pods import container, pod, start
from world_probe import Facts, exec_facts, facts, probe

NAMES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


def host() -> dict[str, str]:
    return {name: os.readlink(f"/proc/self/ns/{name}") for name in NAMES}


def same(first: dict[str, str], second: dict[str, str]) -> set[str]:
    return {name for name in NAMES if first[name] == second[name]}


@pytest.fixture
def two() -> Iterator[tuple[Pod, Facts, Facts]]:
    with start(pod(probe("a"), probe("b"))) as running:
        yield running, facts(running, "a"), facts(running, "b")


@pytest.mark.needs_cgroup2
def test_containers_share_net_ipc_and_uts_and_nothing_with_the_host(two: tuple[Pod, Facts, Facts]) -> None:
    running, a, b = two
    assert same(a.namespaces, b.namespaces) == {"net", "ipc", "uts", "user"}
    assert same(a.namespaces, host()) == same(b.namespaces, host()) == {"user"}
    # what exec starts is in all of its container's; its facts are otherwise those of the first process
    assert exec_facts(running, "a").namespaces == a.namespaces
    assert exec_facts(running, "b").namespaces == b.namespaces
    assert a["session"] == b["session"] == ["1 0"]  # PID 1 leads its session, and has no terminal
    # the cgroup namespace's root is the container's own cgroup
    assert [line for line in a["cgroup"] if line.startswith("0::")] == ["0::/"]


def test_a_shared_pid_namespace_has_pause_as_its_first_process() -> None:
    with start(pod(probe("a"), probe("b"), shareProcessNamespace=True)) as running:
        a, b = facts(running, "a"), facts(running, "b")
        assert same(a.namespaces, b.namespaces) == {"net", "ipc", "uts", "pid", "user"}
        assert same(a.namespaces, host()) == {"user"}
        assert running.exec("b", ["cat", "/proc/1/comm"]).stdout == b"pause\n"
        # nothing of pause's can be read: it is not dumpable, and its environment is empty
        seen = running.exec("b", ["sh", "-c", "cat /proc/1/environ; ls -l /proc/1/exe /proc/1/fd /proc/1/root"])
        assert (b" -> " in seen.stdout, seen.exit_code != 0) == (False, True)
        assert exec_facts(running, "a").namespaces == a.namespaces


@pytest.mark.parametrize(
    ("field", "shared"),
    [("hostNetwork", {"net", "uts"}), ("hostPID", {"pid"}), ("hostIPC", {"ipc"})],
)
def test_namespaces_of_the_host(field: str, shared: set[str]) -> None:
    with start(pod(probe("a"), probe("b"), **dict[str, Any]({field: True}))) as running:
        a, b = facts(running, "a"), facts(running, "b")
        assert same(a.namespaces, host()) == same(b.namespaces, host()) == {"user", *shared}
        assert same(a.namespaces, b.namespaces) == {"net", "ipc", "uts", "user", *shared}
        assert exec_facts(running, "a").namespaces == a.namespaces
        if field == "hostNetwork":
            assert a["uname"] == [os.uname().nodename]
            links = running.exec("a", ["ls", "/sys/class/net"]).stdout.decode().split()
            assert set(links) == set(os.listdir("/sys/class/net"))
        if field == "hostIPC":
            there = os.stat(f"/proc/{running.pid('a')}/root/dev/shm")
            assert there.st_dev == os.stat("/dev/shm").st_dev


CONNECT = """
use IO::Socket::INET;
my ($host, $port) = @ARGV;
my $s = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 2);
print $s ? "connected\\n" : "$!\\n";
"""


def test_the_network_is_loopback_and_an_address_that_leads_nowhere() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        start(pod(container("a"), container("b"))) as running,
    ):
        running.wait("Ready", timeout=20)
        port = str(listener.getsockname()[1])
        lines = running.exec("a", ["sh", "-c", "ip -o address || cat /proc/net/fib_trie"]).stdout.decode()
        assert "127.0.0.1" in lines and "192.0.2.1" in lines
        assert running.ip == "192.0.2.1"
        for address, answer in (
            ("127.0.0.1", "Connection refused\n"),  # the host listens there
            ("192.0.2.1", "Connection refused\n"),  # the pod itself, where nothing listens
            ("198.51.100.7", "Network is unreachable\n"),
        ):
            assert running.exec("a", ["perl", "-e", CONNECT, address, port]).stdout.decode() == answer, address
        # what one container binds to the pod's address, the other reaches
        script = """
            use IO::Socket::INET;
            my $l = IO::Socket::INET->new(LocalAddr => "192.0.2.1:80", Listen => 1) or die $!;
            my $s = IO::Socket::INET->new(PeerAddr => "192.0.2.1:80") or die $!;
            print "bound and connected\\n";
        """
        assert running.exec("b", ["perl", "-e", script]).stdout == b"bound and connected\n"


def test_system_v_and_posix_ipc_are_the_pods_own() -> None:
    make = "print msgget(4242, 01600) // die $!"
    find = "print defined(msgget(4242, 0)) ? 'found' : $!"
    with start(pod(container("a"), container("b"))) as running, start(pod(name="other")) as other:
        running.wait("Ready", timeout=20)
        other.wait("Ready", timeout=20)
        assert running.exec("a", ["perl", "-e", make]).ok
        assert running.exec("b", ["perl", "-e", find]).stdout == b"found"
        assert other.exec("main", ["perl", "-e", find]).stdout == b"No such file or directory"
        assert running.exec("a", ["sh", "-c", "echo one > /dev/shm/file; : > /dev/mqueue/queue"]).ok
        assert running.exec("b", ["sh", "-c", "cat /dev/shm/file; ls /dev/mqueue"]).stdout == b"one\nqueue\n"
        assert other.exec("main", ["sh", "-c", "ls /dev/shm /dev/mqueue | grep -c ."]).stdout == b"2\n"  # the headings
