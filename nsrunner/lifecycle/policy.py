"""What the spec says about containers, and whether the end of one is followed by another start (kubelet-semantics 6.4).

The place where container-level restart policies and restart rules will be read.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from nsrunner.lifecycle.backoff import MAXIMUM, key_of
from nsrunner.lifecycle.termination import DEFAULT_GRACE
from nsrunner.model.types import Pod

__all__ = ["COMPLETED", "OOM_KILLED", "ContainerPlan", "PodPlan", "plan_of", "restarts", "succeeded"]

COMPLETED: Final = "Completed"
OOM_KILLED: Final = "OOMKilled"
SOURCE_ANNOTATION: Final = "kubernetes.io/config.source"


class ContainerPlan(Struct, frozen=True, kw_only=True):
    """The part of the spec that a container's machine reads."""

    name: str
    image: str
    init: bool
    restart_policy: str
    """``Always``, ``OnFailure`` or ``Never``."""
    pod: str
    """``NAME_NAMESPACE(UID)``, as the kubelet's messages name a pod."""
    key: str
    """Of the crash-loop back-off."""
    maximum: float
    """Seconds that a crash-loop back-off may reach."""

    @property
    def field_path(self) -> str:
        return f"spec.{'initContainers' if self.init else 'containers'}{{{self.name}}}"


class PodPlan(Struct, frozen=True, kw_only=True):
    """The part of the spec that a pod's machine reads."""

    containers: dict[str, ContainerPlan]
    """By name: init containers in their order, then regular ones in theirs."""
    restart_policy: str
    grace: int
    """terminationGracePeriodSeconds."""
    active_deadline: int | None
    """activeDeadlineSeconds."""
    static: bool
    """From a file or URL, not from an API: its phase is not forced to an end (kubelet-semantics 10.3, 12)."""

    @property
    def init(self) -> list[ContainerPlan]:
        return [plan for plan in self.containers.values() if plan.init]

    @property
    def regular(self) -> list[ContainerPlan]:
        return [plan for plan in self.containers.values() if not plan.init]


def plan_of(pod: Pod, *, maximum: float = MAXIMUM) -> PodPlan:
    """``maximum`` is the longest crash-loop back-off, in seconds."""
    meta, spec = pod.metadata, pod.spec
    policy = spec.restart_policy or "Always"
    grace = spec.termination_grace_period_seconds
    return PodPlan(
        containers={
            container.name: ContainerPlan(
                name=container.name,
                image=container.image or "",
                init=init,
                restart_policy=policy,
                pod=f"{meta.name}_{meta.namespace}({meta.uid})",
                key=key_of(container),
                maximum=maximum,
            )
            for containers, init in ((spec.init_containers, True), (spec.containers, False))
            for container in containers
        },
        restart_policy=policy,
        grace=DEFAULT_GRACE if grace is None else grace,
        active_deadline=spec.active_deadline_seconds,
        static=meta.annotations.get(SOURCE_ANNOTATION, "api") != "api",
    )


def succeeded(exit_code: int, reason: str, *, init: bool) -> bool:
    """Whether an end counts as success. An init container that was OOMKilled failed, even with exit code 0."""
    return exit_code == 0 and not (init and reason == OOM_KILLED)


def restarts(plan: ContainerPlan, exit_code: int, reason: str) -> bool:
    """Whether a container that ended so is started again while its pod lives."""
    if plan.init and succeeded(exit_code, reason, init=True):
        return False
    match plan.restart_policy:
        case "Always":
            return True
        case "OnFailure":
            return exit_code != 0
        case _:
            return False
