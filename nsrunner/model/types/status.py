"""What the node says about a pod. Fields without a default are always shown, also when they are false or zero."""

from __future__ import annotations

from nsrunner.model.quantity import Quantity
from nsrunner.model.types.base import Int32, Struct
from nsrunner.model.types.resources import ResourceRequirements

__all__ = [
    "ContainerExtendedResourceRequest",
    "ContainerState",
    "ContainerStateRunning",
    "ContainerStateTerminated",
    "ContainerStateWaiting",
    "ContainerStatus",
    "ContainerUser",
    "HostIP",
    "ImageVolumeStatus",
    "LinuxContainerUser",
    "NodeAllocatableResourceClaimStatus",
    "PodCondition",
    "PodExtendedResourceClaimStatus",
    "PodIP",
    "PodResourceClaimStatus",
    "PodStatus",
    "ResourceHealth",
    "ResourceStatus",
    "VolumeMountStatus",
    "VolumeStatus",
]


class ContainerStateWaiting(Struct, frozen=True, kw_only=True):
    reason: str | None = None
    message: str | None = None


class ContainerStateRunning(Struct, frozen=True, kw_only=True):
    started_at: str | None = None


class ContainerStateTerminated(Struct, frozen=True, kw_only=True):
    exit_code: Int32
    signal: Int32 | None = None
    reason: str | None = None
    message: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    container_id: str | None = None


class ContainerState(Struct, frozen=True, kw_only=True):
    """At most one of the three is set; none means waiting."""

    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ImageVolumeStatus(Struct, frozen=True, kw_only=True):
    image_ref: str


class VolumeStatus(Struct, frozen=True, kw_only=True):
    image: ImageVolumeStatus | None = None


class VolumeMountStatus(Struct, frozen=True, kw_only=True):
    name: str
    mount_path: str
    read_only: bool = False
    recursive_read_only: str | None = None
    volume_status: VolumeStatus | None = None


class LinuxContainerUser(Struct, frozen=True, kw_only=True):
    uid: int
    gid: int
    supplemental_groups: tuple[int, ...] = ()


class ContainerUser(Struct, frozen=True, kw_only=True):
    linux: LinuxContainerUser | None = None


class ResourceHealth(Struct, frozen=True, kw_only=True):
    resource_id: str
    health: str | None = None
    message: str | None = None


class ResourceStatus(Struct, frozen=True, kw_only=True):
    name: str
    resources: tuple[ResourceHealth, ...] = ()


class ContainerStatus(Struct, frozen=True, kw_only=True):
    name: str
    state: ContainerState | None = None
    last_state: ContainerState | None = None
    ready: bool
    restart_count: Int32
    image: str
    image_id: str
    container_id: str | None = None
    started: bool | None = None
    allocated_resources: dict[str, Quantity] = {}
    resources: ResourceRequirements | None = None
    volume_mounts: tuple[VolumeMountStatus, ...] = ()
    user: ContainerUser | None = None
    allocated_resources_status: tuple[ResourceStatus, ...] = ()
    stop_signal: str | None = None


class PodCondition(Struct, frozen=True, kw_only=True):
    type: str
    observed_generation: int | None = None
    status: str
    """``True``, ``False`` or ``Unknown``."""
    last_probe_time: str | None = None
    last_transition_time: str | None = None
    reason: str | None = None
    message: str | None = None


class HostIP(Struct, frozen=True, kw_only=True):
    ip: str


class PodIP(Struct, frozen=True, kw_only=True):
    ip: str


class PodResourceClaimStatus(Struct, frozen=True, kw_only=True):
    name: str
    resource_claim_name: str | None = None


class ContainerExtendedResourceRequest(Struct, frozen=True, kw_only=True):
    container_name: str
    resource_name: str
    request_name: str


class PodExtendedResourceClaimStatus(Struct, frozen=True, kw_only=True):
    request_mappings: tuple[ContainerExtendedResourceRequest, ...]
    resource_claim_name: str


class NodeAllocatableResourceClaimStatus(Struct, frozen=True, kw_only=True):
    resource_claim_name: str
    containers: tuple[str, ...] = ()
    resources: dict[str, Quantity]


class PodStatus(Struct, frozen=True, kw_only=True):
    observed_generation: int | None = None
    phase: str | None = None
    conditions: tuple[PodCondition, ...] = ()
    message: str | None = None
    reason: str | None = None
    nominated_node_name: str | None = None
    host_ip: str | None = None
    host_ips: tuple[HostIP, ...] = ()
    pod_ip: str | None = None
    pod_ips: tuple[PodIP, ...] = ()
    start_time: str | None = None
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    qos_class: str | None = None
    ephemeral_container_statuses: tuple[ContainerStatus, ...] = ()
    resize: str | None = None
    resource_claim_statuses: tuple[PodResourceClaimStatus, ...] = ()
    extended_resource_claim_status: PodExtendedResourceClaimStatus | None = None
    allocated_resources: dict[str, Quantity] = {}
    resources: ResourceRequirements | None = None
    node_allocatable_resource_claim_statuses: tuple[NodeAllocatableResourceClaimStatus, ...] = ()
