"""The two back-offs of a pod: restarts of a container that ended (kubelet-semantics 9) and image pulls (19).

Both are values; the caller keeps them. Times are monotonic seconds. One thing the kubelet does by a loop every two
seconds is done here at the instant: an entry that has not been advanced for :data:`EXPIRY` is gone.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from nsrunner.model.types import Container

__all__ = ["EXPIRY", "INITIAL", "MAXIMUM", "CrashBackOff", "PullBackOff", "after_failed_pull", "key_of", "try_restart"]

INITIAL: Final = 10.0
MAXIMUM: Final = 300.0
EXPIRY: Final = 600.0
"""Of an entry of either kind; fixed, whatever the configured maximum (since Kubernetes 1.32)."""


class CrashBackOff(Struct, frozen=True, kw_only=True):
    """The entry of one container."""

    key: str
    """What the container was when the entry was made (:func:`key_of`); another key starts from zero."""
    delay: float
    """Seconds that must pass after the next end before the container may start again."""
    updated: float
    """When a restart was last allowed."""


class PullBackOff(Struct, frozen=True, kw_only=True):
    """The entry of one image of the pod, shared by all its containers."""

    delay: float
    failed: float
    """When the last pull failed."""
    error: str

    @property
    def until(self) -> float:
        return self.failed + self.delay


def key_of(container: Container) -> str:
    """What a container's crash-loop entry is bound to besides the pod and the name: the image and the resources."""
    return f"{container.image}|{container.resources!r}"


def try_restart(
    entry: CrashBackOff | None, *, key: str, finished: float, now: float, maximum: float = MAXIMUM
) -> tuple[CrashBackOff, float | None]:
    """Ask to start a container whose newest dead instance ended at ``finished``.

    Returns the entry as it is afterwards and, when the start is refused, the instant from which it is allowed (the
    entry is then unchanged).

    The kubelet forgets an entry when the run that just ended lasted more than EXPIRY since it was allowed, and also in
    the middle of a wait, as soon as EXPIRY has passed. The second rule contains the first.
    """
    # Sums are compared, not differences: at the instant that a refusal names, rounding must not refuse once more.
    if entry is not None and entry.key == key and now < entry.updated + EXPIRY:
        if now < finished + entry.delay:
            return entry, min(finished + entry.delay, entry.updated + EXPIRY)
        delay = min(2 * entry.delay, maximum)
    else:
        delay = min(INITIAL, maximum)
    return CrashBackOff(key=key, delay=delay, updated=now), None


def after_failed_pull(entry: PullBackOff | None, *, error: str, now: float) -> PullBackOff:
    """The entry after one more failed pull."""
    if entry is None or now > entry.failed + EXPIRY:
        return PullBackOff(delay=INITIAL, failed=now, error=error)
    return PullBackOff(delay=min(2 * entry.delay, MAXIMUM), failed=now, error=error)
