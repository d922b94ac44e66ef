"""The two back-offs of a pod: restarts of a container that ended (kubelet-semantics 9) and image pulls (19).

Both are values; the caller keeps them. Times are monotonic seconds. One thing the kubelet does by a loop every two
seconds is done here at the instant: an entry that has not been advanced for :data:`EXPIRY` is gone. A pod may tune its
restarts by annotations (:mod:`nsrunner.model.tuning`).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from nsrunner.model.tuning import restart_tuning
from nsrunner.model.types import AnyContainer, Pod

__all__ = [
    "EXPIRY",
    "INITIAL",
    "MAXIMUM",
    "CrashBackOff",
    "PullBackOff",
    "RestartLimits",
    "after_failed_pull",
    "key_of",
    "limits_of",
    "try_restart",
]

INITIAL: Final = 10.0
MAXIMUM: Final = 300.0
EXPIRY: Final = 600.0
"""Of an entry of either kind; fixed, whatever the configured maximum (since Kubernetes 1.32)."""


class RestartLimits(Struct, frozen=True, kw_only=True):
    """The numbers of a crash-loop back-off, in seconds."""

    initial: float = INITIAL
    """Before the second restart; the first one is immediate."""
    maximum: float = MAXIMUM
    reset: float = EXPIRY
    """A run that lasted longer than this since it was allowed is followed by an immediate restart, and all is as in the
    beginning."""

    @property
    def forget(self) -> float:
        """Since the last restart was allowed, after which the entry is gone even in the middle of a wait. Never in one
        that the pod has asked for."""
        return max(EXPIRY, self.reset, 2 * self.maximum)


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


_USUAL: Final = RestartLimits()


def limits_of(pod: Pod, *, maximum: float = MAXIMUM) -> RestartLimits:
    """``maximum`` is the node's (it also lowers the initial delay); what the pod says goes before."""
    tuning = restart_tuning(pod.metadata.annotations)
    if tuning.maximum is not None:
        maximum = tuning.maximum
    elif tuning.initial is not None:
        maximum = max(maximum, tuning.initial)
    return RestartLimits(
        initial=min(INITIAL if tuning.initial is None else tuning.initial, maximum),
        maximum=maximum,
        reset=EXPIRY if tuning.reset is None else tuning.reset,
    )


def key_of(container: AnyContainer) -> str:
    """What a container's crash-loop entry is bound to besides the pod and the name: the image and the resources."""
    return f"{container.image}|{container.resources!r}"


def try_restart(
    entry: CrashBackOff | None, *, key: str, finished: float, now: float, limits: RestartLimits = _USUAL
) -> tuple[CrashBackOff, float | None]:
    """Ask to start a container whose newest dead instance ended at ``finished``.

    Returns the entry as it is afterwards and, when the start is refused, the instant from which it is allowed (the
    entry is then unchanged).
    """
    if entry is None or entry.key != key or _expired(entry, finished, now, limits):
        return CrashBackOff(key=key, delay=limits.initial, updated=now), None
    if now < finished + entry.delay:
        return entry, min(finished + entry.delay, entry.updated + limits.forget)
    return CrashBackOff(key=key, delay=min(2 * entry.delay, limits.maximum), updated=now), None


def _expired(entry: CrashBackOff, finished: float, now: float, limits: RestartLimits) -> bool:
    # Sums are compared, not differences: at the instant that a refusal names, rounding must not refuse once more.
    return finished > entry.updated + limits.reset or now >= entry.updated + limits.forget


def after_failed_pull(entry: PullBackOff | None, *, error: str, now: float) -> PullBackOff:
    """The entry after one more failed pull."""
    if entry is None or now > entry.failed + EXPIRY:
        return PullBackOff(delay=INITIAL, failed=now, error=error)
    return PullBackOff(delay=min(2 * entry.delay, MAXIMUM), failed=now, error=error)
