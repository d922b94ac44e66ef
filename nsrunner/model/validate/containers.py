"""Containers of all kinds (``validateContainers``, ``validateInitContainers`` and what they call)."""

from __future__ import annotations

from typing import Final

from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.types import AnyContainer, Container, ContainerPort, PodSpec
from nsrunner.model.validate import names
from nsrunner.model.validate.env import check_env
from nsrunner.model.validate.metadata import check_names
from nsrunner.model.validate.mounts import check_mounts
from nsrunner.model.validate.probes import check_lifecycle, check_probes
from nsrunner.model.validate.resources import check_container_resources, check_resize_policy
from nsrunner.model.validate.security import check_container_security

__all__ = ["check_common", "check_containers"]

_RESTART_POLICIES: Final = ("Always", "Never", "OnFailure")
_RULE_ACTIONS: Final = ("Restart", "RestartAllContainers")
_MAX_RULES: Final = 20
_MAX_EXIT_CODES: Final = 255
_INIT_ONLY: Final = "may not be set for init containers without restartPolicy=Always"


def check_containers(spec: PodSpec, path: Path, report: Report) -> None:
    """All containers of the pod; ``path`` is that of its spec."""
    if not spec.containers:
        report.required(path / "containers")
    seen: set[str] = set()
    host_ports: set[tuple[str, str, int]] = set()
    for index, container in enumerate(spec.containers):
        here = (path / "containers")[index]
        check_common(container, spec, seen, here, report)
        _check_host_ports(container.ports, host_ports, here / "ports", report)
        check_lifecycle(container, here / "lifecycle", report, spec)
        check_probes(container, here, report, spec)
        if spec.host_network:
            _check_host_network_ports(container.ports, here / "ports", report)
    for index, container in enumerate(spec.init_containers):
        here = (path / "initContainers")[index]
        check_common(container, spec, seen, here, report)
        _check_host_ports(container.ports, set(), here / "ports", report)
        _check_init(container, spec, here, report)
    if spec.ephemeral_containers:
        report.forbidden(path / "ephemeralContainers", "cannot be set on create")


def check_common(container: AnyContainer, spec: PodSpec, seen: set[str], path: Path, report: Report) -> None:
    """What containers of all kinds have. ``seen`` are the names of the others; this one's is added."""
    if not container.name:
        report.required(path / "name")
    else:
        check_names(names.dns_label, path / "name", container.name, report)
        if container.name in seen:
            report.duplicate(path / "name", container.name)
        seen.add(container.name)
    if not container.image:
        report.required(path / "image")
    elif container.image.strip() != container.image:
        report.invalid(path / "image", container.image, "must not have leading or trailing whitespace")
    for field, value, supported in (
        ("terminationMessagePolicy", container.termination_message_policy, ("FallbackToLogsOnError", "File")),
        ("imagePullPolicy", container.image_pull_policy, ("Always", "IfNotPresent", "Never")),
    ):
        if value not in supported:
            report.unsupported_value(path / field, value, supported)
    _check_ports(container.ports, path / "ports", report)
    check_env(container, spec.volumes, path, report)
    check_mounts(container, spec.volumes, path, report)
    check_container_resources(container.resources, spec.resource_claims, path / "resources", report)
    check_resize_policy(container, spec.restart_policy, path / "resizePolicy", report)
    check_container_security(container, spec, path / "securityContext", report)
    _check_restart(container, path, report)


def _check_ports(ports: tuple[ContainerPort, ...], path: Path, report: Report) -> None:
    seen: set[str] = set()
    for index, port in enumerate(ports):
        here = path[index]
        if port.name:
            check_names(names.port_name, here / "name", port.name, report)
            if port.name in seen:
                report.duplicate(here / "name", port.name)
            seen.add(port.name)
        if port.container_port == 0:
            report.required(here / "containerPort")
        else:
            for message in names.port_number(port.container_port):
                report.invalid(here / "containerPort", port.container_port, message)
        if port.host_port != 0:
            for message in names.port_number(port.host_port):
                report.invalid(here / "hostPort", port.host_port, message)
        if port.protocol not in ("SCTP", "TCP", "UDP"):
            report.unsupported_value(here / "protocol", port.protocol, ("SCTP", "TCP", "UDP"))
        if port.host_ip:
            check_names(names.ip_address, here / "hostIP", port.host_ip, report)


def _check_host_ports(
    ports: tuple[ContainerPort, ...], taken: set[tuple[str, str, int]], path: Path, report: Report
) -> None:
    for index, port in enumerate(ports):
        if port.host_port == 0:
            continue
        key = (port.protocol, port.host_ip or "", port.host_port)
        if key in taken:
            report.duplicate(path[index] / "hostPort", f"{port.protocol}/{port.host_ip or ''}/{port.host_port}")
        taken.add(key)


def _check_host_network_ports(ports: tuple[ContainerPort, ...], path: Path, report: Report) -> None:
    for index, port in enumerate(ports):
        if port.host_port != port.container_port:
            detail = "must match `hostPort` when `hostNetwork` is true"
            report.invalid(path[index] / "containerPort", port.container_port, detail)


def _check_restart(container: AnyContainer, path: Path, report: Report) -> None:
    policy, rules = container.restart_policy, container.restart_policy_rules
    here = path / "restartPolicy"
    if policy is not None and policy not in _RESTART_POLICIES:
        report.unsupported_value(here, policy, _RESTART_POLICIES)
    if not rules:
        return
    if policy is None:
        report.required(here, "must specify restartPolicy when restart rules are used")
    if len(rules) > _MAX_RULES:
        report.too_many(path / "restartPolicyRules", len(rules), _MAX_RULES)
    for index, rule in enumerate(rules):
        item = (path / "restartPolicyRules")[index]
        if rule.action not in _RULE_ACTIONS:
            report.unsupported_value(item / "action", rule.action, _RULE_ACTIONS)
        if rule.exit_codes is None:
            report.required(item / "exitCodes", "must be specified")
            continue
        if rule.exit_codes.operator not in ("In", "NotIn"):
            report.unsupported_value(item / "exitCodes" / "operator", rule.exit_codes.operator, ("In", "NotIn"))
        if len(rule.exit_codes.values) > _MAX_EXIT_CODES:
            report.too_many(item / "exitCodes" / "values", len(rule.exit_codes.values), _MAX_EXIT_CODES)


def _check_init(container: Container, spec: PodSpec, path: Path, report: Report) -> None:
    """Hooks and probes belong to sidecars only; a sidecar is checked like a regular container."""
    if container.restart_policy == "Always":
        check_lifecycle(container, path / "lifecycle", report, spec)
        check_probes(container, path, report, spec)
        return
    for field, value in (
        ("lifecycle", container.lifecycle),
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if value is not None:
            report.forbidden(path / field, _INIT_ONLY)
    for index, policy in enumerate(container.resize_policy):
        if policy.restart_policy == "RestartContainer":
            report.unsupported_value(
                (path / "resizePolicy")[index] / "restartPolicy", "RestartContainer", ("NotRequired",)
            )
