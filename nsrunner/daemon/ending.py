"""How the daemon ends its pods when it is told to: all for good (``--drain``), or until the machine is up again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from nsrunner.api.errors import ApiError
from nsrunner.api.registry import Registry, now_text
from nsrunner.api.resources import Context
from nsrunner.daemon.accidents import all_of
from nsrunner.daemon.config import Config
from nsrunner.daemon.pods import Pods
from nsrunner.model.types import Pod
from nsrunner.sources.static import SOURCE
from nsrunner.supervisor.pod import PodTask

__all__ = ["drain", "is_critical", "machine_goes_down", "shut_down"]

log = logging.getLogger(__name__)

_CRITICAL: Final = ("system-cluster-critical", "system-node-critical")
_ASK_SECONDS: Final = 5.0
_SPARE_SECONDS: Final = 2.0
"""Beyond the grace period: for what is killed then, and for taking the pod apart."""


def is_critical(pod: Pod) -> bool:
    """Whether the pod is among the last to go at a shutdown (kubelet ``pkg/kubelet/types.IsCriticalPod``)."""
    static = pod.metadata.annotations.get(SOURCE, "api") != "api"
    return static or pod.spec.priority_class_name in _CRITICAL


async def machine_goes_down(config: Config) -> bool:
    """Whether a TERM that has come means that. False when no time is set aside for the pods."""
    if config.shutdown_grace_period <= 0:
        return False
    if config.shutdown_detection == "term":
        return True
    try:
        asked = await asyncio.create_subprocess_exec(
            "systemctl",
            "is-system-running",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False  # no systemd
    try:
        output, _ = await asyncio.wait_for(asked.communicate(), _ASK_SECONDS)
    except TimeoutError:
        asked.kill()
        await asked.wait()
        return False
    return output.strip() == b"stopping"


async def drain(pods: Pods, registry: Registry) -> None:
    """Deletes every pod with its own grace period, and returns when nothing is left of any."""
    resource = registry.find("", "v1", "pods")
    assert resource is not None
    for task in tuple(pods.tasks.values()):
        if _is_static(task):
            task.delete(None)
    for object in registry.list(resource, None)["items"]:
        metadata = object["metadata"]
        try:
            await registry.delete(resource, metadata["namespace"], metadata["name"], {}, Context(now=now_text()))
        except ApiError as error:
            log.error("pod %s/%s: %s", metadata["namespace"], metadata["name"], error)
    await _gone(tuple(pods.tasks.values()), None)
    await pods.settled()


async def shut_down(pods: Pods, config: Config) -> None:
    """Ends all processes of pods within the configured time, the critical pods' last. The API keeps the pods as they
    are: the next daemon begins them anew."""
    pods.leave()
    last = config.shutdown_grace_period_critical_pods
    for seconds, critical in ((config.shutdown_grace_period - last, False), (last, True)):
        chosen = [task for task in pods.tasks.values() if is_critical(task.pod) is critical]
        for task in chosen:
            own = task.pod.spec.termination_grace_period_seconds
            task.delete(max(0, min(int(seconds), own if own is not None else int(seconds))))
        if chosen:
            log.info("%d pods have %g s to end", len(chosen), seconds)
            await _gone(chosen, seconds + _SPARE_SECONDS)
    await pods.settled()


async def _gone(tasks: Iterable[PodTask], seconds: float | None) -> None:
    """Returns when they are all removed, or the time is over."""
    late = await all_of([task.wait_removed() for task in tasks], seconds)
    if late:
        log.warning("%d pods have not ended in time", late)


def _is_static(task: PodTask) -> bool:
    return task.pod.metadata.annotations.get(SOURCE, "api") != "api"
