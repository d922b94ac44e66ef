"""From a Pod and facts to plans: the pure step between the manifest and the system calls.

Everything that a plan depends on comes in as an argument; what goes wrong comes out as one of the errors below, in the
kubelet's words. ``supervisor/perform.py`` turns the errors into waiting reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nsrunner.model.types import Pod
from nsrunner.sandbox.host import HostFacts
from nsrunner.sandbox.rootfs import ImageRoot
from nsrunner.sandbox.spec import ContainerSpec, ExecSpec, Owner, SandboxSpec
from nsrunner.sandbox.state import Roots

__all__ = [
    "ConfigError",
    "ContainerPlan",
    "CreateError",
    "Node",
    "PlanWarning",
    "Rejection",
    "SandboxPlan",
    "admit",
    "container_id",
    "plan_container",
    "plan_exec",
    "plan_sandbox",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What this machine and its configuration add to a pod's own words."""

    facts: HostFacts
    roots: Roots
    name: str = ""
    """spec.nodeName; empty: the host's name."""
    pod_address: str = "192.0.2.1/32"
    """Of the dummy eth0 (network ``none``)."""
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = ""
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    """Names, or prefixes ending in ``*``."""
    seccomp_default: bool = True
    log_max_size: int = 10 << 20
    log_max_files: int = 5


class ConfigError(Exception):
    """-> CreateContainerConfigError"""


class CreateError(Exception):
    """-> CreateContainerError"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWarning:
    """To be published as a Warning event."""

    reason: str
    message: str
    container: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """The node refuses the pod: lifecycle.events.PodRejected."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPlan:
    spec: SandboxSpec
    pod_ips: tuple[str, ...]
    """status.podIPs; the host's with hostNetwork."""
    hostname: str
    """Kernel host name that the containers see."""
    warnings: tuple[PlanWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPlan:
    spec: ContainerSpec
    warnings: tuple[PlanWarning, ...] = ()


def admit(pod: Pod, node: Node) -> Rejection | None:
    """Node admission (kubelet-semantics 18.7)."""
    raise NotImplementedError


def container_id(uid: str, container: str, attempt: int, sandbox_attempt: int) -> str:
    """64 hex digits, the same for the same instance."""
    raise NotImplementedError


def plan_sandbox(pod: Pod, node: Node, *, owner: Owner, attempt: int) -> SandboxPlan:
    """Raises CreateError when no sandbox can come of this pod (-> FailedCreatePodSandBox)."""
    raise NotImplementedError


def plan_container(
    pod: Pod,
    name: str,
    node: Node,
    *,
    attempt: int,
    sandbox: SandboxPlan,
    image: ImageRoot,
    config_maps: Mapping[str, object] = field(default_factory=dict),
    secrets: Mapping[str, object] = field(default_factory=dict),
) -> ContainerPlan:
    """The next instance of the (init) container ``name``. Raises ConfigError, CreateError."""
    raise NotImplementedError


def plan_exec(
    container_id: str, argv: tuple[str, ...], *, tty: bool = False, rows: int = 0, columns: int = 0
) -> ExecSpec:
    raise NotImplementedError
