"""Names of signals, as ``stopSignal`` and the machine have them."""

from __future__ import annotations

import signal

__all__ = ["signal_number"]


def signal_number(name: str) -> int:
    """``TERM``, ``SIGTERM``, ``RTMIN+3``, ``RTMAX-1``. Raises ValueError."""
    base, sign, offset = name.removeprefix("SIG").partition("+" if "+" in name else "-")
    try:
        number = signal.Signals[f"SIG{base}"].value + int(f"{sign}{offset}" or 0)
    except (KeyError, ValueError):
        raise ValueError(f"there is no signal {name}") from None
    if sign and not signal.SIGRTMIN <= number <= signal.SIGRTMAX:
        raise ValueError(f"there is no signal {name}")
    return number
