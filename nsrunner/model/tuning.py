"""What a pod's annotations set beyond the API: periods of probes below a second, and the restart back-off.

================================================== =====================================================
``nsrunner.dev/probe-period-ms.<container>.<type>`` milliseconds; the type is liveness, readiness or startup
``nsrunner.dev/restart-backoff-initial``            duration before the second restart (``500ms``, ``10s``)
``nsrunner.dev/restart-backoff-maximum``            duration that the delay doubles up to
``nsrunner.dev/restart-backoff-reset``              duration of a run after which the delay starts anew
================================================== =====================================================

Reading is total: what :mod:`nsrunner.model.validate.tuning` would complain about is as good as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from nsrunner.model.durations import go_seconds

__all__ = [
    "BACK_OFF_INITIAL",
    "BACK_OFF_MAXIMUM",
    "BACK_OFF_RESET",
    "LEAST_DELAY",
    "LEAST_PERIOD_MS",
    "PREFIX",
    "PROBE_PERIOD",
    "PROBE_TYPES",
    "RestartTuning",
    "duration",
    "milliseconds",
    "probe_period",
    "restart_tuning",
]

PREFIX: Final = "nsrunner.dev/"
PROBE_PERIOD: Final = f"{PREFIX}probe-period-ms."
"""Followed by the container's name, a dot, and one of :data:`PROBE_TYPES`."""
PROBE_TYPES: Final = ("liveness", "readiness", "startup")
BACK_OFF_INITIAL: Final = f"{PREFIX}restart-backoff-initial"
BACK_OFF_MAXIMUM: Final = f"{PREFIX}restart-backoff-maximum"
BACK_OFF_RESET: Final = f"{PREFIX}restart-backoff-reset"

LEAST_PERIOD_MS: Final = 10
"""A probe more often than this would only measure itself."""
_MOST_PERIOD_MS: Final = 2**31 - 1
LEAST_DELAY: Final = 0.1
"""Seconds that a restart back-off must have at least: without one, a program that dies at once eats a processor."""
_MOST_DELAY: Final = 1e9

_MOST_DIGITS: Final = 12


class RestartTuning(Struct, frozen=True, kw_only=True):
    """The crash-loop back-off that a pod asks for, in seconds; None: as everywhere."""

    initial: float | None = None
    maximum: float | None = None
    reset: float | None = None


def duration(text: str) -> float | None:
    """Seconds of a duration in Go's spelling (``1h30m``, ``1.5s``) that a back-off may have; None for anything else."""
    seconds = go_seconds(text)
    return seconds if seconds is not None and LEAST_DELAY <= seconds <= _MOST_DELAY else None


def milliseconds(text: str) -> int | None:
    """The period that an annotation names; None when it is none."""
    if len(text) > _MOST_DIGITS or not (text.isascii() and text.isdigit()):
        return None
    return number if LEAST_PERIOD_MS <= (number := int(text)) <= _MOST_PERIOD_MS else None


def probe_period(annotations: Mapping[str, str], container: str, probe: str) -> float | None:
    """Seconds between attempts of a probe, where an annotation says so. ``probe`` is one of :data:`PROBE_TYPES`."""
    number = milliseconds(annotations.get(f"{PROBE_PERIOD}{container}.{probe}", ""))
    return None if number is None else number / 1000


def restart_tuning(annotations: Mapping[str, str]) -> RestartTuning:
    """What the annotations say of the restart back-off."""
    return RestartTuning(
        initial=duration(annotations.get(BACK_OFF_INITIAL, "")),
        maximum=duration(annotations.get(BACK_OFF_MAXIMUM, "")),
        reset=duration(annotations.get(BACK_OFF_RESET, "")),
    )
