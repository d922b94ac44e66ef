"""Where volumes appear in a container (``ValidateVolumeMounts``, ``ValidateVolumeDevices``)."""

from __future__ import annotations

from typing import Final

from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.types import AnyContainer, Volume, VolumeMount

__all__ = ["check_mounts", "check_relative_path"]

_PROPAGATIONS: Final = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE: Final = ("Disabled", "Enabled", "IfPossible")


def check_mounts(container: AnyContainer, volumes: tuple[Volume, ...], path: Path, report: Report) -> None:
    """``volumeMounts`` and ``volumeDevices`` of the container at ``path``."""
    by_name = {volume.name: volume for volume in volumes}
    targets: set[str] = set()
    for index, mount in enumerate(container.volume_mounts):
        here = (path / "volumeMounts")[index]
        if not mount.name:
            report.required(here / "name")
        elif mount.name not in by_name:
            report.not_found(here / "name", mount.name)
        if not mount.mount_path:
            report.required(here / "mountPath")
        elif mount.mount_path in targets:
            report.invalid(here / "mountPath", mount.mount_path, "must be unique")
        targets.add(mount.mount_path)
        if any(device.name == mount.name for device in container.volume_devices):
            report.invalid(here / "name", mount.name, "must not already exist in volumeDevices")
        if any(device.device_path == mount.mount_path for device in container.volume_devices):
            report.invalid(here / "mountPath", mount.mount_path, "must not already exist as a path in volumeDevices")
        _check_sub_path(mount, here, report)
        _check_propagation(mount, container, here, report)
        _check_recursive_read_only(mount, here, report)
    _check_devices(container, by_name, path / "volumeDevices", report)


def _check_sub_path(mount: VolumeMount, path: Path, report: Report) -> None:
    if mount.sub_path:
        check_relative_path(mount.sub_path, path / "subPath", report)
    if mount.sub_path_expr:
        if mount.sub_path:
            report.invalid(path / "subPathExpr", mount.sub_path_expr, "subPathExpr and subPath are mutually exclusive")
        check_relative_path(mount.sub_path_expr, path / "subPathExpr", report)


def check_relative_path(text: str, path: Path, report: Report) -> None:
    """A path that cannot leave the directory that it is relative to."""
    if text.startswith("/"):
        report.invalid(path, text, "must be a relative path")
    if ".." in text.split("/"):
        report.invalid(path, text, "must not contain '..'")


def _check_propagation(mount: VolumeMount, container: AnyContainer, path: Path, report: Report) -> None:
    propagation = mount.mount_propagation
    if propagation is None:
        return
    if propagation not in _PROPAGATIONS:
        report.unsupported_value(path / "mountPropagation", propagation, _PROPAGATIONS)
    privileged = container.security_context is not None and container.security_context.privileged
    if propagation == "Bidirectional" and not privileged:
        detail = "Bidirectional mount propagation is available only to privileged containers"
        report.forbidden(path / "mountPropagation", detail)


def _check_recursive_read_only(mount: VolumeMount, path: Path, report: Report) -> None:
    value = mount.recursive_read_only
    here = path / "recursiveReadOnly"
    if value is None or value == "Disabled":
        return
    if value not in _RECURSIVE:
        report.unsupported_value(here, value, _RECURSIVE)
        return
    if not mount.read_only:
        report.forbidden(here, "may only be specified when readOnly is true")
    if mount.mount_propagation not in (None, "None"):
        report.forbidden(here, "may only be specified when mountPropagation is None or not specified")


def _check_devices(container: AnyContainer, by_name: dict[str, Volume], path: Path, report: Report) -> None:
    names: set[str] = set()
    targets: set[str] = set()
    for index, device in enumerate(container.volume_devices):
        here = path[index]
        if not device.name:
            report.required(here / "name")
        elif device.name in names:
            report.invalid(here / "name", device.name, "must be unique")
        elif device.name not in by_name:
            report.not_found(here / "name", device.name)
        else:
            volume = by_name[device.name]
            if volume.persistent_volume_claim is None and volume.ephemeral is None:
                detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
                report.invalid(here / "name", device.name, detail)
        names.add(device.name)
        if not device.device_path:
            report.required(here / "devicePath")
        elif device.device_path in targets:
            report.invalid(here / "devicePath", device.device_path, "must be unique")
        elif ".." in device.device_path.split("/"):
            report.invalid(here / "devicePath", device.device_path, "can not contain backsteps ('..')")
        targets.add(device.device_path)
