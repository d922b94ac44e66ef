"""What may change of a pod that exists (``ValidatePodUpdate``)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.types import Container, Pod, PodSpec
from nsrunner.model.validate.metadata import check_metadata
from nsrunner.model.validate.tuning import check_tuning

__all__ = ["check_update"]

_LIMITED: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_IMMUTABLE: Final = "field is immutable"


def check_update(old: Pod, new: Pod, path: Path, report: Report) -> None:
    """Both with defaults; ephemeral containers are updated apart."""
    _check_metadata(old, new, path / "metadata", report)
    here = path / "spec"
    for field, before, after in (
        ("containers", old.spec.containers, new.spec.containers),
        ("initContainers", old.spec.init_containers, new.spec.init_containers),
    ):
        if len(before) != len(after):
            report.forbidden(here / field, "pod updates may not add or remove containers")
            return
        for index, container in enumerate(after):
            _check_image(container, (here / field)[index] / "image", report)
    _check_deadline(old.spec, new.spec, here / "activeDeadlineSeconds", report)
    if _without_what_may_change(old.spec, new.spec) != old.spec:
        report.forbidden(here, _LIMITED)


def _check_metadata(old: Pod, new: Pod, path: Path, report: Report) -> None:
    before, after = old.metadata, new.metadata
    for field, was, now in (
        ("name", before.name, after.name),
        ("namespace", before.namespace, after.namespace),
        ("uid", before.uid, after.uid),
    ):
        if was != now:
            report.invalid(path / field, now, _IMMUTABLE)
    check_metadata(after, path, report)
    check_tuning(new, path / "annotations", report)


def _check_image(container: Container, path: Path, report: Report) -> None:
    if not container.image:
        report.required(path)
    elif container.image.strip() != container.image:
        report.invalid(path, container.image, "must not have leading or trailing whitespace")


def _check_deadline(old: PodSpec, new: PodSpec, path: Path, report: Report) -> None:
    """Set, or made shorter."""
    before, after = old.active_deadline_seconds, new.active_deadline_seconds
    if after is None:
        if before is not None:
            report.invalid(path, after, "must not update from a positive integer to nil value")
    elif not 0 <= after <= 2**31 - 1:
        report.invalid(path, after, f"must be between 0 and {2**31 - 1}, inclusive")
    elif before is not None and after > before:
        report.invalid(path, after, "must be less than or equal to previous value")


def _without_what_may_change(old: PodSpec, new: PodSpec) -> PodSpec:
    """The new spec with the old one's values where a change is allowed."""
    negative = (old.termination_grace_period_seconds or 0) < 0
    grace_mended = negative and new.termination_grace_period_seconds == 1
    kept = new.tolerations[: len(old.tolerations)] == old.tolerations
    return replace(
        new,
        containers=_with_images(new.containers, old.containers),
        init_containers=_with_images(new.init_containers, old.init_containers),
        ephemeral_containers=old.ephemeral_containers,
        active_deadline_seconds=old.active_deadline_seconds,
        tolerations=old.tolerations if kept else new.tolerations,
        termination_grace_period_seconds=old.termination_grace_period_seconds
        if grace_mended
        else new.termination_grace_period_seconds,
    )


def _with_images(new: tuple[Container, ...], old: tuple[Container, ...]) -> tuple[Container, ...]:
    return tuple(replace(after, image=before.image) for after, before in zip(new, old, strict=True))
