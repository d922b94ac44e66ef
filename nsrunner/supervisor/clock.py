"""The real clocks."""

from __future__ import annotations

import time

from nsrunner.lifecycle.events import Now

__all__ = ["SystemClock"]


class SystemClock:
    """CLOCK_BOOTTIME, as the shim stamps its records, and the wall clock."""

    def now(self) -> Now:
        return Now(mono=time.clock_gettime(time.CLOCK_BOOTTIME), wall=time.time())
