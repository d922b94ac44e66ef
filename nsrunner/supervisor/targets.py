"""Whose processes an ephemeral container is to see (kubelet-semantics 24)."""

from __future__ import annotations

from nsrunner.model.types import AnyContainer, EphemeralContainer, Pod
from nsrunner.supervisor.ledger import Ledger
from nsrunner.supervisor.plan_types import ConfigError, CreateError

__all__ = ["target_id"]


def target_id(pod: Pod, container: AnyContainer, ledger: Ledger) -> str:
    """Id of the running container whose PID namespace ``container`` joins; empty: it joins none, and where all see each
    other's processes it need not.

    Raises ConfigError when the target has never been started, CreateError when it does not run: neither leaves a
    record, so the start is tried again.
    """
    name = container.target_container_name if isinstance(container, EphemeralContainer) else None
    if not name or pod.spec.share_process_namespace or pod.spec.host_pid:
        return ""
    live = ledger.running.get(name)
    if live is not None:
        return live.id
    if any(name == each for each, _ in ledger.instances):
        raise CreateError(f'invalid target container: container "{name}" is not running - in state CONTAINER_EXITED')
    raise ConfigError(f"unable to find target container {name}")
