"""A pod's names: host name, /etc/hosts, /etc/hostname, /etc/resolv.conf (kubelet-semantics 21)."""

from __future__ import annotations

from msgspec import Struct

from nsrunner.model.types import Pod
from nsrunner.sandbox import generated
from nsrunner.sandbox.spec import GeneratedFile
from nsrunner.supervisor.plan_types import CreateError, Node, PlanWarning

__all__ = ["Names", "files", "names"]

_HOSTNAME_MAX = 63
_FQDN_MAX = 64
"""Of the kernel: __NEW_UTS_LEN."""


class Names(Struct, frozen=True, kw_only=True):
    hostname: str
    """Short."""
    domain: str
    kernel: str
    """What uname(2) says: the host name, or with setHostnameAsFQDN the full name."""


def names(pod: Pod, node: Node) -> Names:
    """Raises CreateError when the full name is too long for the kernel."""
    spec = pod.spec
    if spec.host_network:
        return Names(hostname=node.facts.hostname, domain="", kernel=node.facts.hostname)
    if spec.hostname_override:
        return Names(hostname=spec.hostname_override, domain="", kernel=spec.hostname_override)
    hostname = (spec.hostname or pod.metadata.name)[:_HOSTNAME_MAX].rstrip("-.")
    domain = ""
    if spec.subdomain:
        domain = f"{spec.subdomain}.{pod.metadata.namespace}.svc.{node.cluster_domain}".rstrip(".")
    if not (spec.set_hostname_as_fqdn and domain):
        return Names(hostname=hostname, domain=domain, kernel=hostname)
    full = f"{hostname}.{domain}"
    if len(full) > _FQDN_MAX:
        raise CreateError(
            f"Failed to construct FQDN from pod hostname and cluster domain, FQDN {full} is too long "
            f"({_FQDN_MAX} characters is the max, {len(full)} characters requested)"
        )
    return Names(hostname=hostname, domain=domain, kernel=full)


def files(
    pod: Pod, node: Node, pod_names: Names, pod_ips: tuple[str, ...]
) -> tuple[tuple[GeneratedFile, ...], tuple[PlanWarning, ...]]:
    """The generated files and what there is to say about them. Raises CreateError for values that would break them."""
    spec = pod.spec
    try:
        hosts = generated.hosts_file(
            pod_ips=pod_ips,
            hostname=pod_names.hostname,
            domain=pod_names.domain,
            aliases=((alias.ip, alias.hostnames) for alias in spec.host_aliases),
            host_network=spec.host_network,
            host_file=node.facts.hosts,
        )
        resolver, warnings = _resolver(pod, node)
        resolv_conf = generated.apply_limits(resolver)
    except generated.ControlCharacter as error:
        raise CreateError(str(error)) from None
    warnings += (PlanWarning(reason="DNSConfigForming", message=text) for text in resolv_conf.warnings)
    return (
        GeneratedFile(name="hosts", target="/etc/hosts", content=hosts),
        GeneratedFile(name="hostname", target="/etc/hostname", content=generated.hostname_file(pod_names.kernel)),
        GeneratedFile(name="resolv.conf", target="/etc/resolv.conf", content=resolv_conf.content),
    ), tuple(warnings)


def _resolver(pod: Pod, node: Node) -> tuple[generated.Resolver, list[PlanWarning]]:
    spec, warnings = pod.spec, list[PlanWarning]()
    host = generated.parse_resolv_conf(node.facts.resolv_conf)
    match spec.dns_policy:
        case "None":
            resolver = generated.Resolver()
        case "ClusterFirst" if spec.host_network:
            resolver = host
        case "ClusterFirst" | "ClusterFirstWithHostNet" if node.cluster_dns:
            resolver = generated.cluster_resolver(
                host, dns=node.cluster_dns, domain=node.cluster_domain, namespace=pod.metadata.namespace
            )
        case policy:
            resolver = host
            if policy == "ClusterFirstWithHostNet":  # ClusterFirst is what every manifest says that says nothing
                warnings.append(
                    PlanWarning(
                        reason="MissingClusterDNS",
                        message=f'no cluster DNS is configured: cannot create a pod with "{policy}" policy. '
                        'Falling back to "Default" policy.',
                    )
                )
    if (config := spec.dns_config) is not None:
        resolver = generated.merge_dns_config(
            resolver,
            nameservers=config.nameservers,
            searches=config.searches,
            options=((option.name or "", option.value or "") for option in config.options),
        )
    return resolver, warnings
