"""Durations on the command line: Go's spelling, as kubectl has it, or plain seconds."""

from __future__ import annotations

import argparse
import re
from typing import Final

__all__ = ["duration"]

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_PLAIN: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def duration(text: str) -> float:
    """Seconds of ``90s``, ``5m``, ``1h30m``, ``500ms`` or ``90``; for argparse's ``type=``."""
    if _PLAIN.fullmatch(text):
        seconds = float(text)
    elif _WHOLE.fullmatch(text):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    else:
        raise argparse.ArgumentTypeError(f'invalid duration "{text}": such as 90s, 5m, 1h30m or a number of seconds')
    if seconds > 1e9:
        raise argparse.ArgumentTypeError(f'invalid duration "{text}": more than 30 years')
    return seconds
