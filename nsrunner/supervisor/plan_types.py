"""What plans are made from, what they look like, and how making one fails."""

from __future__ import annotations

from msgspec import Struct

from nsrunner.errors import NsrunnerError
from nsrunner.sandbox.host import HostFacts
from nsrunner.sandbox.seccomp_store import Program, SeccompSource, seccomp_program
from nsrunner.sandbox.spec import ContainerSpec, SandboxSpec
from nsrunner.sandbox.state import Roots

__all__ = [
    "ConfigError",
    "ContainerPlan",
    "CreateError",
    "Node",
    "PlanWarning",
    "Program",
    "Rejection",
    "SandboxPlan",
]


class Node(Struct, frozen=True, kw_only=True):
    """What this machine and its configuration add to a pod's own words."""

    facts: HostFacts
    roots: Roots
    name: str = ""
    """spec.nodeName; empty: the host's name."""
    pod_address: str = "192.0.2.1/32"
    """Of the dummy eth0 (network ``none``); empty: there is none, and the pod has no IP."""
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = "cluster.local"
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    """Names, or prefixes ending in ``*``."""
    seccomp_default: bool = True
    """RuntimeDefault where a manifest says nothing; False: Unconfined, as the kubelet."""
    seccomp: SeccompSource = seccomp_program
    """Makes the filters: the one input that is a function, because compiling the default profile takes its time."""
    log_max_size: int = 10 << 20
    log_max_files: int = 5


class ConfigError(NsrunnerError):
    """The container's configuration cannot be made: CreateContainerConfigError."""


class CreateError(NsrunnerError):
    """The container cannot be created: CreateContainerError. For a sandbox: FailedCreatePodSandBox."""


class PlanWarning(Struct, frozen=True, kw_only=True):
    """To be published as a Warning event."""

    reason: str
    message: str
    container: str = ""


class Rejection(Struct, frozen=True, kw_only=True):
    """The node refuses the pod: lifecycle.events.PodRejected."""

    reason: str
    message: str


class SandboxPlan(Struct, frozen=True, kw_only=True):
    spec: SandboxSpec
    pod_ips: tuple[str, ...]
    """status.podIPs; the host's with hostNetwork."""
    hostname: str
    """Kernel host name that the containers see."""
    warnings: tuple[PlanWarning, ...] = ()


class ContainerPlan(Struct, frozen=True, kw_only=True):
    spec: ContainerSpec
    warnings: tuple[PlanWarning, ...] = ()
