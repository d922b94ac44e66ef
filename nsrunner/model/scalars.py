"""What a plain YAML scalar means: the rules of the YAML reader inside kubectl and the API server (go-yaml version 2).

They are neither YAML 1.1 nor 1.2: ``no`` is a boolean and ``0644`` octal, but ``12:30:00`` and timestamps are strings.
Numbers come out as JSON would carry them: a float without a fraction is an integer.
"""

from __future__ import annotations

import math
import re
from typing import Final, TypeAlias

__all__ = ["MERGE", "Scalar", "resolve"]

Scalar: TypeAlias = str | int | float | bool | None

MERGE: Final = "<<"

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
# Patterns as text: re compiles each when a scalar first needs it, and keeps it.
_NOT_FINITE: Final = r"\.(nan|NaN|NAN)|[-+]?\.(inf|Inf|INF)"
_TIMESTAMP: Final = (
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"([Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]*)?(Z|[-+][0-9]{2}:[0-9]{2})?)?"
)
_INTEGERS: Final = (
    (r"[-+]?0[xX][0-9a-fA-F]+", 16),
    (r"[-+]?0[bB][01]+", 2),
    (r"[-+]?0[oO]?[0-7]+", 8),
    (r"[-+]?(0|[1-9][0-9]*)", 10),
)
_FLOAT: Final = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
_FIRST: Final = "0123456789+-."
_LAST: Final = "0123456789abcdefABCDEFnNZ._"
"""What a number or timestamp begins and ends with: ``100m`` and ``64Mi`` are text at once."""
_ALWAYS_64_BITS: Final = 20
"""Shorter runs of digits are numbers of at most 64 bits."""
_LONGEST_NUMBER: Final = 400
"""Characters; a longer run of digits overflows every number type and is text."""
_JSON_INTEGRAL: Final = 1e21
"""Below this Go's JSON encoder writes a float without a fraction as an integer."""


def resolve(text: str) -> Scalar:
    """The value of the plain (unquoted, untagged) scalar ``text``. NaN and infinities come out as such."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _FIRST or text[-1] not in _LAST or len(text) > _LONGEST_NUMBER:
        return text
    if len(text) < _ALWAYS_64_BITS and text.isascii() and text.isdigit() and (text[0] != "0" or text == "0"):
        return int(text)  # most numbers are so, and then no pattern needs to be compiled
    if _is(_NOT_FINITE, text):
        return float(text.replace(".", "", 1))
    if _is(_TIMESTAMP, text):
        return text
    plain = text.replace("_", "") if text[0] != "." else text
    for pattern, base in _INTEGERS:
        if _is(pattern, plain):
            try:
                return _integer(plain, base)
            except OverflowError:  # larger than any float
                return text
    if _is(_FLOAT, plain):
        value = float(plain)
        return text if math.isinf(value) else integral(value)
    return text


def _is(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.ASCII) is not None


def _integer(text: str, base: int) -> int | float:
    value = int(text, base) if base != 8 else int(re.sub("[oO]", "", text, count=1), 8)
    # Beyond 64 bits go-yaml falls back to a float.
    return value if -(2**63) <= value < 2**64 else integral(float(value))


def integral(value: float) -> int | float:
    """The float as JSON carries it."""
    return int(value) if value.is_integer() and abs(value) < _JSON_INTEGRAL else value
