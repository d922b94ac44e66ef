"""Volumes and their sources (``ValidateVolumes``)."""

from __future__ import annotations

from typing import Final

from nsrunner.model.decode import fields_of
from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.types import (
    ConfigMapVolumeSource,
    DownwardAPIVolumeSource,
    EmptyDirVolumeSource,
    EphemeralVolumeSource,
    HostPathVolumeSource,
    ImageVolumeSource,
    PodSpec,
    ProjectedVolumeSource,
    SecretVolumeSource,
    Struct,
    Volume,
)
from nsrunner.model.validate import names
from nsrunner.model.validate.metadata import check_names
from nsrunner.model.validate.projected import (
    check_downward_items,
    check_items,
    check_mode,
    check_object_name,
    check_projected,
)

__all__ = ["check_volumes"]

_HOST_PATH_TYPES: Final = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")


def check_volumes(spec: PodSpec, path: Path, report: Report) -> None:
    """``path`` is that of the list of volumes."""
    seen: set[str] = set()
    for index, volume in enumerate(spec.volumes):
        here = path[index]
        if not volume.name:
            report.required(here / "name")
        else:
            check_names(names.dns_label, here / "name", volume.name, report)
            if volume.name in seen:
                report.duplicate(here / "name", volume.name)
            seen.add(volume.name)
        _check_sources(volume, here, report)


def _check_sources(volume: Volume, path: Path, report: Report) -> None:
    """Exactly one; defaulting has made an emptyDir of none. Only the first is looked into."""
    sources = [
        (field.json_name, getattr(volume, field.attribute))
        for field in fields_of(Volume).values()
        if field.attribute != "name" and getattr(volume, field.attribute) is not None
    ]
    for name, _ in sources[1:]:
        report.forbidden(path / name, "may not specify more than 1 volume type")
    for name, source in sources[:1]:
        _check_source(source, path / name, report)


def _check_source(source: Struct, path: Path, report: Report) -> None:
    match source:
        case HostPathVolumeSource():
            _check_host_path(source, path, report)
        case EmptyDirVolumeSource():
            if source.size_limit is not None and source.size_limit.nanos < 0:
                report.forbidden(path / "sizeLimit", "SizeLimit field must be a valid resource quantity")
        case ImageVolumeSource():
            if not source.reference:
                report.required(path / "reference")
            if source.pull_policy not in _PULL_POLICIES:
                report.unsupported_value(path / "pullPolicy", source.pull_policy, _PULL_POLICIES)
        case SecretVolumeSource():
            if not source.secret_name:
                report.required(path / "secretName")
            check_mode(source.default_mode, path / "defaultMode", report)
            check_items(source.items, path / "items", report)
        case ConfigMapVolumeSource():
            check_object_name(source.name, path / "name", report)
            check_mode(source.default_mode, path / "defaultMode", report)
            check_items(source.items, path / "items", report)
        case DownwardAPIVolumeSource():
            check_mode(source.default_mode, path / "defaultMode", report)
            check_downward_items(source.items, path / "items", report)
        case ProjectedVolumeSource():
            check_projected(source, path, report)
        case EphemeralVolumeSource():
            if source.volume_claim_template is None:
                report.required(path / "volumeClaimTemplate")
        case _:
            _check_required_texts(source, path, report)


def _check_host_path(source: HostPathVolumeSource, path: Path, report: Report) -> None:
    if not source.path:
        report.required(path / "path")
        return
    if ".." in source.path.split("/"):
        report.invalid(path / "path", source.path, "must not contain '..'")
    if source.type not in _HOST_PATH_TYPES:
        report.unsupported_value(path / "type", source.type or "", _HOST_PATH_TYPES)


def _check_required_texts(source: Struct, path: Path, report: Report) -> None:
    """Storage that is not on this node is never used here, so only what must not be empty is checked."""
    for field in fields_of(type(source)).values():
        if field.required and getattr(source, field.attribute) in ("", ()):
            report.required(path / field.json_name)
