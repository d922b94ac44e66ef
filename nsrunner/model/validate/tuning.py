"""Annotations with which a pod tunes nsrunner (:mod:`nsrunner.model.tuning`). A misspelt one would silently do nothing,
so every name below ``nsrunner.dev/`` must be known."""

from __future__ import annotations

from typing import Final

from nsrunner.model.decode import did_you_mean
from nsrunner.model.path import Path
from nsrunner.model.report import Report, quoted
from nsrunner.model.tuning import (
    BACK_OFF_INITIAL,
    BACK_OFF_MAXIMUM,
    BACK_OFF_RESET,
    LEAST_PERIOD_MS,
    PREFIX,
    PROBE_PERIOD,
    PROBE_TYPES,
    duration,
    milliseconds,
)
from nsrunner.model.types import AnyContainer, Pod, Probe

__all__ = ["check_tuning"]

_DURATIONS: Final = (BACK_OFF_INITIAL, BACK_OFF_MAXIMUM, BACK_OFF_RESET)
_DURATION: Final = "must be a duration of at least 100ms, such as 500ms, 10s or 1h30m"
_PERIOD: Final = f"must be a whole number of milliseconds, at least {LEAST_PERIOD_MS}"


def check_tuning(pod: Pod, path: Path, report: Report) -> None:
    """``path`` is that of the pod's annotations."""
    annotations = pod.metadata.annotations
    for key, value in annotations.items():
        if not key.startswith(PREFIX):
            continue
        if key in _DURATIONS:
            if duration(value) is None:
                report.invalid(path[key], value, _DURATION)
        elif key.startswith(PROBE_PERIOD):
            _check_period(pod, key, value, path, report)
        else:
            known = (*_DURATIONS, f"{PROBE_PERIOD}CONTAINER.TYPE")
            detail = f"no annotation of nsrunner; there are {', '.join(known)}"
            report.invalid(path, key, detail, did_you_mean(key, _DURATIONS))
    initial = duration(annotations.get(BACK_OFF_INITIAL, ""))
    maximum = duration(annotations.get(BACK_OFF_MAXIMUM, ""))
    if initial is not None and maximum is not None and initial > maximum:
        detail = f"must not be longer than {BACK_OFF_MAXIMUM}"
        report.invalid(path[BACK_OFF_INITIAL], annotations[BACK_OFF_INITIAL], detail)


def _check_period(pod: Pod, key: str, value: str, path: Path, report: Report) -> None:
    name, _, probe = key.removeprefix(PROBE_PERIOD).rpartition(".")
    containers: dict[str, AnyContainer] = {c.name: c for c in (*pod.spec.init_containers, *pod.spec.containers)}
    if probe not in PROBE_TYPES or not name:
        detail = f"must end in the name of a container and the type of a probe: {', '.join(PROBE_TYPES)}"
        report.invalid(path, key, detail, did_you_mean(probe, PROBE_TYPES) if name else "")
    elif name not in containers:
        report.invalid(path, key, f"there is no container {quoted(name)}", did_you_mean(name, containers))
    elif _probe(containers[name], probe) is None:
        report.invalid(path, key, f"container {quoted(name)} has no {probe}Probe")
    elif milliseconds(value) is None:
        report.invalid(path[key], value, _PERIOD)


def _probe(container: AnyContainer, probe: str) -> Probe | None:
    match probe:
        case "liveness":
            return container.liveness_probe
        case "readiness":
            return container.readiness_probe
        case _:
            return container.startup_probe
