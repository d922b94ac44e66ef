"""Spellings of times: Go's durations, as the kubelet's messages have them, and the API's timestamps."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

__all__ = ["go_duration", "timestamp"]


def go_duration(seconds: float) -> str:
    """``time.Duration.String``: ``10s``, ``1m20s``, ``5m0s``, ``1h0m0s``, ``1.5s``, ``500ms``."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:.6f}".rstrip("0").rstrip(".") + "ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{rest:.6f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def timestamp(wall: float) -> str:
    """RFC 3339 in whole seconds (cut, not rounded), as published in a status."""
    return _rfc3339(int(wall))


@lru_cache(maxsize=1024)
def _rfc3339(seconds: int) -> str:
    """Each status of a pod spells the same few moments again."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
