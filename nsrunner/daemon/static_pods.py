"""Static pods: what the sources hold becomes pods that run, and mirrors of them that the API shows.

A pod is one manifest's: an edited manifest is another pod, which begins when nothing of the old one is left. A file
that stops being readable keeps its pods (the kubelet drops them): an event and a log line say what is wrong with it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from typing import Any

from nsrunner.api.registry import Registry, now_text
from nsrunner.daemon.pods import Pods
from nsrunner.errors import ManifestError
from nsrunner.model.encoder import encode
from nsrunner.model.path import ROOT
from nsrunner.model.report import Report
from nsrunner.model.types import ConfigMap, Pod, Secret
from nsrunner.model.validate import validate
from nsrunner.sources.manifests import Manifest, Manifests
from nsrunner.sources.static import HASH, MIRROR, SOURCE, full_name, seen_at, static_pod

__all__ = ["StaticPods"]

log = logging.getLogger(__name__)


class StaticPods:
    """``sources``: their names, ``file`` and ``http``. ``complete`` is called once every one of them has reported:
    before that nothing is removed that an earlier daemon left."""

    def __init__(
        self, pods: Pods, registry: Registry, node: str, *, sources: Iterable[str], complete: Callable[[], None]
    ) -> None:
        self._pods = pods
        self._registry = registry
        self._node = node
        self._complete = complete
        self._silent = set(sources)
        self._held: dict[str, dict[str, tuple[Pod, ...]]] = {name: {} for name in self._silent}
        """By source and file."""
        self._seen: dict[str, str] = {}
        """By uid: when a pod was seen first."""
        self._running: dict[str, Pod] = {}
        """By uid: those that have a task, also while they end."""
        pods.when_removed(self._removed)
        pods.when_mirror_deleted(self._mirror_deleted)

    def begin(self) -> None:
        """With what an earlier daemon left of static pods. To be called once."""
        self._running = {uid: task.pod for uid, task in self._pods.tasks.items() if is_static(task.pod)}
        for pod in self._running.values():
            self._show(pod)
        if not self._silent:
            self._settle()
            self._complete()

    def report(self, source: str, manifests: Manifests) -> None:
        """Everything that a source has now."""
        before, now = self._held[source], dict[str, tuple[Pod, ...]]()
        for where, manifest in manifests.items():
            if manifest.problem:
                now[where] = before.get(where, ())
                self._tell(where, manifest.problem, kept=bool(now[where]))
            else:
                now[where] = self._pods_of(source, manifest)
        self._held[source] = now
        self._pods.objects.set_static(source, _others(manifests))
        self._silent.discard(source)
        if not self._silent:
            self._settle()
            self._complete()

    def problem(self, where: str, problem: str) -> None:
        """A source cannot be read; what it held stays."""
        self._tell(where, problem, kept=True)

    def _pods_of(self, source: str, manifest: Manifest) -> tuple[Pod, ...]:
        found = []
        for object in manifest.objects:
            if not isinstance(object, Pod):
                continue
            pod = static_pod(
                object, node=self._node, source=source, where=f"{source}:{manifest.where}", seen=now_text()
            )
            pod = seen_at(pod, self._seen.setdefault(pod.metadata.uid, now_text()))
            problem = _problem(pod)
            if problem:
                self._tell(manifest.where, problem, kept=False)
            else:
                found.append(pod)
        return tuple(found)

    # --- what is to run, and what runs --------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Ends what no source has any more, and begins what is new once its full name is free."""
        desired: dict[tuple[str, str], Pod] = {}
        for files in self._held.values():
            for pods in files.values():
                for pod in pods:
                    desired.setdefault(full_name(pod), pod)  # of two of one name the first one counts
        wanted = {pod.metadata.uid for pod in desired.values()}
        for uid in self._running:
            task = self._pods.task(uid)
            if uid not in wanted and task is not None and not task.deleted:
                task.delete(None)
        taken = {full_name(pod) for pod in self._running.values()}
        for name, pod in desired.items():
            if name not in taken:
                self._running[pod.metadata.uid] = pod
                self._show(pod)
                self._pods.run_static(pod)

    def _removed(self, uid: str) -> None:
        pod = self._running.pop(uid, None)
        if pod is not None:
            self._pods.drop_mirror(pod)
            self._settle()

    def _show(self, pod: Pod) -> None:
        self._pods.put_mirror(pod, mirror_of(pod, self._node_uid()))

    def _mirror_deleted(self, uid: str) -> None:
        """Through the API: it comes back, because the pod has not gone."""
        pod = self._running.get(uid)
        if pod is not None:
            self._show(pod)

    def _node_uid(self) -> str:
        nodes = self._registry.find("", "v1", "nodes")
        assert nodes is not None
        uid: str = self._registry.get(nodes, "", self._node)["metadata"]["uid"]
        return uid

    def _tell(self, where: str, problem: str, *, kept: bool) -> None:
        log.error("%s: %s", where, problem)
        more = "; the pods of its last version go on" if kept else ""
        self._registry.put_event(_event(self._node, f"{problem}{more}"))


def is_static(pod: Pod) -> bool:
    return pod.metadata.annotations.get(SOURCE, "api") != "api"


def _problem(pod: Pod) -> str:
    """What keeps a pod from being one, after it has its new name."""
    report = Report()
    validate(pod, ROOT, report)
    errors = report.close()
    return str(ManifestError(errors, kind="Pod", name=pod.metadata.name)) if errors else ""


def _others(manifests: Manifests) -> list[ConfigMap | Secret]:
    return [
        object
        for manifest in manifests.values()
        for object in manifest.objects
        if isinstance(object, (ConfigMap, Secret))
    ]


def _event(node: str, message: str) -> dict[str, Any]:
    now = now_text()
    name = f"{node}.{hashlib.blake2b(message.encode(), digest_size=8).hexdigest()}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": "default"},
        "involvedObject": {"kind": "Node", "name": node, "uid": node, "apiVersion": "v1"},
        "reason": "FailedValidation",
        "message": message[:1024],
        "source": {"component": "kubelet", "host": node},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "type": "Warning",
        "reportingComponent": "kubelet",
        "reportingInstance": node,
    }


def mirror_of(pod: Pod, node_uid: str) -> dict[str, Any]:
    """The object that shows a static pod in the API (kubelet-semantics 3.5)."""
    shown = encode(pod)
    metadata = {key: value for key, value in shown["metadata"].items() if key not in ("uid", "resourceVersion")}
    annotations = {**metadata.get("annotations", {}), MIRROR: metadata["annotations"][HASH]}
    owner = {"apiVersion": "v1", "kind": "Node", "name": pod.spec.node_name, "uid": node_uid, "controller": True}
    return {**shown, "metadata": {**metadata, "annotations": annotations, "ownerReferences": [owner]}}
