"""Ephemeral containers, which are added to a pod that exists (``validateEphemeralContainers`` and the rules of their
update)."""

from __future__ import annotations

from typing import Final

from nsrunner.model.decode import fields_of
from nsrunner.model.path import Path
from nsrunner.model.report import Report, quoted
from nsrunner.model.types import EphemeralContainer, Pod, PodSpec
from nsrunner.model.validate.containers import check_common

__all__ = ["check_ephemeral_update"]

_ALLOWED: Final = frozenset(
    {
        *("name", "image", "command", "args", "working_dir", "env_from", "env", "volume_mounts", "volume_devices"),
        *("termination_message_path", "termination_message_policy", "image_pull_policy", "security_context"),
        *("stdin", "stdin_once", "tty", "target_container_name"),
    }
)
_NOT_HERE: Final = "cannot be set for an Ephemeral Container"


def check_ephemeral_update(old: Pod, new: Pod, path: Path, report: Report) -> None:
    """``new`` is ``old`` with further ephemeral containers; ``path`` is that of the pod. Static pods may too."""
    here = path / "spec" / "ephemeralContainers"
    _check_ephemeral(new.spec, here, report)
    named = {container.name: container for container in new.spec.ephemeral_containers}
    for before in old.spec.ephemeral_containers:
        if before.name not in named:
            report.forbidden(here, f"existing ephemeral containers {quoted(before.name)} may not be removed")
        elif named[before.name] != before:
            report.forbidden(here, f"existing ephemeral containers {quoted(before.name)} may not be changed")


def _check_ephemeral(spec: PodSpec, path: Path, report: Report) -> None:
    others = {container.name for container in (*spec.init_containers, *spec.containers)}
    seen = set(others)
    for index, container in enumerate(spec.ephemeral_containers):
        here = path[index]
        check_common(container, spec, seen, here, report)
        _check_fields(container, here, report)
        target = container.target_container_name
        if target and target not in others:
            report.not_found(here / "targetContainerName", target)


def _check_fields(container: EphemeralContainer, path: Path, report: Report) -> None:
    for field in fields_of(EphemeralContainer).values():
        if field.attribute not in _ALLOWED and getattr(container, field.attribute) != field.default:
            report.forbidden(path / field.json_name, _NOT_HERE)
    for index, mount in enumerate(container.volume_mounts):
        here = (path / "volumeMounts")[index]
        for name, value in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
            if value:
                report.forbidden(here / name, _NOT_HERE)
