"""All pods of one process: a task each, in one task group, on what they share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from msgspec import Struct

from nsrunner.errors import SandboxError, UsageError
from nsrunner.lifecycle.observer import Observer
from nsrunner.lifecycle.pod import Settings as LifecycleSettings
from nsrunner.model.types import Pod
from nsrunner.sandbox import cgroups
from nsrunner.sandbox.spec import Owner
from nsrunner.sandbox.state import RegisteredPod, register
from nsrunner.supervisor.alarm import Beats
from nsrunner.supervisor.plan import Node
from nsrunner.supervisor.pod import PodTask
from nsrunner.supervisor.ports import Clock, EventSink, Journal, ObjectReader, Shims, StatusSink

__all__ = ["Environment", "Supervisor"]

T = TypeVar("T")

log = logging.getLogger(__name__)


class Environment(Struct, frozen=True, kw_only=True):
    """What all pods share: the node, and those who implement the ports."""

    node: Node
    owner: Owner
    shims: Shims
    clock: Clock
    settings: LifecycleSettings = LifecycleSettings()
    journal: Journal | None = None
    """None for pods that end with this process: nobody will carry on."""

    def registered(self, uid: str, namespace: str, name: str) -> RegisteredPod:
        """Where a pod lives, or would."""
        return RegisteredPod(
            uid=uid,
            namespace=namespace,
            name=name,
            owner=self.owner,
            paths=self.node.roots.pod_paths(namespace, name, uid),
            cgroup=cgroups.pod_path(self.node.facts.cgroup, uid),
        )


class Supervisor:
    """Runs pods until they are removed. ``run()`` is to be awaited for as long as pods are to live."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._beats = Beats(environment.clock)
        self._pods: dict[str, PodTask] = {}
        self._group: asyncio.TaskGroup | None = None
        self._stopped = asyncio.Event()

    @property
    def pods(self) -> Mapping[str, PodTask]:
        """Those that are not removed yet, by uid."""
        return MappingProxyType(self._pods)

    async def run(self, ready: asyncio.Event) -> None:
        """Sets ``ready`` and runs the pods that are added; returns when :meth:`stop` was called and all are removed."""
        async with asyncio.TaskGroup() as self._group:
            ready.set()
            await self._stopped.wait()
        self._group = None

    def stop(self) -> None:
        """Lets ``run()`` return when the last pod is removed. Deletes none."""
        self._stopped.set()

    def add(
        self,
        pod: Pod,
        *,
        objects: ObjectReader,
        status: StatusSink,
        events: EventSink,
        image_fallback: Literal["", "host"] = "",
        observer: Observer | None = None,
        saved: Mapping[str, Any] | None = None,
        left: bool = False,
    ) -> PodTask:
        """Begins to run a pod that has its uid, name and namespace; with ``saved`` goes on with one that another
        process ran (:class:`nsrunner.supervisor.recovery.Left`), with ``left`` one whose directory and object that
        process has written down. Raises UsageError when its uid runs already; BadValue; SandboxError when its directory
        cannot be made, or its object not be written down."""
        meta, environment = pod.metadata, self._environment
        uid, name, namespace = meta.uid or "", meta.name or "", meta.namespace or ""
        if uid in self._pods:
            raise UsageError(f"pod {namespace}/{name} ({uid}) runs already")
        if self._group is None or self._stopped.is_set():
            raise UsageError("the supervisor does not run")
        registered = environment.registered(uid, namespace, name)
        journal, run_dir, object_saved = environment.journal, registered.paths.run, True
        if journal is not None and not left:
            register(environment.node.roots, registered)
            object_saved = journal.save_object(run_dir, pod)
            if not object_saved and saved is None:
                problem = journal.problem
                journal.forget(run_dir)
                raise SandboxError("write file", 0, detail=problem)
        task = PodTask(
            pod,
            registered,
            node=environment.node,
            shims=environment.shims,
            objects=objects,
            clock=environment.clock,
            beats=self._beats,
            settings=environment.settings,
            fallback_host=image_fallback == "host",
            changed=partial(_guarded, status.pod_changed, uid),
            published=partial(_guarded, events.event),
            journal=journal,
            object_saved=object_saved,
            observer=observer,
            saved=saved,
        )
        self._pods[uid] = task
        self._group.create_task(self._run(uid, task), name=f"pod {namespace}/{name}")
        return task

    async def _run(self, uid: str, task: PodTask) -> None:
        try:
            await task.run()
        except Exception:  # a mistake of ours costs this pod, not the others; its shim ends it when it is let go of
            log.exception("pod %s", uid)
        finally:
            del self._pods[uid]


def _guarded(sink: Callable[[T], None], news: T) -> None:
    """A listener that fails has missed something; the pod goes on. So it does when what failed is a future that the
    listener has asked, which was cancelled."""
    try:
        sink(news)
    except (Exception, asyncio.CancelledError):
        log.exception("told of %s", news)
