"""From a Pod and facts to plans: the pure step between the manifest and the system calls.

Everything that a plan depends on comes in as an argument; what goes wrong comes out as ConfigError or CreateError, in
the kubelet's words. ``supervisor/perform.py`` turns the errors into waiting reasons. The parts, by idea:

- :mod:`~nsrunner.supervisor.plan_admit`: may the pod run here at all?
- :mod:`~nsrunner.supervisor.plan_sandbox`, :mod:`~nsrunner.supervisor.plan_network`: what its containers share
- :mod:`~nsrunner.supervisor.plan_container`: one instance, with its
  :mod:`~nsrunner.supervisor.plan_mounts` and :mod:`~nsrunner.supervisor.plan_security`
"""

from __future__ import annotations

from nsrunner.supervisor.plan_admit import admit
from nsrunner.supervisor.plan_container import container_id, plan_container, plan_exec
from nsrunner.supervisor.plan_sandbox import plan_sandbox
from nsrunner.supervisor.plan_types import (
    ConfigError,
    ContainerPlan,
    CreateError,
    Node,
    PlanWarning,
    Rejection,
    SandboxPlan,
)

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
