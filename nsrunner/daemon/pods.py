"""The pods of the API and the supervisor's tasks for them: what happens to one is told to the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final, Literal

from msgspec.structs import replace

from nsrunner.api.registry import Registry
from nsrunner.api.resources import Resource
from nsrunner.api.store import Key, Store
from nsrunner.daemon.accidents import all_of, remove_pod
from nsrunner.daemon.events import pod_warning
from nsrunner.daemon.objects import StoredObjects, engine_uid, is_final, pod_of, same_content
from nsrunner.errors import NsrunnerError, SandboxError
from nsrunner.lifecycle.conditions import OURS
from nsrunner.lifecycle.events import ConditionSet, SpecChanged
from nsrunner.lifecycle.observer import Observer
from nsrunner.lifecycle.reboot import before_reboot
from nsrunner.lifecycle.value import BadValue
from nsrunner.model.encoder import encode
from nsrunner.model.qos import qos_class
from nsrunner.model.types import Pod
from nsrunner.sandbox.state import RegisteredPod, kept
from nsrunner.sources.static import SOURCE
from nsrunner.supervisor.events import KubeEvent
from nsrunner.supervisor.pod import PodTask
from nsrunner.supervisor.publisher import Publisher
from nsrunner.supervisor.recovery import Left, left_pods
from nsrunner.supervisor.supervisor import Environment, Supervisor

__all__ = ["Pods"]

log = logging.getLogger(__name__)

_RETRY_MAX: Final = 10.0
"""Seconds between two attempts to begin a pod for which there is no room."""
_TAKE_OVER_SECONDS: Final = 2.0
"""For which the API is not served yet because a shim has not answered."""


class Pods:
    """Implements the registry's Hooks and the supervisor's StatusSink and EventSink."""

    def __init__(self, environment: Environment, supervisor: Supervisor, store: Store, *, image_fallback: bool) -> None:
        self._environment = environment
        self._supervisor = supervisor
        self._store = store
        self.objects = StoredObjects(store)
        self._fallback: Literal["", "host"] = "host" if image_fallback else ""
        self._registry: Registry
        self._changed: dict[str, PodTask] = {}
        self._publishers: dict[str, Publisher] = {}
        self._mirrors: dict[str, str] = {}
        """By the uid of a static pod: that of its mirror."""
        self._removal_looks: list[Callable[[str], None]] = []
        self._mirror_looks: list[Callable[[str], None]] = []
        self._flush: asyncio.Handle | None = None
        self._followers: dict[str, set[Callable[[], None]]] = {}
        self._removals: set[asyncio.Task[None]] = set()
        self._lets_go = False
        self._removing: dict[str, list[Callable[[], None]]] = {}
        """By uid of a pod without a task that is being removed: what follows."""
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        """By uid of a pod that could not begin: when it is tried again."""
        self._leaving = False
        self._adopted: list[PodTask] = []
        self.observer: Observer | None = None
        """Sees the machines of all pods that begin from now on."""

    @property
    def tasks(self) -> Mapping[str, PodTask]:
        """Those that are not removed yet, by the engine's uid."""
        return self._supervisor.pods

    def task(self, uid: str) -> PodTask | None:
        """By the engine's uid (:func:`nsrunner.daemon.objects.engine_uid`)."""
        return self._supervisor.pods.get(uid)

    def when_removed(self, look: Callable[[str], None]) -> None:
        """``look`` is called with the uid of each pod of which nothing is left any more."""
        self._removal_looks.append(look)

    def when_mirror_deleted(self, look: Callable[[str], None]) -> None:
        """``look`` is called with the uid of a static pod whose mirror somebody has deleted."""
        self._mirror_looks.append(look)

    def subscribe(self, uid: str, look: Callable[[], None]) -> Callable[[], None]:
        """``look`` is called whenever anything about the pod has changed. The returned function ends that."""
        followers = self._followers.setdefault(uid, set())
        followers.add(look)

        def end() -> None:
            followers.discard(look)
            if not followers:
                self._followers.pop(uid, None)

        return end

    def leave(self) -> None:
        """The machine goes down: pods end, but the API keeps them as they are, and no new ones begin."""
        self._leaving = True

    async def settled(self) -> None:
        """Returns when what has happened is written, and what had no task is removed."""
        await asyncio.sleep(0)  # the turn in which statuses are written
        while self._removals:
            await asyncio.wait(self._removals)

    # --- the beginning ------------------------------------------------------------------------------------------------

    def begin(self, registry: Registry) -> None:
        """Takes over what an earlier daemon left, and begins what nobody runs. To be called once, while the supervisor
        runs."""
        self._registry = registry
        left, lost = left_pods(self._environment.node.roots)
        known = {each.registered.uid: each for each in left}
        for pod in lost:
            self._remove(pod)
        for object in self._store.list("pods"):
            uid, metadata = engine_uid(object), object["metadata"]
            if uid == metadata["uid"]:
                self._begin_one(object, known.pop(uid, None))
            else:
                self._mirrors[uid] = metadata["uid"]
        for each in known.values():
            static = each.pod.metadata.annotations.get(SOURCE, "api") != "api"
            if not self._adopt(each):
                self._remove(each.registered)
            elif not static and (task := self.task(each.registered.uid)) is not None:
                task.delete(0)  # its object is gone: deleted by force

    async def taken_over(self) -> None:
        """Returns when it is known how all pods are that an earlier daemon left, or silent ones had their time."""
        await all_of([task.wait_resumed() for task in self._adopted], _TAKE_OVER_SECONDS)
        self._adopted.clear()

    def tidy(self) -> None:
        """Removes what is on the disk of the daemon's pods that nobody knows. To be called when every source of pods
        has been heard: a static pod keeps its volumes over a reboot."""
        objects = {engine_uid(object) for object in self._store.list("pods")}
        for pod in kept(self._environment.node.roots):
            if pod.uid not in objects and pod.uid not in self.tasks and pod.uid not in self._waiting:
                self._remove(pod)

    def run_static(self, pod: Pod) -> None:
        """Begins to run a static pod that has a mirror. One that an earlier boot knew goes on, as any pod does."""
        metadata = pod.metadata
        shown = self._store.get(Key("pods", metadata.namespace, metadata.name))
        if shown is None or engine_uid(shown) != metadata.uid:
            self._run(pod)
        elif not is_final(shown):
            self._run(pod, before_reboot(replace(pod, status=pod_of(shown).status), self._environment.clock.now()))

    def end_static(self, uid: str) -> bool:
        """Ends a static pod. False: nothing of it is there, and ``when_removed`` will not tell of it."""
        if (task := self.task(uid)) is None:
            self._withdraw(uid)
            return False
        if not task.deleted:
            task.delete(None)
        return True

    def _withdraw(self, uid: str) -> None:
        timer = self._waiting.pop(uid, None)
        if timer is not None:
            timer.cancel()
        if uid in self._removing:
            self._removing[uid].clear()

    def put_mirror(self, pod: Pod, object: dict[str, Any]) -> None:
        """Shows a static pod in the API; what a mirror of another pod of the name showed is replaced."""
        metadata = pod.metadata
        status: dict[str, Any] = {"phase": "Pending", "qosClass": str(qos_class(pod))}
        before = self._store.get(Key("pods", metadata.namespace, metadata.name))
        if before is not None and engine_uid(before) != metadata.uid:
            self._registry.drop(self._resource, metadata.namespace, metadata.name)
        elif before is not None:
            status = before.get("status") or status
        if (task := self.task(metadata.uid)) is not None:
            status = encode(task.status)
        shown = self._registry.put(self._resource, {**object, "status": status})
        self._mirrors[metadata.uid] = shown["metadata"]["uid"]

    def drop_mirrors(self, *, but: Collection[str]) -> None:
        """Those that an earlier boot left of static pods that are no more; ``but``: the uids of those that are."""
        for object in self._store.list("pods"):
            uid, metadata = engine_uid(object), object["metadata"]
            if uid != metadata["uid"] and uid not in but:
                self._mirrors.pop(uid, None)
                self._registry.drop(self._resource, metadata["namespace"], metadata["name"])

    def drop_mirror(self, pod: Pod) -> None:
        self._mirrors.pop(pod.metadata.uid, None)
        self._registry.drop(self._resource, pod.metadata.namespace, pod.metadata.name)

    @property
    def _resource(self) -> Resource:
        pods = self._registry.find("", "v1", "pods")
        assert pods is not None
        return pods

    def _begin_one(self, object: Mapping[str, Any], left: Left | None) -> None:
        metadata = object["metadata"]
        if left is not None and self._adopt(left):
            self._catch_up(object, left)
            return
        then: Callable[[], None]
        if metadata.get("deletionTimestamp"):
            then = partial(self._finalize, object)
        elif is_final(object):
            return  # of an earlier boot: nothing of it runs, and nothing will
        else:
            pod = pod_of(object)
            then = partial(self._run, pod, before_reboot(pod, self._environment.clock.now()))
        if left is not None or metadata.get("deletionTimestamp"):
            self._remove(self._registered(object), then=then)
        else:
            then()

    def _catch_up(self, object: Mapping[str, Any], left: Left) -> None:
        """What was written to the object, and the machine has not heard of."""
        metadata, task = object["metadata"], self.task(left.registered.uid)
        assert task is not None, "it was adopted"
        if not same_content(object, left.object):
            task.post(SpecChanged(pod=pod_of(object)))
        for condition in (object.get("status") or {}).get("conditions") or ():
            if condition["type"] not in OURS:
                self.condition_set(object, condition)
        if metadata.get("deletionTimestamp") and not task.deleted:
            task.delete(metadata.get("deletionGracePeriodSeconds"))

    def _adopt(self, left: Left) -> bool:
        try:
            task = self._add(left.pod, left.saved, left=True)
        except (BadValue, NsrunnerError) as error:
            log.error("pod %s: cannot be carried on, and begins anew: %s", left.registered.uid, error)
            return False
        if left.saved is not None:
            self._adopted.append(task)
        return True

    def _run(self, pod: Pod, saved: Mapping[str, Any] | None = None, attempt: int = 0) -> None:
        metadata = pod.metadata
        if self._leaving:
            return
        if metadata.uid in self._removing:  # what an earlier daemon left of it
            self._removing[metadata.uid].append(partial(self._run, pod, saved))
            return
        self._waiting.pop(metadata.uid, None)
        try:
            self._add(pod, saved)
        except SandboxError as error:  # no room, no descriptor, no memory: that passes
            log.error("pod %s/%s: %s", metadata.namespace, metadata.name, error)
            self._tell(metadata.uid, pod, "FailedCreatePodSandBox", str(error))
            delay = min(_RETRY_MAX, 2.0**attempt)
            self._waiting[metadata.uid] = asyncio.get_running_loop().call_later(
                delay, self._run, pod, saved, attempt + 1
            )
        except (BadValue, NsrunnerError) as error:
            log.error("pod %s/%s: %s", metadata.namespace, metadata.name, error)
            status = {"phase": "Failed", "reason": "InternalError", "message": str(error)}
            self._registry.set_pod_status(metadata.namespace, metadata.name, self._shown_uid(metadata.uid), status)

    def _add(self, pod: Pod, saved: Mapping[str, Any] | None, *, left: bool = False) -> PodTask:
        return self._supervisor.add(
            pod,
            objects=self.objects,
            status=self,
            events=self,
            image_fallback=self._fallback,
            observer=self.observer,
            saved=saved,
            left=left,
        )

    def _tell(self, uid: str, pod: Pod, reason: str, message: str) -> None:
        about = {"namespace": pod.metadata.namespace, "name": pod.metadata.name, "uid": self._shown_uid(uid)}
        self._registry.put_event(pod_warning(about, self._environment.node.name, reason, message))

    def _shown_uid(self, uid: str) -> str:
        return self._mirrors.get(uid, uid)

    # --- Hooks: the API's side ----------------------------------------------------------------------------------------

    def pod_written(self, pod: Mapping[str, Any], how: Literal["created", "updated", "ephemeral"]) -> None:
        if how == "created":
            self._run(pod_of(pod))
            return
        task = self.task(engine_uid(pod))
        if task is not None:
            task.post(SpecChanged(pod=pod_of(pod)))

    def pod_deleted(self, pod: Mapping[str, Any], grace_seconds: int) -> None:
        uid = engine_uid(pod)
        if uid != pod["metadata"]["uid"]:
            for look in self._mirror_looks:
                look(uid)
            return
        task = self.task(uid)
        if task is not None:
            task.delete(grace_seconds)
        else:
            self._withdraw(uid)
            self._remove(self._registered(pod), then=partial(self._finalize, pod))

    def condition_set(self, pod: Mapping[str, Any], condition: Mapping[str, Any]) -> None:
        task = self.task(engine_uid(pod))
        if task is not None:
            task.post(
                ConditionSet(
                    type=condition["type"],
                    status=condition.get("status", "Unknown"),
                    reason=condition.get("reason") or "",
                    message=condition.get("message") or "",
                )
            )

    # --- StatusSink, EventSink: the supervisor's side -----------------------------------------------------------------

    def let_go(self) -> None:
        """The pods go on without this process: that their tasks end says nothing of them."""
        self._write_statuses()
        for publisher in self._publishers.values():
            publisher.flush()
        self._lets_go = True

    def pod_changed(self, uid: str) -> None:
        task = self.task(uid)
        if task is None or self._lets_go:
            return  # None: of a pod that could not begin
        self._changed[uid] = task
        if self._flush is None:  # once for all that happens in a turn of the loop
            self._flush = asyncio.get_running_loop().call_soon(self._write_statuses)

    def _write_statuses(self) -> None:
        self._flush = None
        changed, self._changed = self._changed, {}
        for uid, task in changed.items():
            if task.let_go:
                continue  # this process ends, the pod does not
            namespace, name = task.pod.metadata.namespace, task.pod.metadata.name
            if task.removed:
                self._publisher(uid, task).close()
                del self._publishers[uid]
                if not self._stays(namespace, name):
                    self._registry.finalize(namespace, name, uid)
                    for gone in self._removal_looks:
                        gone(uid)
            else:
                self._publisher(uid, task).changed()
                if not self._stays(namespace, name):
                    self._registry.set_pod_status(namespace, name, self._shown_uid(uid), encode(task.status))
            for look in tuple(self._followers.get(uid, ())):
                look()

    def _stays(self, namespace: str, name: str) -> bool:
        """Whether what becomes of the pod is the machine's shutdown, which the API is not to show."""
        found = self._store.get(Key("pods", namespace, name)) if self._leaving else None
        return found is not None and not found["metadata"].get("deletionTimestamp")

    def _publisher(self, uid: str, task: PodTask) -> Publisher:
        """Of the copy in the run directory, for those who look when no daemon runs."""
        publisher = self._publishers.get(uid)
        if publisher is None:
            publisher = self._publishers[uid] = Publisher(task.registered.paths.run, lambda: task.object)
        return publisher

    def event(self, event: KubeEvent) -> None:
        if event.published:
            self._registry.put_event(event.to_dict(self._environment.node.name))

    # --- pods without a task ------------------------------------------------------------------------------------------

    def _registered(self, object: Mapping[str, Any]) -> RegisteredPod:
        metadata = object["metadata"]
        return self._environment.registered(metadata["uid"], metadata["namespace"], metadata["name"])

    def _finalize(self, pod: Mapping[str, Any]) -> None:
        metadata = pod["metadata"]
        self._registry.finalize(metadata["namespace"], metadata["name"], metadata["uid"])

    def _remove(self, pod: RegisteredPod, then: Callable[[], None] = lambda: None) -> None:
        async def remove() -> None:
            await remove_pod(self._environment.shims, pod)
            for next_step in self._removing.pop(pod.uid):
                next_step()

        waiting = self._removing.get(pod.uid)
        if waiting is not None:
            waiting.append(then)
            return
        self._removing[pod.uid] = [then]
        task = asyncio.get_running_loop().create_task(remove())
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)
