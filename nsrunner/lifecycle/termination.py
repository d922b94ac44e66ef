"""The arithmetic of ending a pod: how long its containers may take (kubelet-semantics 4 and 10).

The place where an order among containers (sidecars last) and the time that preStop hooks use up will be reckoned.
"""

from __future__ import annotations

from typing import Final

__all__ = ["DEFAULT_GRACE", "MINIMUM_GRACE", "MINIMUM_STOP", "kill_time", "shrunk", "sooner"]

DEFAULT_GRACE: Final = 30
"""Seconds, where the spec says nothing (the API's default)."""
MINIMUM_GRACE: Final = 1
"""Seconds of a pod's grace period once it is terminating."""
MINIMUM_STOP: Final = 2.0
"""Seconds between TERM and KILL, whatever the grace period."""


def shrunk(current: int | None, requested: int) -> int:
    """The grace period in force after one more request: it can only become shorter.

    ``current`` is the one in force (None: the pod was not ending).
    """
    grace = max(requested, MINIMUM_GRACE)
    return grace if current is None else min(current, grace)


def kill_time(grace: int, now: float) -> float:
    """When containers that get TERM now are killed (monotonic seconds)."""
    return now + max(float(grace), MINIMUM_STOP)


def sooner(known: float | None, wanted: float | None) -> float | None:
    """When to kill after one more order to stop. None is now, which nothing postpones."""
    return None if known is None or wanted is None else min(known, wanted)
