"""Who a container's program is, and what it may do (kubelet-semantics 18.5 and 23)."""

from __future__ import annotations

import resource
from functools import lru_cache
from typing import Final, TypeVar

from msgspec import Struct

from nsrunner.errors import HostError
from nsrunner.model.aggregate import container_requests
from nsrunner.model.qos import qos_class
from nsrunner.model.types import AnyContainer, Capabilities, Container, Pod, SeccompProfile
from nsrunner.sandbox import security
from nsrunner.sandbox.rootfs import ImageRoot
from nsrunner.sandbox.seccomp_error import ProfileError
from nsrunner.sandbox.seccomp_store import Program
from nsrunner.sandbox.spec import Credentials, Rlimit
from nsrunner.sandbox.users import MAX_ID, ImageUser, UserError, lookup
from nsrunner.supervisor.plan_types import ConfigError, CreateError, Node, PlanWarning

__all__ = ["Security", "oom_score_adj", "plan_security", "rlimits"]

T = TypeVar("T")

_NOFILE: Final = (1024, 524288)
_UNCONFINED: Final = Program(b"", 0)


class Security(Struct, frozen=True, kw_only=True):
    credentials: Credentials
    privileged: bool
    readonly_root: bool
    masked_paths: tuple[str, ...]
    readonly_paths: tuple[str, ...]
    warnings: tuple[PlanWarning, ...] = ()


def _either(own: T | None, shared: T | None) -> T | None:
    """A container's own value, else the pod's."""
    return shared if own is None else own


def plan_security(pod: Pod, container: AnyContainer, node: Node, image: ImageRoot) -> Security:
    """Raises ConfigError, CreateError."""
    own, shared, facts = container.security_context, pod.spec.security_context, node.facts
    privileged = own is not None and bool(own.privileged)
    user = _user(pod, container, image)
    groups = _groups(pod, user)
    wanted = (own.capabilities if own is not None else None) or Capabilities()
    try:
        sets = security.capability_sets(
            add=wanted.add,
            drop=wanted.drop,
            privileged=privileged,
            uid=user.uid,
            held=facts.capabilities,
            device_filter=facts.device_filter,
        )
    except security.UnknownCapability as error:
        raise CreateError(f'unknown capability "{error}"') from None
    profile = _either(
        own.seccomp_profile if own is not None else None, shared.seccomp_profile if shared is not None else None
    )
    program = _UNCONFINED if privileged else _seccomp(profile, node, sets.bounding)
    unmasked = privileged or (own is not None and own.proc_mount == "Unmasked")
    warnings = []
    if sets.missing:
        names = ", ".join(security.names(sets.missing))
        warnings.append(
            PlanWarning(
                reason="CapabilityNotHeld",
                message=f"container {container.name} asks for {names}, which nsrunner itself does not have",
                container=container.name,
            )
        )
    return Security(
        credentials=Credentials(
            uid=user.uid,
            gid=user.gid,
            groups=groups,
            bounding=sets.bounding,
            permitted=sets.permitted,
            no_new_privs=own is not None and own.allow_privilege_escalation is False,
            seccomp=program.code,
            seccomp_flags=program.flags,
        ),
        privileged=privileged,
        readonly_root=own is not None and bool(own.read_only_root_filesystem),
        masked_paths=() if unmasked else facts.masked_paths,
        readonly_paths=() if unmasked else security.READONLY_PATHS,
        warnings=tuple(warnings),
    )


# --- users and groups -------------------------------------------------------------------------------------------------


def _user(pod: Pod, container: AnyContainer, image: ImageRoot) -> ImageUser:
    own, shared = container.security_context, pod.spec.security_context
    uid = _either(own.run_as_user if own else None, shared.run_as_user if shared else None)
    gid = _either(own.run_as_group if own else None, shared.run_as_group if shared else None)
    non_root = _either(own.run_as_non_root if own else None, shared.run_as_non_root if shared else None)
    for field, number in (("runAsUser", uid), ("runAsGroup", gid)):
        if number is not None and not 0 <= number <= MAX_ID:
            raise ConfigError(f"{field} {number}: must be between 0 and {MAX_ID}, inclusive")
    who = f'(pod: "{_pod(pod)}", container: {container.name})'
    if uid is not None and uid == 0 and non_root:
        raise ConfigError(f"container's runAsUser breaks non-root policy {who}")
    name = image.user.partition(":")[0]
    if uid is None and non_root and name and not name.isdecimal():
        raise ConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root {who}"
        )
    try:
        found = lookup(image.users, image.user if uid is None else str(uid), run_as_group=gid)
    except UserError as error:
        raise CreateError(str(error)) from None
    if uid is None and non_root and found.uid == 0:
        raise ConfigError(f"container has runAsNonRoot and image will run as root {who}")
    return found


def _pod(pod: Pod) -> str:
    return f"{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})"


def _groups(pod: Pod, user: ImageUser) -> tuple[int, ...]:
    """The primary group is always among them: without it, "group may not" of a file's mode could be passed by."""
    groups = [user.gid]
    context = pod.spec.security_context
    if context is None or context.supplemental_groups_policy != "Strict":
        groups += user.groups
    if context is not None:
        groups += context.supplemental_groups
        if context.fs_group is not None:
            groups.append(context.fs_group)
    return tuple(dict.fromkeys(groups))


# --- seccomp ----------------------------------------------------------------------------------------------------------


def _seccomp(profile: SeccompProfile | None, node: Node, capabilities: int) -> Program:
    kind = profile.type if profile is not None else ("RuntimeDefault" if node.seccomp_default else "Unconfined")
    localhost = ""
    match kind:
        case "Unconfined":
            return _UNCONFINED
        case "RuntimeDefault":
            pass
        case "Localhost":
            localhost = (profile.localhost_profile if profile is not None else None) or ""
            if not localhost:
                raise ConfigError("localhostProfile must be set if seccompProfile type is Localhost.")
        case _:
            raise ConfigError(f'unknown seccomp profile type "{kind}"')
    try:
        return node.seccomp(localhost, node.facts, node.roots, capabilities)
    except (ProfileError, HostError) as error:
        raise CreateError(str(error)) from None


# --- the process ------------------------------------------------------------------------------------------------------


def oom_score_adj(pod: Pod, container: AnyContainer, memory: int) -> int:
    """``memory`` is the node's, in bytes."""
    if pod.spec.priority_class_name == "system-node-critical":
        return -997
    match qos_class(pod):
        case "Guaranteed":
            return -997
        case "BestEffort":
            return 1000
        case "Burstable":
            spare = _spare_request(pod)
            own = _burstable(_memory_request(container) + spare, memory)
            sidecar = container.restart_policy == "Always" and container in pod.spec.init_containers
            if not sidecar:
                return own
            smallest = min((_memory_request(regular) for regular in pod.spec.containers), default=0)
            return min(own, _burstable(smallest + spare, memory))


def _spare_request(pod: Pod) -> int:
    """What the pod as a whole requests beyond its containers, in even shares: bytes of memory for each."""
    spec = pod.spec
    whole = spec.resources.requests.get("memory") if spec.resources is not None else None
    if not whole:
        return 0
    taken = container_requests(spec).get("memory")
    spare = whole.value - (taken.value if taken is not None else 0)
    return max(spare, 0) // (len(spec.containers) + len(spec.init_containers))


def _memory_request(container: AnyContainer | Container) -> int:
    quantity = container.resources.requests.get("memory")
    return quantity.value if quantity is not None else 0


def _burstable(request: int, memory: int) -> int:
    score = 1000 - 1000 * request // memory
    return min(max(score, 3), 999)


@lru_cache(maxsize=8)
def rlimits(own: tuple[tuple[int, int, int], ...]) -> tuple[Rlimit, ...]:
    """All of them, so that none depends on the shell that nsrunner was started from by accident; only ever lower.
    ``own`` are this process's (resource, soft, hard)."""
    limits = []
    for number, soft, hard in own:
        if number == resource.RLIMIT_NOFILE:
            hard = _NOFILE[1] if hard < 0 else min(hard, _NOFILE[1])
            soft = min(_NOFILE[0], hard)
        elif number == resource.RLIMIT_CORE:
            soft = 0
        limits.append(Rlimit(resource=number, soft=soft, hard=hard))
    return tuple(limits)
