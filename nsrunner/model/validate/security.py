"""Security contexts (``ValidateSecurityContext``, ``validatePodSpecSecurityContext``)."""

from __future__ import annotations

from typing import Final

from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.sysctls import is_ipc, with_dots
from nsrunner.model.types import (
    AnyContainer,
    AppArmorProfile,
    PodSecurityContext,
    PodSpec,
    SeccompProfile,
    SecurityContext,
)
from nsrunner.model.validate import names

__all__ = ["check_container_security", "check_pod_security"]

_PROFILE_TYPES: Final = ("Localhost", "RuntimeDefault", "Unconfined")


def check_container_security(container: AnyContainer, spec: PodSpec, path: Path, report: Report) -> None:
    """``path`` is that of the container's securityContext."""
    context = container.security_context
    if context is None:
        return
    _check_ids(context, path, report)
    _check_escalation(context, path, report)
    _check_seccomp(context.seccomp_profile, path / "seccompProfile", report)
    _check_app_armor(context.app_armor_profile, path / "appArmorProfile", report)
    if context.proc_mount is not None:
        if context.proc_mount not in ("Default", "Unmasked"):
            report.unsupported_value(path / "procMount", context.proc_mount, ("Default", "Unmasked"))
        elif context.proc_mount == "Unmasked" and spec.host_users is not False:
            detail = "`hostUsers` must be false to use `Unmasked`"
            report.invalid(path / "procMount", context.proc_mount, detail)
    if spec.os is not None and spec.os.name == "linux" and context.windows_options is not None:
        report.forbidden(path / "windowsOptions", "windows options cannot be set for a linux pod")


def _check_ids(context: SecurityContext | PodSecurityContext, path: Path, report: Report) -> None:
    for field, number in (("runAsUser", context.run_as_user), ("runAsGroup", context.run_as_group)):
        for message in names.user_id(number) if number is not None else ():
            report.invalid(path / field, number, message)


def _check_escalation(context: SecurityContext, path: Path, report: Report) -> None:
    if context.allow_privilege_escalation is not False:
        return
    if context.privileged:
        detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        report.invalid(path, _EMPTY, detail)
    if context.capabilities is not None and "CAP_SYS_ADMIN" in context.capabilities.add:
        detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
        report.invalid(path, _EMPTY, detail)


_EMPTY: Final[dict[str, object]] = {}
"""Stands for a whole security context in a message."""


def _check_seccomp(profile: SeccompProfile | None, path: Path, report: Report) -> None:
    if profile is None:
        return
    if profile.type == "Localhost":
        if not profile.localhost_profile:
            report.required(path / "localhostProfile", "must be set when seccomp type is Localhost")
        else:
            _check_local_profile(profile.localhost_profile, path / "localhostProfile", report)
    elif profile.type not in _PROFILE_TYPES:
        report.unsupported_value(path / "type", profile.type, _PROFILE_TYPES)
    elif profile.localhost_profile is not None:
        detail = "can only be set when seccomp type is Localhost"
        report.invalid(path / "localhostProfile", profile.localhost_profile, detail)


def _check_local_profile(text: str, path: Path, report: Report) -> None:
    if text.startswith("/"):
        report.invalid(path, text, "must be a relative path")
    if ".." in text.split("/"):
        report.invalid(path, text, "must not contain '..'")


def _check_app_armor(profile: AppArmorProfile | None, path: Path, report: Report) -> None:
    if profile is None:
        return
    here = path / "localhostProfile"
    if profile.type == "Localhost":
        if not profile.localhost_profile:
            report.required(here, "must be set when AppArmor type is Localhost")
        elif profile.localhost_profile.strip() != profile.localhost_profile:
            report.invalid(here, profile.localhost_profile, "must not be padded with whitespace")
        elif len(profile.localhost_profile) > 4095:
            report.too_long(here, 4095)
    elif profile.type not in _PROFILE_TYPES:
        report.unsupported_value(path / "type", profile.type, _PROFILE_TYPES)
    elif profile.localhost_profile is not None:
        report.invalid(here, profile.localhost_profile, "can only be set when AppArmor type is Localhost")


def check_pod_security(spec: PodSpec, path: Path, report: Report) -> None:
    """``path`` is that of the pod's securityContext."""
    context = spec.security_context
    if context is None:
        return
    _check_ids(context, path, report)
    if context.fs_group is not None:
        for message in names.group_id(context.fs_group):
            report.invalid(path / "fsGroup", context.fs_group, message)
    for index, group in enumerate(context.supplemental_groups):
        for message in names.group_id(group):
            report.invalid((path / "supplementalGroups")[index], group, message)
    for field, value, supported in (
        ("supplementalGroupsPolicy", context.supplemental_groups_policy, ("Merge", "Strict")),
        ("fsGroupChangePolicy", context.fs_group_change_policy, ("Always", "OnRootMismatch")),
        ("seLinuxChangePolicy", context.se_linux_change_policy, ("MountOption", "Recursive")),
    ):
        if value is not None and value not in supported:
            report.unsupported_value(path / field, value, supported)
    _check_seccomp(context.seccomp_profile, path / "seccompProfile", report)
    _check_app_armor(context.app_armor_profile, path / "appArmorProfile", report)
    _check_sysctls(context, spec, path / "sysctls", report)
    if spec.os is not None and spec.os.name == "linux" and context.windows_options is not None:
        report.forbidden(path / "windowsOptions", "windows options cannot be set for a linux pod")


def _check_sysctls(context: PodSecurityContext, spec: PodSpec, path: Path, report: Report) -> None:
    seen: set[str] = set()
    for index, sysctl in enumerate(context.sysctls):
        here = path[index] / "name"
        name = with_dots(sysctl.name)
        if not sysctl.name:
            report.required(here)
            continue
        for message in names.sysctl_name(sysctl.name):
            report.invalid(here, sysctl.name, message)
        if name in seen:
            report.duplicate(here, sysctl.name)
        seen.add(name)
        if spec.host_network and name.startswith("net."):
            report.invalid(here, sysctl.name, "may not be specified when 'hostNetwork' is true")
        if spec.host_ipc and is_ipc(name):
            report.invalid(here, sysctl.name, "may not be specified when 'hostIPC' is true")
