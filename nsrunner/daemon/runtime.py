"""What the API asks of running pods: execs, attachments, logs, connections."""

from __future__ import annotations

import asyncio

from nsrunner.api import errors
from nsrunner.api.ports import LogFiles, PodRef, Stats
from nsrunner.daemon.pods import Pods
from nsrunner.daemon.stats import read_stats
from nsrunner.supervisor.pod import PodTask

__all__ = ["PodRuntime"]


class PodRuntime:
    """Implements :class:`nsrunner.api.ports.Runtime` over the supervisor's tasks."""

    def __init__(self, pods: Pods) -> None:
        self._pods = pods

    def _task(self, pod: PodRef) -> PodTask:
        task = self._pods.task(pod.uid)
        if task is None:
            raise errors.bad_request(f'pod "{pod.name}" has ended, and nothing of it runs')
        return task

    def log_files(self, pod: PodRef, container: str, *, previous: bool) -> LogFiles:
        """Raises ApiError (400) with the kubelet's words when there is no such instance."""
        task = self._task(pod)
        attempts = sorted(attempt for name, attempt in task.instances if name == container)
        if previous:
            if len(attempts) < 2:
                raise errors.bad_request(f'previous terminated container "{container}" in pod "{pod.name}" not found')
            attempt = attempts[-2]
        elif attempts:
            attempt = attempts[-1]
        else:
            raise errors.bad_request(
                f'container "{container}" in pod "{pod.name}" is waiting to start: {_waiting(task, container)}'
            )
        return LogFiles(
            directory=f"{task.registered.paths.logs}/{container}",
            attempt=attempt,
            running=task.instances.get((container, attempt), False),
        )

    async def log_changed(self, pod: PodRef, container: str) -> None:
        changed = asyncio.Event()
        end = self._pods.subscribe(pod.uid, changed.set)
        try:
            await changed.wait()
        finally:
            end()

    async def stats(self) -> Stats:
        return await read_stats(self._pods)


def _waiting(task: PodTask, container: str) -> str:
    status = task.status
    everyone = (*status.init_container_statuses, *status.container_statuses, *status.ephemeral_container_statuses)
    state = next((each.state for each in everyone if each.name == container), None)
    waiting = state.waiting if state is not None else None
    return (waiting.reason if waiting is not None else None) or "ContainerCreating"
