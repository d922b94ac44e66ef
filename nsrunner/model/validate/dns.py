"""Names of the pod in the network: host names, aliases, DNS settings."""

from __future__ import annotations

from typing import Final

from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.types import PodSpec
from nsrunner.model.validate import names
from nsrunner.model.validate.metadata import check_names

__all__ = ["check_dns", "check_host_names"]

_POLICIES: Final = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
_MAX_NAMESERVERS: Final = 3
_MAX_SEARCHES: Final = 32
_MAX_SEARCH_CHARACTERS: Final = 2048
_MAX_HOST_NAME: Final = 64


def check_dns(spec: PodSpec, path: Path, report: Report) -> None:
    """``path`` is that of the spec."""
    if spec.dns_policy not in _POLICIES:
        report.unsupported_value(path / "dnsPolicy", spec.dns_policy, _POLICIES)
    config = spec.dns_config
    here = path / "dnsConfig"
    if spec.dns_policy == "None":
        if config is None:
            report.required(here, "must provide `dnsConfig` when `dnsPolicy` is None")
            return
        if not config.nameservers:
            report.required(here / "nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None")
            return
    if config is None:
        return
    if len(config.nameservers) > _MAX_NAMESERVERS:
        detail = f"must not have more than {_MAX_NAMESERVERS} nameservers"
        report.invalid(here / "nameservers", config.nameservers, detail)
    for index, server in enumerate(config.nameservers):
        check_names(names.ip_address, (here / "nameservers")[index], server, report)
    if len(config.searches) > _MAX_SEARCHES:
        detail = f"must not have more than {_MAX_SEARCHES} search paths"
        report.invalid(here / "searches", config.searches, detail)
    if len(" ".join(config.searches)) > _MAX_SEARCH_CHARACTERS:
        detail = f"must not have more than {_MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list"
        report.invalid(here / "searches", config.searches, detail)
    for index, search in enumerate(config.searches):
        if search != ".":
            # A trailing dot only says that the name is complete.
            name = search.removesuffix(".")
            check_names(names.dns_subdomain_relaxed, (here / "searches")[index], name, report, shown=search)
    for index, option in enumerate(config.options):
        if not option.name:
            report.required((here / "options")[index], "must not be empty")


def check_host_names(spec: PodSpec, path: Path, report: Report) -> None:
    for field, value in (("hostname", spec.hostname), ("subdomain", spec.subdomain)):
        if value:
            check_names(names.dns_label, path / field, value, report)
    _check_override(spec, path, report)
    for index, alias in enumerate(spec.host_aliases):
        here = (path / "hostAliases")[index]
        check_names(names.ip_address, here / "ip", alias.ip, report)
        for position, hostname in enumerate(alias.hostnames):
            check_names(names.dns_subdomain, (here / "hostnames")[position], hostname, report)


def _check_override(spec: PodSpec, path: Path, report: Report) -> None:
    override = spec.hostname_override
    if override is None:
        return
    here = path / "hostnameOverride"
    if spec.host_network:
        report.forbidden(here, "cannot be set when spec.hostNetwork is true")
    if spec.set_hostname_as_fqdn:
        report.forbidden(here, "cannot be set when spec.setHostnameAsFQDN is true")
    check_names(names.dns_subdomain, here, override, report)
    if len(override) > _MAX_HOST_NAME:
        report.invalid(here, override, f"must be no more than {_MAX_HOST_NAME} characters")
