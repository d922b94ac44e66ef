"""Validation as the API server does it on create (``pkg/apis/core/validation``), by theme.

Each check gets a defaulted value, its path, and the report that it adds to; none stops at the first problem, raises, or
changes anything. The wording is upstream's, because people search for it.
"""

from __future__ import annotations

from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.types import ConfigMap, Pod, Secret
from nsrunner.model.validate.config import check_config_map, check_secret
from nsrunner.model.validate.pod import check_pod

__all__ = ["validate"]


def validate(value: Pod | ConfigMap | Secret, path: Path, report: Report) -> None:
    """Report everything for which the API would refuse to create ``value``."""
    match value:
        case Pod():
            check_pod(value, path, report)
        case ConfigMap():
            check_config_map(value, path, report)
        case Secret():
            check_secret(value, path, report)
