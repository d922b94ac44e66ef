"""Ages as kubectl writes them (apimachinery ``util/duration.HumanDuration``, kubelet-semantics 17)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

__all__ = ["age", "age_of", "parse_time"]

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY


def age(seconds: float) -> str:
    """``45s``, ``3m20s``, ``2h``, ``5d3h``: two units where the larger one alone says too little."""
    left = int(seconds)
    if left < -1:
        return "<invalid>"  # the clock went back; one second of it is hidden
    left = max(left, 0)
    if left < 2 * _MINUTE:
        return f"{left}s"
    if left < 10 * _MINUTE:
        return _two(left, _MINUTE, "m", 1, "s")
    if left < 3 * _HOUR:
        return f"{left // _MINUTE}m"
    if left < 8 * _HOUR:
        return _two(left, _HOUR, "h", _MINUTE, "m")
    if left < 2 * _DAY:
        return f"{left // _HOUR}h"
    if left < 8 * _DAY:
        return _two(left, _DAY, "d", _HOUR, "h")
    if left < 2 * _YEAR:
        return f"{left // _DAY}d"
    if left < 8 * _YEAR:
        return _two(left, _YEAR, "y", _DAY, "d")
    return f"{left // _YEAR}y"


def _two(seconds: int, big: int, big_unit: str, small: int, small_unit: str) -> str:
    rest = seconds % big // small
    return f"{seconds // big}{big_unit}{rest}{small_unit}" if rest else f"{seconds // big}{big_unit}"


def parse_time(stamp: object) -> float | None:
    """Seconds since the epoch of an RFC 3339 stamp; None for anything else."""
    if not isinstance(stamp, str):
        return None
    try:
        parsed = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def age_of(object: Mapping[str, Any], now: float) -> str:
    """The AGE of an object at ``now`` (seconds since the epoch)."""
    created = parse_time((object.get("metadata") or {}).get("creationTimestamp"))
    return "<unknown>" if created is None else age(now - created)
