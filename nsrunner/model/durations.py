"""Durations as people write them: Go's spelling, ``1h30m``, ``1.5s``, ``500ms``."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["go_seconds"]

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# Patterns as text: re compiles each when a duration first needs it, and keeps it.
_PART: Final = r"(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h)"
_WHOLE: Final = rf"(?:{_PART})+"


def go_seconds(text: str) -> float | None:
    """Seconds; None for anything else, a number without a unit too."""
    if not text or re.fullmatch(_WHOLE, text, re.ASCII) is None:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text, re.ASCII))
