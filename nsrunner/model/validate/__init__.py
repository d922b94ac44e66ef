"""Validation"""

from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.types import ConfigMap, Pod, Secret


def validate(value: Pod | ConfigMap | Secret, path: Path, report: Report) -> None: ...
