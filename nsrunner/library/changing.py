"""What may be changed of a pod that runs: conditions that others set, ephemeral containers; and copies to look into."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Self, TypedDict, Unpack

from nsrunner.errors import ManifestError, PodFailed, UsageError, WaitTimeout
from nsrunner.lifecycle.conditions import OURS
from nsrunner.lifecycle.events import ConditionSet, SpecChanged
from nsrunner.model.support import Verdict, verdicts
from nsrunner.model.types import Container, ContainerStatus, EnvVar, EphemeralContainer, Pod
from nsrunner.supervisor.pod import PodTask

__all__ = ["Changing", "CopyOptions"]


class CopyOptions(TypedDict, total=False):
    """Keywords of :func:`nsrunner.model.debug.debug_copy`."""

    container: str
    command: Sequence[str]
    images: Mapping[str, str]
    add: Container
    share_process_namespace: bool
    keep_labels: bool
    keep_annotations: bool
    keep_probes: bool


class Changing(ABC):
    """A part of AsyncPod."""

    _wanted: Pod | None = None
    """The pod as it was last asked for; the task may not have come to it yet."""

    @property
    @abstractmethod
    def task(self) -> PodTask:
        """What the supervisor runs. Raises UsageError before the start."""

    @property
    @abstractmethod
    def manifest(self) -> Pod:
        """The pod as it was given."""

    @abstractmethod
    def like(self, pod: Pod) -> Self:
        """Another one with the same options, not started."""

    @abstractmethod
    def subscribe(self, look: Callable[[], None]) -> Callable[[], None]:
        """Be told of every change."""

    async def set_condition(
        self, kind: str, status: Literal["True", "False", "Unknown"] = "True", *, reason: str = "", message: str = ""
    ) -> None:
        """Sets one of the pod's conditions, such as that of a readiness gate, which then may let the pod be Ready.

        Raises UsageError for a condition that nsrunner decides itself.
        """
        if kind in OURS:
            raise UsageError(f'condition "{kind}" is nsrunner\'s own: set one of another type')
        if status not in ("True", "False", "Unknown"):
            raise UsageError(f'condition "{kind}": the status is "True", "False" or "Unknown", not {status!r}')
        self.task.post(ConditionSet(type=kind, status=status, reason=reason, message=message))

    async def add_ephemeral_container(self, container: EphemeralContainer) -> None:
        """Adds a container to the running pod. It is started as soon as the pod has a sandbox, and never again.

        Raises ManifestError with everything that the API or this version would refuse, UsageError when the pod has
        ended.
        """
        task = self.task
        if task.finished or task.deleted:
            raise UsageError(f"pod {task.pod.metadata.name} has ended: nothing can be added to it")
        from nsrunner.model.change import with_ephemeral  # like the copy below: few pods are changed

        wanted = with_ephemeral(self._newest(), container)
        refused = [verdict.error() for verdict in verdicts(wanted) if verdict.verdict is Verdict.UNSUPPORTED]
        added = [error for error in refused if error.field.startswith("spec.ephemeralContainers")]
        if added:
            raise ManifestError(added, kind="Pod", name=wanted.metadata.name)
        self._wanted = wanted
        task.post(SpecChanged(pod=wanted))

    async def debug(
        self,
        command: Sequence[str],
        *,
        image: str = "host",
        name: str | None = None,
        target: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = 60.0,
    ) -> str:
        """Adds an ephemeral container that runs ``command``, and returns its name when it runs, or has run already.

        ``target`` is the container whose processes it sees, ``name`` chosen when there is none. Its output is read like
        any container's. Raises ManifestError, UsageError; PodFailed when it cannot be started, with the reason;
        WaitTimeout.
        """
        chosen = name or self._free_name()
        await self.add_ephemeral_container(_debugger(chosen, command, image, target, env or {}))
        task = self.task
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def look() -> None:
            if done.done():
                return
            status = _status(task, chosen)
            problem = _problem(status)
            if problem:
                done.set_exception(PodFailed(f'container "{chosen}" cannot be started: {problem}'))
            elif status is not None and _began(status):
                done.set_result(None)
            elif task.removed or task.finished:
                done.set_exception(PodFailed(f'the pod ended before container "{chosen}" was started'))

        unsubscribe = self.subscribe(look)
        look()
        try:
            async with asyncio.timeout(timeout):
                await done
        except TimeoutError:
            raise WaitTimeout(f'container "{chosen}" did not start within {timeout:g} s') from None
        finally:
            unsubscribe()
        return chosen

    def copy(self, name: str, **changes: Unpack[CopyOptions]) -> Self:
        """Another pod, not started, to find out why this one does not work: without its probes, labels and annotations,
        its containers see each other's processes (``kubectl debug --copy-to``).

        ``command`` replaces that of ``container``, ``images`` their images, ``add`` is one more container. Raises
        ManifestError.
        """
        from nsrunner.model.debug import debug_copy

        return self.like(debug_copy(self.manifest, name, **changes))

    def _newest(self) -> Pod:
        """The pod, with what was asked for and has not come to pass."""
        pod, wanted = self.task.pod, self._wanted
        if wanted is not None and (wanted.metadata.generation or 0) > (pod.metadata.generation or 0):
            return wanted
        return pod

    def _free_name(self) -> str:
        spec = self._newest().spec
        taken = {each.name for each in (*spec.init_containers, *spec.containers, *spec.ephemeral_containers)}
        return next(name for number in range(1, len(taken) + 2) if (name := f"debugger-{number}") not in taken)


def _debugger(
    name: str, command: Sequence[str], image: str, target: str | None, env: Mapping[str, str]
) -> EphemeralContainer:
    return EphemeralContainer(
        name=name,
        image=image,
        command=tuple(command),
        env=tuple(EnvVar(name=key, value=value) for key, value in env.items()),
        target_container_name=target,
    )


def _status(task: PodTask, name: str) -> ContainerStatus | None:
    return next((status for status in task.status.ephemeral_container_statuses if status.name == name), None)


def _began(status: ContainerStatus) -> bool:
    state = status.state
    return state is not None and state.waiting is None


def _problem(status: ContainerStatus | None) -> str:
    """Why it waits, when that is not for its turn; or why its program could not be executed."""
    state = status.state if status is not None else None
    if state is None:
        return ""
    if state.terminated is not None and state.terminated.reason == "StartError":
        return state.terminated.message or "StartError"
    if state.waiting is None or state.waiting.reason in ("ContainerCreating", "PodInitializing"):
        return ""
    return ": ".join(filter(None, (state.waiting.reason, state.waiting.message)))
