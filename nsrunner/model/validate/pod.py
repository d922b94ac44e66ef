"""A pod as a whole (``ValidatePodCreate``, ``ValidatePodSpec``)."""

from __future__ import annotations

from typing import Final

from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.types import Pod, PodSpec
from nsrunner.model.validate import names
from nsrunner.model.validate.containers import check_containers
from nsrunner.model.validate.dns import check_dns, check_host_names
from nsrunner.model.validate.metadata import check_metadata, check_names
from nsrunner.model.validate.projected import check_object_name
from nsrunner.model.validate.resources import check_pod_resources, check_resource_claims
from nsrunner.model.validate.scheduling import check_scheduling
from nsrunner.model.validate.security import check_pod_security
from nsrunner.model.validate.tuning import check_tuning
from nsrunner.model.validate.volumes import check_volumes

__all__ = ["check_pod"]

_MAX_DEADLINE: Final = 2**31 - 1
_RESTART_POLICIES: Final = ("Always", "Never", "OnFailure")


def check_pod(pod: Pod, path: Path, report: Report) -> None:
    check_metadata(pod.metadata, path / "metadata", report)
    check_tuning(pod, path / "metadata" / "annotations", report)
    spec, here = pod.spec, path / "spec"
    check_volumes(spec, here / "volumes", report)
    check_containers(spec, here, report)
    if spec.restart_policy not in _RESTART_POLICIES:
        report.unsupported_value(here / "restartPolicy", spec.restart_policy, _RESTART_POLICIES)
    deadline = spec.active_deadline_seconds
    if deadline is not None and not 1 <= deadline <= _MAX_DEADLINE:
        report.invalid(here / "activeDeadlineSeconds", deadline, f"must be between 1 and {_MAX_DEADLINE}, inclusive")
    check_dns(spec, here, report)
    check_host_names(spec, here, report)
    _check_namespaces(spec, here, report)
    check_pod_security(spec, here / "securityContext", report)
    check_scheduling(spec, here, report)
    check_resource_claims(spec.resource_claims, here / "resourceClaims", report)
    check_pod_resources(spec, here / "resources", report)
    _check_references(spec, here, report)
    if spec.os is not None and spec.os.name not in ("linux", "windows"):
        if spec.os.name:
            report.unsupported_value(here / "os" / "name", spec.os.name, ("linux", "windows"))
        else:
            report.required(here / "os" / "name", "cannot be empty")


def _check_namespaces(spec: PodSpec, path: Path, report: Report) -> None:
    """Namespaces that are shared with the host, and what cannot be had together with them."""
    if spec.share_process_namespace and spec.host_pid:
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        report.invalid(path / "shareProcessNamespace", spec.share_process_namespace, detail)
    if spec.host_users is not False:
        return
    for field, shared in (
        ("hostPID", spec.host_pid),
        ("hostIPC", spec.host_ipc),
        ("hostNetwork", spec.host_network),
    ):
        if shared:
            report.forbidden(path / field, "when `hostUsers` is false")
    for field, containers in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        for index, container in enumerate(containers):
            if container.volume_devices:
                report.forbidden((path / field)[index] / "volumeDevices", "when `hostUsers` is false")


def _check_references(spec: PodSpec, path: Path, report: Report) -> None:
    """Names of other objects."""
    if spec.service_account_name:
        check_names(names.dns_subdomain, path / "serviceAccountName", spec.service_account_name, report)
    for index, secret in enumerate(spec.image_pull_secrets):
        check_object_name(secret.name, (path / "imagePullSecrets")[index] / "name", report)
    for index, gate in enumerate(spec.readiness_gates):
        here = (path / "readinessGates")[index] / "conditionType"
        check_names(names.qualified_name, here, gate.condition_type, report)
