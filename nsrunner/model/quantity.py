"""Resource quantities: ``500m``, ``1.5Gi``, ``1e3`` (apimachinery ``pkg/api/resource``).

A quantity is exact: a whole number of nano-units. More precise input is rounded up (away from zero) to a nano-unit,
and the magnitude is capped at 2^63-1, as upstream does. It remembers its text and which family of suffixes was used,
because the canonical form depends on the latter: ``1024Mi`` is ``1Gi``, ``1024M`` stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from functools import total_ordering
from typing import Final

__all__ = ["Format", "Quantity", "QuantityError"]

_NANO: Final = 10**9
_MAX: Final = (2**63 - 1) * _NANO

_GRAMMAR: Final = r"([+-]?)([0-9]*)(?:\.([0-9]*))?([A-Za-z]*)([+-]?[0-9]+)?"
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")

_KEPT_DIGITS: Final = 200
"""More significant digits than this only decide about rounding up."""
_CAPPED_AT: Final = 100
"""A number of nano-units with more digits than this is beyond the cap, whatever they are."""

_EXPLANATION: Final = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


class QuantityError(ValueError):
    """The text is not a quantity."""


class Format(Enum):
    """Family of suffixes."""

    BINARY_SI = "BinarySI"
    DECIMAL_SI = "DecimalSI"
    DECIMAL_EXPONENT = "DecimalExponent"


@total_ordering
class Quantity:
    """An exact amount. Compares, adds and hashes by value; ``str()`` is the canonical form."""

    __slots__ = ("format", "nanos", "text")

    nanos: int
    """The value in units of 10^-9."""
    format: Format
    text: str
    """As it was written."""

    def __init__(self, text: str) -> None:
        """Raises QuantityError when ``text`` is not of the grammar."""
        match = re.fullmatch(_GRAMMAR, text, re.ASCII)
        if match is None:
            raise QuantityError(_EXPLANATION)
        sign, whole, fraction, suffix, exponent = match.groups(default="")
        if not whole and not fraction:
            raise QuantityError(_EXPLANATION)
        self.format, power, shift = _scale(suffix, exponent)
        magnitude = _magnitude(whole + fraction, power - len(fraction), shift)
        self.nanos = -magnitude if sign == "-" else magnitude
        self.text = text

    @classmethod
    def from_nanos(cls, nanos: int, form: Format = Format.DECIMAL_SI) -> Quantity:
        """The quantity of so many 10^-9 units, in canonical form; capped like a parsed one."""
        self = cls.__new__(cls)
        self.nanos = max(-_MAX, min(nanos, _MAX))
        self.format = form
        self.text = _canonical(self.nanos, form)
        return self

    @classmethod
    def total(cls, quantities: Iterable[Quantity]) -> Quantity:
        """The sum, in the format of the first one; 0 for none."""
        items = tuple(quantities)
        form = items[0].format if items else Format.DECIMAL_SI
        return cls.from_nanos(sum(item.nanos for item in items), form)

    def rounded_up_to_milli(self) -> Quantity:
        """Away from zero to a whole number of thousandths: the precision that the API stores."""
        milli = _ceil(abs(self.nanos), 10**6)
        if milli * 10**6 == abs(self.nanos):
            return self
        return self.from_nanos(milli * 10**6 * (-1 if self.nanos < 0 else 1), self.format)

    def ceil(self, divisor: Quantity | None = None) -> int:
        """The whole number of ``divisor`` (default 1), rounded up: what the downward API shows."""
        return _ceil(self.nanos, divisor.nanos if divisor is not None and divisor.nanos else _NANO)

    @property
    def value(self) -> int:
        """Whole units, rounded up: bytes of memory, cores."""
        return _ceil(self.nanos, _NANO)

    @property
    def milli_value(self) -> int:
        """Thousandths, rounded up: millicores."""
        return _ceil(self.nanos, 10**6)

    def __str__(self) -> str:
        return _canonical(self.nanos, self.format)

    def __repr__(self) -> str:
        return f"Quantity({self.text!r})"

    def __bool__(self) -> bool:
        return self.nanos != 0

    def __eq__(self, other: object) -> bool:
        return self.nanos == other.nanos if isinstance(other, Quantity) else NotImplemented

    def __lt__(self, other: Quantity) -> bool:
        return self.nanos < other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)


def _ceil(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def _scale(suffix: str, exponent: str) -> tuple[Format, int, int]:
    """Format, power of ten and power of two of a suffix."""
    if exponent:
        if suffix not in {"e", "E"}:
            raise QuantityError(_EXPLANATION)
        digits = exponent.lstrip("+-").lstrip("0")
        power = int(digits or "0") if len(digits) < 7 else 10**7
        return Format.DECIMAL_EXPONENT, -power if exponent.startswith("-") else power, 0
    if suffix in _DECIMAL:
        return Format.DECIMAL_SI, _DECIMAL[suffix], 0
    if suffix in _BINARY:
        return Format.BINARY_SI, 0, 10 * _BINARY.index(suffix)
    raise QuantityError("unable to parse quantity's suffix")


def _magnitude(digits: str, power: int, shift: int) -> int:
    """``digits * 10^power * 2^shift`` in nano-units, rounded up and capped. Bounded work whatever the input."""
    digits = digits.lstrip("0")
    if not digits:
        return 0
    power += 9
    if len(digits) + power > _CAPPED_AT:
        return _MAX
    if len(digits) + power < -_CAPPED_AT:
        return 1
    head, tail = digits[:_KEPT_DIGITS], digits[_KEPT_DIGITS:]
    number = int(head) + bool(tail.strip("0"))
    power += len(tail)
    number <<= shift
    return min(number * 10**power if power >= 0 else _ceil(number, 10**-power), _MAX)


def _canonical(nanos: int, form: Format) -> str:
    """No fractional digits, the largest possible suffix (``Quantity.CanonicalizeBytes``)."""
    if nanos == 0:
        return "0"
    if form is Format.BINARY_SI and nanos % _NANO == 0 and abs(nanos) >= 1024 * _NANO:
        number, steps = nanos // _NANO, 0
        while number % 1024 == 0 and steps < len(_BINARY) - 1:
            number, steps = number // 1024, steps + 1
        return f"{number}{_BINARY[steps]}"
    number, exponent = nanos, -9
    while number % 1000 == 0 and exponent < 18:
        number, exponent = number // 1000, exponent + 3
    if form is Format.DECIMAL_EXPONENT:
        return f"{number}e{exponent}" if exponent else str(number)
    return f"{number}{_DECIMAL_SUFFIX[exponent]}"
