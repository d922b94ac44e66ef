"""Durations as people write them: Go's spelling, ``1h30m``, ``1.5s``, ``500ms``."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["go_seconds"]

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h)", re.ASCII)
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


def go_seconds(text: str) -> float | None:
    """Seconds; None for anything else, a number without a unit too."""
    if _WHOLE.fullmatch(text) is None:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
