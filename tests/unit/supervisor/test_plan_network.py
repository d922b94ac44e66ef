"""A pod's names and its DNS."""

from __future__ import annotations

from typing import Any

import pytest

from nsrunner.sandbox.spec import Namespaces
from nsrunner.supervisor.plan_types import CreateError, SandboxPlan
from unit.supervisor.planning import facts, node, pod, sandbox


def test_host_namespaces() -> None:
    plan = sandbox(pod({"hostNetwork": True, "hostPID": True, "hostIPC": True}))
    assert plan.spec.namespaces == Namespaces(network="host", ipc="host", pid="host")
    assert (plan.spec.hostname, plan.spec.address, plan.spec.sysctls) == ("", "", ())
    assert plan.pod_ips == ("198.51.100.7",)
    assert plan.hostname == "node-a"
    hosts = {file.name: file.content for file in plan.spec.files}["hosts"]
    assert hosts == b"# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n"


@pytest.mark.parametrize(
    ("spec", "name", "hostname", "hosts_line"),
    [
        ({}, "web", "web", b"192.0.2.1\tweb\n"),
        ({"hostname": "db"}, "web", "db", b"192.0.2.1\tdb\n"),
        (
            {"hostname": "db", "subdomain": "sub"},
            "web",
            "db",
            b"192.0.2.1\tdb.sub.default.svc.cluster.local\tdb\n",
        ),
        (
            {"subdomain": "sub", "setHostnameAsFQDN": True},
            "web",
            "web.sub.default.svc.cluster.local",
            b"192.0.2.1\tweb.sub.default.svc.cluster.local\tweb\n",
        ),
        ({"hostnameOverride": "other.example.org"}, "web", "other.example.org", b"192.0.2.1\tother.example.org\n"),
        ({}, "a" * 62 + ".b", "a" * 62, b"192.0.2.1\t" + b"a" * 62 + b"\n"),
        ({}, "a" * 70, "a" * 63, b"192.0.2.1\t" + b"a" * 63 + b"\n"),
    ],
)
def test_host_names(spec: dict[str, Any], name: str, hostname: str, hosts_line: bytes) -> None:
    plan = sandbox(pod(spec, name=name))
    assert plan.spec.hostname == hostname
    hosts = {file.name: file.content for file in plan.spec.files}["hosts"]
    assert hosts.endswith(hosts_line)


def test_a_full_name_that_the_kernel_can_just_hold() -> None:
    tail = ".s.default.svc.cluster.local"
    spec = {"hostname": "h" * (64 - len(tail)), "subdomain": "s", "setHostnameAsFQDN": True}
    assert len(sandbox(pod(spec)).spec.hostname) == 64
    with pytest.raises(CreateError, match="65 characters requested"):
        sandbox(pod({**spec, "hostname": "h" * (65 - len(tail))}))


def test_a_full_name_that_the_kernel_cannot_hold() -> None:
    with pytest.raises(CreateError, match=r"is too long \(64 characters is the max, \d+ characters requested\)"):
        sandbox(pod({"subdomain": "s" * 40, "setHostnameAsFQDN": True}))


def resolv_conf(plan: SandboxPlan) -> bytes:
    return {file.name: file.content for file in plan.spec.files}["resolv.conf"]


@pytest.mark.parametrize(
    ("spec", "dns", "expected"),
    [
        ({}, (), b"search example.com\nnameserver 203.0.113.1\n"),
        ({"dnsPolicy": "Default"}, ("10.0.0.10",), b"search example.com\nnameserver 203.0.113.1\n"),
        (
            {},
            ("10.0.0.10",),
            (
                b"search default.svc.cluster.local svc.cluster.local cluster.local example.com\n"
                b"nameserver 10.0.0.10\noptions ndots:5\n"
            ),
        ),
        ({"hostNetwork": True}, ("10.0.0.10",), b"search example.com\nnameserver 203.0.113.1\n"),
        (
            {
                "dnsPolicy": "None",
                "dnsConfig": {
                    "nameservers": ["9.9.9.9"],
                    "searches": ["a.example"],
                    "options": [{"name": "edns0"}, {"name": "ndots", "value": "2"}],
                },
            },
            (),
            b"search a.example\nnameserver 9.9.9.9\noptions edns0 ndots:2\n",
        ),
        (
            {"dnsConfig": {"searches": ["a.example"], "options": [{"name": "ndots", "value": "1"}]}},
            ("10.0.0.10",),
            (
                b"search default.svc.cluster.local svc.cluster.local cluster.local example.com a.example\n"
                b"nameserver 10.0.0.10\noptions ndots:1\n"
            ),
        ),
    ],
)
def test_dns_policies(spec: dict[str, Any], dns: tuple[str, ...], expected: bytes) -> None:
    assert resolv_conf(sandbox(pod(spec), node(cluster_dns=dns))) == expected


def test_missing_cluster_dns_is_told_where_it_was_asked_for() -> None:
    plan = sandbox(pod({"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": True}))
    assert [warning.reason for warning in plan.warnings] == ["MissingClusterDNS"]


def test_too_many_name_servers_are_told() -> None:
    host = facts(resolv_conf=b"".join(b"nameserver 203.0.113.%d\n" % number for number in range(5)))
    plan = sandbox(pod({"dnsPolicy": "Default"}), node(host=host))
    assert [warning.reason for warning in plan.warnings] == ["DNSConfigForming"]
    assert resolv_conf(plan).count(b"nameserver") == 3
