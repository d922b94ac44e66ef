"""The files that every pod gets: /etc/hosts, /etc/hostname, /etc/resolv.conf. Pure (kubelet-semantics 21).

Values that reach these files come from a manifest: whatever could start a new line or a new field in them is refused by
:func:`check_line` before it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

__all__ = [
    "ControlCharacter",
    "ResolvConf",
    "Resolver",
    "apply_limits",
    "check_line",
    "cluster_resolver",
    "hostname_file",
    "hosts_file",
    "merge_dns_config",
    "parse_resolv_conf",
]

_HOSTS: Final = """\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""

MAX_NAMESERVERS: Final = 3
MAX_SEARCHES: Final = 32
MAX_SEARCH: Final = 253
MAX_SEARCHES_LENGTH: Final = 2048


class ControlCharacter(ValueError):
    """A value that would not stay on its line of a generated file."""


def check_line(value: str, what: str) -> str:
    """The value itself. Raises ControlCharacter."""
    if any(ord(character) < 0x21 or ord(character) == 0x7F for character in value):
        raise ControlCharacter(f"{what} {value!r}: must not contain blanks or control characters")
    return value


def hostname_file(hostname: str) -> bytes:
    return f"{hostname}\n".encode()


# --- /etc/hosts -------------------------------------------------------------------------------------------------------


def hosts_file(
    *,
    pod_ips: Sequence[str],
    hostname: str,
    domain: str = "",
    aliases: Iterable[tuple[str, Sequence[str]]] = (),
    host_network: bool = False,
    host_file: bytes = b"",
) -> bytes:
    """``aliases`` are (IP, hostnames); ``host_file`` is the node's own file, used with the host's network.
    Raises ControlCharacter."""
    if host_network:
        text = b"# Kubernetes-managed hosts file (host network).\n" + host_file
    else:
        lines = [_HOSTS]
        for ip in pod_ips:
            names = f"{hostname}.{domain}\t{hostname}" if domain else hostname
            lines.append(f"{ip}\t{names}\n")
        text = "".join(lines).encode()
    entries = [
        "\t".join((check_line(ip, "hostAliases ip"), *(check_line(name, "hostAliases hostname") for name in names)))
        for ip, names in aliases
    ]
    if entries:
        text += ("\n# Entries added by HostAliases.\n" + "".join(f"{entry}\n" for entry in entries)).encode()
    return text


# --- /etc/resolv.conf -------------------------------------------------------------------------------------------------


class Resolver(Struct, frozen=True, kw_only=True):
    """What a resolv.conf says."""

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class ResolvConf(Struct, frozen=True, kw_only=True):
    content: bytes
    warnings: tuple[str, ...] = ()
    """Messages of DNSConfigForming events: what was left out."""


def parse_resolv_conf(data: bytes) -> Resolver:
    """The node's file: name servers add up, the last search line counts, the last value of an option counts."""
    nameservers: list[str] = []
    searches: tuple[str, ...] = ()
    options: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        words = line.split()
        if not words or words[0].startswith(("#", ";")):
            continue
        match words[0]:
            case "nameserver" if len(words) > 1:
                nameservers.append(words[1])
            case "search":
                stripped = (word if word == "." else word.removesuffix(".") for word in words[1:])
                searches = tuple(word for word in stripped if word != ".")
            case "options":
                options.update((word.partition(":")[0], word) for word in words[1:])
    return Resolver(nameservers=tuple(nameservers), searches=searches, options=tuple(options.values()))


def cluster_resolver(node: Resolver, *, dns: Sequence[str], domain: str, namespace: str) -> Resolver:
    """dnsPolicy ClusterFirst: the cluster's name servers, its search domains before the node's."""
    searches = (f"{namespace}.svc.{domain}", f"svc.{domain}", domain) if domain else ()
    return Resolver(
        nameservers=tuple(dns),
        searches=_unique((*searches, *node.searches)),
        options=("ndots:5",),
    )


def merge_dns_config(
    base: Resolver,
    *,
    nameservers: Sequence[str],
    searches: Sequence[str],
    options: Iterable[tuple[str, str]],
) -> Resolver:
    """spec.dnsConfig on top: it appends, and its options win. ``options`` are (name, value); an empty value is none."""
    merged = {option.partition(":")[0]: option for option in base.options}
    merged.update((name, f"{name}:{value}" if value else name) for name, value in options)
    return Resolver(
        nameservers=_unique((*base.nameservers, *nameservers)),
        searches=_unique((*base.searches, *searches)),
        options=tuple(merged.values()),
    )


def apply_limits(resolver: Resolver) -> ResolvConf:
    """The file, cut to what resolvers bear. Raises ControlCharacter."""
    warnings: list[str] = []
    nameservers, searches = resolver.nameservers, resolver.searches
    if len(nameservers) > MAX_NAMESERVERS:
        nameservers = nameservers[:MAX_NAMESERVERS]
        warnings.append(
            "Nameserver limits were exceeded, some nameservers have been omitted, "
            f"the applied nameserver line is: {' '.join(nameservers)}"
        )
    kept = tuple(search for search in searches if len(search) <= MAX_SEARCH)[:MAX_SEARCHES]
    while len(" ".join(kept)) > MAX_SEARCHES_LENGTH:
        kept = kept[:-1]
    if kept != searches:
        warnings.append(
            "Search Line limits were exceeded, some search paths have been omitted, "
            f"the applied search line is: {' '.join(kept)}"
        )
    lines = []
    if kept:
        lines.append("search " + " ".join(check_line(search, "DNS search path") for search in kept))
    lines += (f"nameserver {check_line(server, 'name server')}" for server in nameservers)
    if resolver.options:
        lines.append("options " + " ".join(check_line(option, "DNS option") for option in resolver.options))
    return ResolvConf(content="".join(f"{line}\n" for line in lines).encode(), warnings=tuple(warnings))


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
