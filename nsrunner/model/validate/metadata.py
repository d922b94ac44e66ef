"""Object metadata (apimachinery ``ValidateObjectMeta``), and label selectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.types import LabelSelector, ObjectMeta
from nsrunner.model.validate import names

__all__ = ["check_label_selector", "check_labels", "check_metadata", "check_names"]

_ANNOTATIONS_SIZE: Final = 256 << 10


def check_metadata(metadata: ObjectMeta, path: Path, report: Report) -> None:
    """Names of pods, ConfigMaps and Secrets are all subdomains; those of namespaces are labels."""
    if metadata.generate_name:
        prefix = metadata.generate_name
        # What is appended later starts with a letter or digit, so a trailing dash is fine.
        masked = f"{prefix[:-1]}a" if prefix.endswith("-") else prefix
        check_names(names.dns_subdomain, path / "generateName", masked, report, shown=prefix)
    if not metadata.name:
        if not metadata.generate_name:
            report.required(path / "name", "name or generateName is required")
    else:
        check_names(names.dns_subdomain, path / "name", metadata.name, report)
    check_names(names.dns_label, path / "namespace", metadata.namespace, report)
    check_labels(metadata.labels, path / "labels", report)
    check_annotations(metadata.annotations, path / "annotations", report)
    for index, finalizer in enumerate(metadata.finalizers):
        check_names(names.qualified_name, (path / "finalizers")[index], finalizer, report)
    for index, owner in enumerate(metadata.owner_references):
        here = (path / "ownerReferences")[index]
        for name, value in (
            ("apiVersion", owner.api_version),
            ("kind", owner.kind),
            ("name", owner.name),
            ("uid", owner.uid),
        ):
            if not value:
                report.invalid(here / name, value, "must not be empty")


def check_names(check: names.NameCheck, path: Path, name: str, report: Report, *, shown: str | None = None) -> None:
    """One error for each rule of the grammar that ``name`` breaks."""
    for message in check(name):
        report.invalid(path, name if shown is None else shown, message)


def check_labels(labels: Mapping[str, str], path: Path, report: Report) -> None:
    for key, value in labels.items():
        check_names(names.qualified_name, path, key, report)
        check_names(names.label_value, path, value, report)


def check_annotations(annotations: Mapping[str, str], path: Path, report: Report) -> None:
    for key in annotations:
        check_names(names.qualified_name, path, key, report, shown=key)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _ANNOTATIONS_SIZE:
        report.too_long(path, _ANNOTATIONS_SIZE)


def check_label_selector(selector: LabelSelector, path: Path, report: Report) -> None:
    check_labels(selector.match_labels, path / "matchLabels", report)
    for index, requirement in enumerate(selector.match_expressions):
        here = (path / "matchExpressions")[index]
        check_names(names.qualified_name, here / "key", requirement.key, report)
        match requirement.operator:
            case "In" | "NotIn":
                if not requirement.values:
                    report.required(here / "values", "must be specified when `operator` is 'In' or 'NotIn'")
            case "Exists" | "DoesNotExist":
                if requirement.values:
                    report.forbidden(
                        here / "values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                    )
            case operator:
                report.invalid(here / "operator", operator, "not a valid selector operator")
        for position, value in enumerate(requirement.values):
            check_names(names.label_value, (here / "values")[position], value, report)
