"""/etc/hosts, /etc/hostname and /etc/resolv.conf."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.sandbox.generated import (
    ControlCharacter,
    Resolver,
    apply_limits,
    check_line,
    cluster_resolver,
    hostname_file,
    hosts_file,
    merge_dns_config,
    parse_resolv_conf,
)

HOSTS = b"""\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""


def test_hostname() -> None:
    assert hostname_file("web") == b"web\n"


def test_hosts_of_a_pod() -> None:
    assert hosts_file(pod_ips=["10.0.0.1"], hostname="web") == HOSTS + b"10.0.0.1\tweb\n"
    both = hosts_file(pod_ips=["10.0.0.1", "fd00::1"], hostname="web", domain="sub.ns.svc.cluster.local")
    assert both == HOSTS + (
        b"10.0.0.1\tweb.sub.ns.svc.cluster.local\tweb\nfd00::1\tweb.sub.ns.svc.cluster.local\tweb\n"
    )


def test_host_aliases() -> None:
    text = hosts_file(pod_ips=["10.0.0.1"], hostname="web", aliases=[("1.2.3.4", ["a", "b"]), ("::5", ["c"])])
    assert text == HOSTS + b"10.0.0.1\tweb\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n::5\tc\n"


def test_hosts_of_the_host() -> None:
    text = hosts_file(pod_ips=["10.0.0.1"], hostname="web", host_network=True, host_file=b"1.1.1.1 x\n")
    assert text == b"# Kubernetes-managed hosts file (host network).\n1.1.1.1 x\n"


@pytest.mark.parametrize(
    "alias", [("1.2.3.4\n6.6.6.6", ["a"]), ("1.2.3.4", ["a\n6.6.6.6\tbank"]), ("1.2.3.4", ["a b"])]
)
def test_no_line_can_be_smuggled_in(alias: tuple[str, list[str]]) -> None:
    with pytest.raises(ControlCharacter):
        hosts_file(pod_ips=[], hostname="web", aliases=[alias])


@given(st.text(max_size=20))
def test_a_checked_value_stays_on_its_line(value: str) -> None:
    try:
        check_line(value, "value")
    except ControlCharacter:
        return
    assert len(f"a {value}".encode().split()) <= 2 + value.count("\x85") or not value.isascii()
    assert "\n" not in value and "\r" not in value and "\0" not in value


def test_parsing_a_node_s_file() -> None:
    data = b"""\
# nameserver 9.9.9.9
nameserver 1.1.1.1
; comment
nameserver\t8.8.8.8  trailing
domain ignored.example
search first.example
search second.example. . third.example
options ndots:2 timeout:1
options ndots:5 edns0
nameserver
sortlist 1.2.3.4
"""
    assert parse_resolv_conf(data) == Resolver(
        nameservers=("1.1.1.1", "8.8.8.8"),
        searches=("second.example", "third.example"),
        options=("ndots:5", "timeout:1", "edns0"),
    )


@given(st.binary(max_size=200))
def test_any_node_s_file_parses(data: bytes) -> None:
    parse_resolv_conf(data)


def test_cluster_first() -> None:
    node = Resolver(nameservers=("1.1.1.1",), searches=("example.com", "svc.c.local"), options=("rotate",))
    assert cluster_resolver(node, dns=["10.0.0.10"], domain="c.local", namespace="ns") == Resolver(
        nameservers=("10.0.0.10",),
        searches=("ns.svc.c.local", "svc.c.local", "c.local", "example.com"),
        options=("ndots:5",),
    )
    assert cluster_resolver(node, dns=["10.0.0.10"], domain="", namespace="ns").searches == node.searches


def test_dns_config_appends_and_its_options_win() -> None:
    base = Resolver(nameservers=("1.1.1.1",), searches=("a",), options=("ndots:5", "edns0"))
    assert merge_dns_config(
        base, nameservers=["1.1.1.1", "2.2.2.2"], searches=["b", "a"], options=[("ndots", "2"), ("rotate", "")]
    ) == Resolver(nameservers=("1.1.1.1", "2.2.2.2"), searches=("a", "b"), options=("ndots:2", "edns0", "rotate"))


def test_order_of_lines() -> None:
    resolver = Resolver(nameservers=("1.1.1.1", "2.2.2.2"), searches=("a", "b"), options=("x", "y:1"))
    assert apply_limits(resolver).content == b"search a b\nnameserver 1.1.1.1\nnameserver 2.2.2.2\noptions x y:1\n"
    assert apply_limits(Resolver()).content == b""


@pytest.mark.parametrize("value", ["a b", "a\tb", "a\nb", "a\x7f", "\0", "\x1f"])
def test_what_could_end_a_word_or_a_line(value: str) -> None:
    with pytest.raises(ControlCharacter):
        check_line(value, "value")


def test_what_could_not() -> None:
    assert check_line("!~\x80é", "value") == "!~\x80é"


def test_just_within_the_limits() -> None:
    searches = ["x" * 253, *("y" * 100 for _ in range(17)), "z" * 77]
    assert len(" ".join(searches)) == 2048
    found = apply_limits(Resolver(nameservers=("1", "2", "3"), searches=tuple(searches)))
    assert found.warnings == ()
    assert found.content.split(b"\n")[0].decode().split()[1:] == searches
    more = apply_limits(Resolver(searches=(*searches[:-1], "z" * 78)))
    assert more.content.decode().split()[1:] == searches[:-1]  # no more goes than has to
    assert len(more.warnings) == 1


def test_limits() -> None:
    found = apply_limits(Resolver(nameservers=("1", "2", "3", "4"), searches=tuple(f"s{n}" for n in range(40))))
    assert found.content.count(b"nameserver") == 3
    assert len(found.content.split(b"\n")[0].split()) == 33
    assert found.warnings == (
        "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 1 2 3",
        "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: "
        + " ".join(f"s{n}" for n in range(32)),
    )
    long = apply_limits(Resolver(searches=("x" * 254, "ok")))
    assert long.content == b"search ok\n" and len(long.warnings) == 1
    total = apply_limits(Resolver(searches=tuple("x" * 240 + str(n) for n in range(10))))
    assert len(total.content) <= len("search \n") + 2048


@pytest.mark.parametrize(
    "resolver",
    [Resolver(nameservers=("1\n2",)), Resolver(searches=("a b",)), Resolver(options=("a\tb",))],
)
def test_resolv_conf_cannot_be_broken_either(resolver: Resolver) -> None:
    with pytest.raises(ControlCharacter):
        apply_limits(resolver)
