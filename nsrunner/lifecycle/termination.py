"""The arithmetic of ending a pod: how long its containers may take (kubelet-semantics 4 and 10)."""

from __future__ import annotations

from typing import Final

__all__ = ["DEFAULT_GRACE", "MINIMUM_GRACE", "MINIMUM_STOP", "shrunk", "sooner"]

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


def sooner(known: float | None, wanted: float | None) -> float | None:
    """When the grace period ends after one more order to stop. None: there is none, which nothing changes."""
    return None if known is None or wanted is None else min(known, wanted)
