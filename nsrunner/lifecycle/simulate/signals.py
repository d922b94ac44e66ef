"""Numbers of the stop signals that a spec may name: a program that dies of one exits with 128 plus its number."""

from __future__ import annotations

import signal

__all__ = ["number_of"]


def number_of(name: str) -> int:
    """Of a signal without ``SIG``, such as ``TERM`` or ``RTMIN+3``; TERM's for one that is not known."""
    base, sign, offset = name.partition("+" if "+" in name else "-")
    try:
        return signal.Signals[f"SIG{base}"].value + int(f"{sign}{offset}" or 0)
    except (KeyError, ValueError):
        return int(signal.SIGTERM)
