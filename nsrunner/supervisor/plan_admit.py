"""Node admission: pods that this node refuses before anything of them is made (kubelet-semantics 18.7, 23)."""

from __future__ import annotations

from nsrunner.lifecycle.events import Event, PodAdded, PodRejected
from nsrunner.model.sysctls import is_allowed, is_ipc, with_dots
from nsrunner.model.types import Pod
from nsrunner.supervisor.plan_types import Node, Rejection

__all__ = ["acceptance", "admit"]


def admit(pod: Pod, node: Node) -> Rejection | None:
    """Why this node refuses the pod, if it does."""
    spec = pod.spec
    if spec.os is not None and spec.os.name != "linux":
        return Rejection(
            reason="PodOSNotSupported", message="Failed to admit pod as the OS field doesn't match node OS"
        )
    if spec.node_selector.get("kubernetes.io/os", "linux") != "linux":
        return Rejection(
            reason="PodOSSelectorNodeLabelDoesNotMatch",
            message="Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
        )
    context = spec.security_context
    for sysctl in context.sysctls if context is not None else ():
        name = with_dots(sysctl.name)
        problem = _sysctl_problem(name, pod, node)
        if problem:
            return Rejection(reason="SysctlForbidden", message=f'forbidden sysctl: "{name}" {problem}')
    return None


def _sysctl_problem(name: str, pod: Pod, node: Node) -> str:
    if not is_allowed(name, node.allowed_unsafe_sysctls):
        return "not allowlisted"
    if pod.spec.host_ipc and is_ipc(name):
        return "not allowed with host ipc enabled"
    if pod.spec.host_network and name.startswith("net."):
        return "not allowed with host net enabled"
    return ""


def acceptance(pod: Pod, node: Node) -> Event:
    """What the node says to the pod."""
    rejection = admit(pod, node)
    if rejection is None:
        return PodAdded()
    return PodRejected(reason=rejection.reason, message=rejection.message)
