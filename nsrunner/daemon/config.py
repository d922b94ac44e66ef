"""The daemon's configuration file, /etc/nsrunner/config.yaml: KubeletConfiguration's names wherever it has one."""

from __future__ import annotations

import ipaddress
import os
from typing import ClassVar, Final

from nsrunner.errors import FieldError, ManifestError
from nsrunner.model.decode import decode, type_name
from nsrunner.model.path import ROOT
from nsrunner.model.quantity import Quantity
from nsrunner.model.report import Report
from nsrunner.model.source import read_documents
from nsrunner.model.sysctls import pattern_problem
from nsrunner.model.types.base import Duration, Int32, Struct
from nsrunner.model.validate import names

__all__ = ["DEFAULT_PATH", "LOG_LEVELS", "Config", "CrashLoopBackOff", "load_config"]

DEFAULT_PATH: Final = "/etc/nsrunner/config.yaml"
LOG_LEVELS: Final = ("debug", "error", "info", "warning")
_HEADER: Final = frozenset({"apiVersion", "kind"})


class CrashLoopBackOff(Struct, frozen=True, kw_only=True):
    max_container_restart_period: Duration = Duration(300.0)
    """1 to 300 seconds."""


class Config(Struct, frozen=True, kw_only=True):
    """All of it has defaults; a file that is not there is an empty one."""

    API_VERSION: ClassVar[str] = "nsrunner.dev/v1"
    KIND: ClassVar[str] = "DaemonConfiguration"

    static_pod_path: str = ""
    """A directory of manifests, or one manifest; empty: none."""
    static_pod_url: str = ""
    static_pod_url_header: dict[str, tuple[str, ...]] = {}
    file_check_frequency: Duration = Duration(20.0)
    http_check_frequency: Duration = Duration(20.0)
    listen: str = ""
    """``ADDRESS:PORT`` for TLS clients beside the unix socket; empty: none."""
    service_account_access: str = "none"
    """What the token of a service account lets a pod do: ``none`` (discovery alone), ``view`` (read all but secrets in
    its own namespace), ``admin`` (everything: such a pod is root here)."""
    hostname_override: str = ""
    """The node's name; empty: the host's, in lower case."""
    image_fallback: str = ""
    """``host``: an image that is not there runs on the host's root instead of failing."""
    pod_network: str = "none"
    """``none``: pods have an address that leads nowhere."""
    pod_address: str = "192.0.2.1/32"
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = "cluster.local"
    container_log_max_size: Quantity = Quantity("10Mi")
    container_log_max_files: Int32 = 5
    crash_loop_back_off: CrashLoopBackOff = CrashLoopBackOff()
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    seccomp_default: bool = True
    node_status_update_frequency: Duration = Duration(10.0)
    """How often memory, disk and processes are looked at."""
    node_status_report_frequency: Duration = Duration(300.0)
    """The Node's heartbeat, when nothing changes."""
    shutdown_grace_period: Duration = Duration(0.0)
    """For all pods, when the machine goes down; 0: they are left to the shutdown."""
    shutdown_grace_period_critical_pods: Duration = Duration(0.0)
    """The last part of it, kept for static pods and those of a system-...-critical priority class."""
    shutdown_detection: str = "systemd"
    """How the daemon knows at TERM that the machine goes down: ``systemd`` (which is asked), ``term`` (always)."""
    log_level: str = "info"


def load_config(path: str = "", *, static_pod_path: str = "", static_pod_url: str = "") -> Config:
    """The configuration of a file; the default one may be missing. What else is given counts instead of the file's.
    Raises ManifestError with all that is wrong, OSError."""
    overrides = {
        "staticPodPath": os.path.abspath(static_pod_path) if static_pod_path else "",
        "staticPodURL": static_pod_url,
    }
    given: dict[str, object] = {name: value for name, value in overrides.items() if value}
    try:
        with open(path or DEFAULT_PATH, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        if path:
            raise
        data = b""
    said = any(line.strip() and not line.lstrip().startswith(b"#") for line in data.splitlines())
    documents = read_documents(data) if said else ()
    errors: tuple[FieldError, ...] = ()
    config, value = Config(), documents[0].value if documents else {}
    if documents and (error := documents[0].error) is not None:
        errors = (error.field_error(),)
    elif len(documents) > 1:
        errors = (FieldError("", "Too many", detail="one document is expected"),)
    elif not isinstance(value, dict):
        errors = (FieldError("", "Invalid value", detail=f"expected object, got {type_name(value)}"),)
    else:
        config, errors = _decoded({**value, **given})
    if errors:
        raise ManifestError(errors, source=path or DEFAULT_PATH, kind=Config.KIND)
    return config


def _decoded(value: dict[str, object]) -> tuple[Config, tuple[FieldError, ...]]:
    report = Report()
    version, kind = value.get("apiVersion", Config.API_VERSION), value.get("kind", Config.KIND)
    if (version, kind) != (Config.API_VERSION, Config.KIND):
        report.unsupported_value(ROOT / "kind", f"{version} {kind}", (f"{Config.API_VERSION} {Config.KIND}",))
    config = decode(Config, value, ROOT, report, skip=_HEADER)
    _check(config, report)
    return config, report.close()


def _check(config: Config, report: Report) -> None:
    if config.image_fallback not in ("", "host"):
        report.unsupported_value(ROOT / "imageFallback", config.image_fallback, ("host",))
    for name, word, words in (
        ("serviceAccountAccess", config.service_account_access, ("admin", "none", "view")),
        ("shutdownDetection", config.shutdown_detection, ("systemd", "term")),
        ("logLevel", config.log_level, LOG_LEVELS),
    ):
        if word not in words:
            report.unsupported_value(ROOT / name, word, words)
    whole, critical = config.shutdown_grace_period, config.shutdown_grace_period_critical_pods
    if not 0 <= whole <= 86400:
        report.invalid(ROOT / "shutdownGracePeriod", whole, "must be between 0 and 86400 seconds, inclusive")
    if not 0 <= critical <= whole:
        path = ROOT / "shutdownGracePeriodCriticalPods"
        report.invalid(path, critical, "must not be negative or above shutdownGracePeriod")
    if config.pod_network != "none":
        report.unsupported_value(ROOT / "podNetwork", config.pod_network, ("none",))
    if config.container_log_max_files < 2:
        report.invalid(ROOT / "containerLogMaxFiles", config.container_log_max_files, "must be 2 or more")
    period = config.crash_loop_back_off.max_container_restart_period
    if not 1 <= period <= 300:
        path = ROOT / "crashLoopBackOff" / "maxContainerRestartPeriod"
        report.invalid(path, period, "must be between 1 and 300 seconds, inclusive")
    for name, seconds in (
        ("fileCheckFrequency", config.file_check_frequency),
        ("httpCheckFrequency", config.http_check_frequency),
        ("nodeStatusUpdateFrequency", config.node_status_update_frequency),
        ("nodeStatusReportFrequency", config.node_status_report_frequency),
    ):
        if not 1 <= seconds <= 86400:
            report.invalid(ROOT / name, seconds, "must be between 1 and 86400 seconds, inclusive")
    if config.container_log_max_size.value < 1:
        report.invalid(ROOT / "containerLogMaxSize", config.container_log_max_size, "must be positive")
    if config.static_pod_url and not config.static_pod_url.startswith(("http://", "https://")):
        report.invalid(ROOT / "staticPodURL", config.static_pod_url, "must be an http:// or https:// URL")
    try:
        ipaddress.ip_interface(config.pod_address)
    except ValueError:
        report.invalid(ROOT / "podAddress", config.pod_address, "must be ADDRESS/PREFIX, such as 192.0.2.1/32")
    for index, address in enumerate(config.cluster_dns):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            report.invalid((ROOT / "clusterDNS")[index], address, "must be an IP address")
    for problem in names.dns_subdomain(config.hostname_override) if config.hostname_override else ():
        report.invalid(ROOT / "hostnameOverride", config.hostname_override, problem)
    if config.static_pod_path and not os.path.isabs(config.static_pod_path):
        report.invalid(ROOT / "staticPodPath", config.static_pod_path, "must be an absolute path")
    for index, pattern in enumerate(config.allowed_unsafe_sysctls):
        if problem := pattern_problem(pattern):
            report.invalid((ROOT / "allowedUnsafeSysctls")[index], pattern, problem)
    if config.listen and not _is_listen(config.listen):
        report.invalid(ROOT / "listen", config.listen, "must be ADDRESS:PORT, such as 127.0.0.1:6550")


def _is_listen(text: str) -> bool:
    address, _, port = text.rpartition(":")
    bracketed = address.startswith("[") and address.endswith("]")
    try:
        version = ipaddress.ip_address(address[1:-1] if bracketed else address).version
        named = version == (6 if bracketed else 4)
    except ValueError:
        named = not bracketed and not names.dns_subdomain(address)
    return named and port.isascii() and port.isdigit() and 0 < int(port) < 65536
