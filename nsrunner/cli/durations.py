"""Durations on the command line: Go's spelling, as kubectl has it, or plain seconds."""

from __future__ import annotations

import argparse
import re
from typing import Final

__all__ = ["duration"]

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = r"(\d+(?:\.\d+)?)(ms|s|m|h)"


def duration(text: str) -> float:
    """Seconds of ``90s``, ``5m``, ``1h30m``, ``500ms`` or ``90``; for argparse's ``type=``."""
    if re.fullmatch(r"\d+(?:\.\d+)?", text, re.ASCII):
        seconds = float(text)
    elif re.fullmatch(f"(?:{_PART})+", text, re.ASCII):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text, re.ASCII))
    else:
        raise argparse.ArgumentTypeError(f'invalid duration "{text}": such as 90s, 5m, 1h30m or a number of seconds')
    if seconds > 1e9:
        raise argparse.ArgumentTypeError(f'invalid duration "{text}": more than 30 years')
    return seconds
