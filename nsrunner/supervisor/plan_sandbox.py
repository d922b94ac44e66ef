"""The plan of a pod's sandbox: namespaces, names, sysctls, volumes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from nsrunner.model.sysctls import with_dots
from nsrunner.model.types import AnyContainer, Pod
from nsrunner.model.types import Volume as PodVolume
from nsrunner.sandbox import cgroups, security
from nsrunner.sandbox.host import HostFacts
from nsrunner.sandbox.spec import EmptyDir, HostPath, MemoryDir, Namespaces, Owner, SandboxSpec, Volume
from nsrunner.supervisor import plan_network
from nsrunner.supervisor.plan_types import CreateError, Node, PlanWarning, SandboxPlan

__all__ = ["all_containers", "clamped_oom_score", "field_path", "plan_sandbox"]

PAUSE_OOM_SCORE_ADJ: Final = -998

_NETWORK_DEFAULTS: Final = {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
}
"""containerd's, in every network namespace of its own."""


def plan_sandbox(pod: Pod, node: Node, *, owner: Owner, attempt: int) -> SandboxPlan:
    """Raises CreateError when no sandbox can come of this pod (FailedCreatePodSandBox)."""
    spec, metadata, facts = pod.spec, pod.metadata, node.facts
    pod_names = plan_network.names(pod, node)
    pod_ips = facts.ips if spec.host_network else tuple(filter(None, (node.pod_address.partition("/")[0],)))
    files, warnings = plan_network.files(pod, node, pod_names, pod_ips)
    cgroup = cgroups.pod_path(facts.cgroup, metadata.uid)
    return SandboxPlan(
        spec=SandboxSpec(
            uid=metadata.uid,
            attempt=attempt,
            paths=node.roots.pod_paths(metadata.namespace, metadata.name, metadata.uid),
            owner=owner,
            namespaces=Namespaces(
                network="host" if spec.host_network else "pod",
                ipc="host" if spec.host_ipc else "pod",
                pid=_pid_mode(pod),
            ),
            hostname="" if spec.host_network else pod_names.kernel,
            address="" if spec.host_network else node.pod_address,
            sysctls=_sysctls(pod),
            volumes=tuple(_volume(volume, facts) for volume in spec.volumes),
            files=files,
            cgroup=cgroup,
            pause_oom_score_adj=clamped_oom_score(PAUSE_OOM_SCORE_ADJ, facts),
        ),
        pod_ips=pod_ips,
        hostname=pod_names.kernel,
        warnings=(*warnings, *_unenforced(pod), *_host_lacks(cgroup)),
    )


def all_containers(pod: Pod) -> tuple[AnyContainer, ...]:
    return (*pod.spec.init_containers, *pod.spec.containers, *pod.spec.ephemeral_containers)


def field_path(pod: Pod, container: str) -> str:
    """Where events about a container say that it is: ``spec.initContainers{setup}``."""
    spec = pod.spec
    kinds = {"initContainers": spec.init_containers, "ephemeralContainers": spec.ephemeral_containers}
    kind = next((kind for kind, each in kinds.items() if any(container == one.name for one in each)), "containers")
    return f"spec.{kind}{{{container}}}"


def clamped_oom_score(wanted: int, facts: HostFacts) -> int:
    """Only CAP_SYS_RESOURCE can go below what this process has."""
    if facts.capabilities & security.mask(("SYS_RESOURCE",)):
        return wanted
    return max(wanted, facts.oom_score_adj)


def _pid_mode(pod: Pod) -> Literal["container", "pod", "host"]:
    if pod.spec.host_pid:
        return "host"
    return "pod" if pod.spec.share_process_namespace else "container"


def _sysctls(pod: Pod) -> tuple[tuple[str, str], ...]:
    values = {} if pod.spec.host_network else dict(_NETWORK_DEFAULTS)
    context = pod.spec.security_context
    values.update((with_dots(sysctl.name), sysctl.value) for sysctl in (context.sysctls if context is not None else ()))
    for name, value in values.items():
        if any(character < " " or character == "\x7f" for character in value):
            raise CreateError(f'sysctl "{name}": value {value!r} has control characters')
    return tuple(values.items())


def _volume(volume: PodVolume, facts: HostFacts) -> Volume:
    if (host_path := volume.host_path) is not None:
        return HostPath(name=volume.name, path=host_path.path, type=_host_path_type(volume.name, host_path.type))
    if (empty_dir := volume.empty_dir) is not None:
        if not empty_dir.medium:
            return EmptyDir(name=volume.name)
        if empty_dir.medium == "Memory":
            limit = empty_dir.size_limit.value if empty_dir.size_limit is not None else 0
            return MemoryDir(name=volume.name, size=min(limit, facts.memory) if limit > 0 else facts.memory)
        raise CreateError(f'volume "{volume.name}": medium "{empty_dir.medium}" is not supported')
    raise CreateError(f'volume "{volume.name}": this volume type is not supported')


def _host_path_type(
    name: str, kind: str | None
) -> Literal["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"]:
    match kind or "":
        case (
            "" | "DirectoryOrCreate" | "Directory" | "FileOrCreate" | "File" | "Socket" | "CharDevice" | "BlockDevice"
        ) as known:
            return known
        case other:
            raise CreateError(f'volume "{name}": unknown hostPath type "{other}"')


# --- what the pod asks for and does not get ---------------------------------------------------------------------------


def _unenforced(pod: Pod) -> Iterator[PlanWarning]:
    """Limits are shown and counted, but nothing holds a container to them yet."""
    for container in all_containers(pod):
        if limits := [name for name, quantity in container.resources.limits.items() if quantity]:
            yield PlanWarning(
                reason="LimitNotEnforced",
                message=f"the limits of container {container.name} are not enforced: {_list(limits)}",
                container=container.name,
            )
    if pod.spec.resources is not None and pod.spec.resources.limits:
        yield PlanWarning(
            reason="LimitNotEnforced",
            message=f"the limits of the pod are not enforced: {_list(pod.spec.resources.limits)}",
        )
    for volume in pod.spec.volumes:
        if volume.empty_dir is not None and volume.empty_dir.size_limit and not volume.empty_dir.medium:
            yield PlanWarning(
                reason="LimitNotEnforced", message=f"the sizeLimit of volume {volume.name} is not enforced on a disk"
            )


def _host_lacks(cgroup: str) -> Iterator[PlanWarning]:
    if not cgroup:
        yield PlanWarning(
            reason="NoCgroup",
            message="no cgroup2 hierarchy can be used on this host: processes that a container leaves behind in a "
            "shared or the host's PID namespace cannot be ended with it, and CAP_MKNOD is not given",
        )


def _list(items: Iterable[str]) -> str:
    return ", ".join(items)
