"""Environment variables (``ValidateEnv``, ``ValidateEnvFrom``)."""

from __future__ import annotations

from typing import Final

from nsrunner.model.field_path import split_subscript
from nsrunner.model.path import Path
from nsrunner.model.quantity import Quantity
from nsrunner.model.report import Report, quoted
from nsrunner.model.types import (
    AnyContainer,
    ConfigMapKeySelector,
    EnvVar,
    FileKeySelector,
    ObjectFieldSelector,
    ResourceFieldSelector,
    SecretKeySelector,
    Volume,
)
from nsrunner.model.validate import names
from nsrunner.model.validate.metadata import check_names

__all__ = ["VOLUME_FIELDS", "check_env", "check_field_ref", "check_resource_field_ref"]

_ENV_FIELDS: Final = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
_SUBSCRIPTS: Final = ("metadata.annotations", "metadata.labels")
VOLUME_FIELDS: Final = (
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
)
_OTHER_FIELDS: Final = ("spec.restartPolicy", "spec.schedulerName", "status.phase")
_KNOWN_FIELDS: Final = frozenset((*_ENV_FIELDS, *VOLUME_FIELDS, *_OTHER_FIELDS))
"""Paths that the API can read, though not all of them may be used everywhere."""

_RESOURCES: Final = ("cpu", "memory", "ephemeral-storage")
_CPU_DIVISORS: Final = frozenset(map(Quantity, ("1m", "1")))
_BYTE_DIVISORS: Final = frozenset(
    map(Quantity, ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"))
)
_ONE_SOURCE: Final = (
    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
)
_NO_ENV_SOURCE: Final = "must specify one of: `configMapRef` or `secretRef`"
_TWO_SOURCES: Final = "may not have more than one field specified at a time"


def check_env(container: AnyContainer, volumes: tuple[Volume, ...], path: Path, report: Report) -> None:
    """``env`` and ``envFrom`` of the container at ``path``."""
    for index, variable in enumerate(container.env):
        here = (path / "env")[index]
        if not variable.name:
            report.required(here / "name")
        else:
            check_names(names.env_var_name, here / "name", variable.name, report)
        _check_value_from(variable, volumes, here / "valueFrom", report)
    for index, source in enumerate(container.env_from):
        here = (path / "envFrom")[index]
        if source.prefix:
            check_names(names.env_var_name, here / "prefix", source.prefix, report)
        given = 0
        for field, ref in (("configMapRef", source.config_map_ref), ("secretRef", source.secret_ref)):
            if ref is None:
                continue
            given += 1
            _check_object_name(ref.name, here / field / "name", report)
        if given != 1:
            report.invalid(here, "", _TWO_SOURCES if given else _NO_ENV_SOURCE)


def _check_value_from(variable: EnvVar, volumes: tuple[Volume, ...], path: Path, report: Report) -> None:
    source = variable.value_from
    if source is None:
        return
    given = 0
    if source.field_ref is not None:
        given += 1
        check_field_ref(source.field_ref, _ENV_FIELDS, path / "fieldRef", report)
    if source.resource_field_ref is not None:
        given += 1
        check_resource_field_ref(source.resource_field_ref, path / "resourceFieldRef", report, in_volume=False)
    if source.config_map_key_ref is not None:
        given += 1
        _check_key_ref(source.config_map_key_ref, path / "configMapKeyRef", report)
    if source.secret_key_ref is not None:
        given += 1
        _check_key_ref(source.secret_key_ref, path / "secretKeyRef", report)
    if source.file_key_ref is not None:
        given += 1
        _check_file_ref(source.file_key_ref, volumes, path / "fileKeyRef", report)
    if given == 0:
        report.invalid(path, "", _ONE_SOURCE)
    elif given > 1:
        report.invalid(path, "", _TWO_SOURCES)
    elif variable.value:
        report.invalid(path, "", "may not be specified when `value` is not empty")


def check_field_ref(ref: ObjectFieldSelector, allowed: tuple[str, ...], path: Path, report: Report) -> None:
    """A reference to one of the pod's own fields. ``allowed``: the paths without a subscript."""
    here = path / "fieldPath"
    if not ref.field_path:
        report.required(here)
        return
    if ref.api_version != "v1":
        report.invalid(here, ref.field_path, f"error converting fieldPath: unsupported pod version: {ref.api_version}")
        return
    base, key = split_subscript(ref.field_path)
    if key is not None:
        match base:
            case "metadata.annotations":
                check_names(names.qualified_name, here, key.lower(), report)
            case "metadata.labels":
                check_names(names.qualified_name, here, key, report)
            case _:
                report.invalid(here, ref.field_path, f"{quoted(base)} does not support subscript")
    elif ref.field_path in _SUBSCRIPTS and ref.field_path not in allowed:
        hint = f"name one entry: {ref.field_path}['<KEY>']"
        report.unsupported_value(here, ref.field_path, allowed, hint)
    elif ref.field_path not in allowed:
        if ref.field_path in _KNOWN_FIELDS:
            report.unsupported_value(here, ref.field_path, allowed)
        else:
            detail = f"error converting fieldPath: field label not supported: {ref.field_path[:100]}"
            report.invalid(here, ref.field_path, detail)


def check_resource_field_ref(ref: ResourceFieldSelector, path: Path, report: Report, *, in_volume: bool) -> None:
    if in_volume and not ref.container_name:
        report.required(path / "containerName")
        return
    if not ref.resource:
        report.required(path / "resource")
        return
    which, _, name = ref.resource.partition(".")
    if which not in ("limits", "requests") or not (name in _RESOURCES or name.startswith("hugepages-")):
        supported = [
            f"{kind}.{resource}" for kind in ("limits", "requests") for resource in (*_RESOURCES, "hugepages-*")
        ]
        report.unsupported_value(path / "resource", ref.resource, supported)
        return
    if not ref.divisor:
        return
    if name == "cpu":
        if ref.divisor not in _CPU_DIVISORS:
            report.invalid(path / "divisor", name, "only divisor's values 1m and 1 are supported with the cpu resource")
    elif ref.divisor not in _BYTE_DIVISORS:
        detail = (
            "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the "
            f"{name} resource"
        )
        report.invalid(path / "divisor", name, detail)


def _check_key_ref(ref: ConfigMapKeySelector | SecretKeySelector, path: Path, report: Report) -> None:
    _check_object_name(ref.name, path / "name", report)
    if not ref.key:
        report.required(path / "key")
    else:
        check_names(names.config_map_key, path / "key", ref.key, report)


def _check_object_name(name: str, path: Path, report: Report) -> None:
    if not name:
        report.required(path)
    else:
        check_names(names.dns_subdomain, path, name, report)


def _check_file_ref(ref: FileKeySelector, volumes: tuple[Volume, ...], path: Path, report: Report) -> None:
    if not ref.key:
        report.required(path / "key")
    else:
        check_names(names.env_var_name, path / "key", ref.key, report)
    if not ref.volume_name:
        report.required(path / "volumeName")
    else:
        check_names(names.dns_label, path / "volumeName", ref.volume_name, report)
        volume = next((volume for volume in volumes if volume.name == ref.volume_name), None)
        if volume is None:
            report.not_found(path / "volumeName", ref.volume_name)
        elif volume.empty_dir is None:
            report.invalid(path / "volumeName", ref.volume_name, "referenced volume must be of type emptyDir")
    if not ref.path:
        report.required(path / "path")
    elif ".." in ref.path.split("/"):
        report.invalid(path / "path", ref.path, "must not contain '..'")
