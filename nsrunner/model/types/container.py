"""Containers: regular, init and ephemeral."""

from __future__ import annotations

from nsrunner.model.types.base import Int32, Struct
from nsrunner.model.types.env import EnvFromSource, EnvVar
from nsrunner.model.types.lifecycle import Lifecycle
from nsrunner.model.types.probe import Probe
from nsrunner.model.types.resources import ContainerResizePolicy, ResourceRequirements
from nsrunner.model.types.security import SecurityContext

__all__ = [
    "AnyContainer",
    "Container",
    "ContainerPort",
    "ContainerRestartRule",
    "ContainerRestartRuleOnExitCodes",
    "EphemeralContainer",
    "VolumeDevice",
    "VolumeMount",
]


class ContainerPort(Struct, frozen=True, kw_only=True):
    name: str | None = None
    host_port: Int32 = 0
    container_port: Int32
    protocol: str = ""
    host_ip: str | None = None


class VolumeMount(Struct, frozen=True, kw_only=True):
    name: str
    read_only: bool = False
    recursive_read_only: str | None = None
    mount_path: str
    sub_path: str | None = None
    mount_propagation: str | None = None
    sub_path_expr: str | None = None


class VolumeDevice(Struct, frozen=True, kw_only=True):
    name: str
    device_path: str


class ContainerRestartRuleOnExitCodes(Struct, frozen=True, kw_only=True):
    operator: str
    values: tuple[Int32, ...] = ()


class ContainerRestartRule(Struct, frozen=True, kw_only=True):
    action: str
    exit_codes: ContainerRestartRuleOnExitCodes | None = None


class AnyContainer(Struct, frozen=True, kw_only=True):
    """What all three kinds of container have."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str | None = None
    ports: tuple[ContainerPort, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    env: tuple[EnvVar, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    resize_policy: tuple[ContainerResizePolicy, ...] = ()
    restart_policy: str | None = None
    restart_policy_rules: tuple[ContainerRestartRule, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    volume_devices: tuple[VolumeDevice, ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    termination_message_path: str = ""
    termination_message_policy: str = ""
    image_pull_policy: str = ""
    security_context: SecurityContext | None = None
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False


class Container(AnyContainer, frozen=True, kw_only=True):
    """A regular or an init container."""


class EphemeralContainer(AnyContainer, frozen=True, kw_only=True):
    """A container that is added to a running pod to look into it."""

    target_container_name: str | None = None
