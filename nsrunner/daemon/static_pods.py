"""Static pods: what the sources hold becomes pods that run, and mirrors of them that the API shows.

A pod is one manifest's: an edited manifest is another pod, which begins when nothing of the old one is left. A file
that stops being readable keeps its pods (the kubelet drops them): an event and a log line say what is wrong with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from nsrunner.api.registry import Registry, now_text
from nsrunner.daemon.events import node_warning
from nsrunner.daemon.pods import Pods
from nsrunner.errors import ManifestError
from nsrunner.model.encoder import encode
from nsrunner.model.path import ROOT
from nsrunner.model.report import Report
from nsrunner.model.types import ConfigMap, Pod, Secret
from nsrunner.model.validate import validate
from nsrunner.sources.manifests import Manifest, Manifests
from nsrunner.sources.static import (
    HASH,
    MIRROR,
    PATH,
    SEEN,
    SOURCE,
    full_name,
    identity,
    seen_at,
    static_pod,
)

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
        self._beside: dict[str, dict[str, tuple[ConfigMap | Secret, ...]]] = {name: {} for name in self._silent}
        """What else the files have."""
        self._read: dict[str, dict[str, tuple[Manifest, tuple[Pod, ...], str]]] = {name: {} for name in self._silent}
        """By source and file: what was made of a manifest the last time."""
        self._seen: dict[str, str] = {}
        """By uid: when a pod was seen first."""
        self._running: dict[str, Pod] = {}
        """By uid: those that have a task or wait for one, also while they end."""
        self._told: dict[str, str] = {}
        """By file: what is wrong with it."""
        self._ended = False
        pods.when_removed(self._removed)
        pods.when_mirror_deleted(self._mirror_deleted)

    def begin(self) -> None:
        """With what an earlier daemon left of static pods. To be called once."""
        for uid, task in self._pods.tasks.items():
            pod = task.pod
            if not is_static(pod):
                continue
            annotations = pod.metadata.annotations
            self._running[uid] = pod
            self._seen[uid] = annotations.get(SEEN, now_text())
            files = self._held.get(annotations[SOURCE])
            if files is not None and not task.deleted:  # its file may have become unreadable meanwhile
                path = annotations.get(PATH, "")
                files[path] = (*files.get(path, ()), pod)
            self._show(pod)
        if not self._silent:
            self._settle()
            self._heard()

    def end(self) -> None:
        """Begins no pod any more."""
        self._ended = True

    def report(self, source: str, manifests: Manifests) -> None:
        """Everything that a source has now."""
        before, now = self._held[source], dict[str, tuple[Pod, ...]]()
        read, self._read[source] = self._read[source], {}
        others = self._beside[source]
        self._beside[source] = {
            where: others.get(where, ()) if manifest.problem else _others(manifest)
            for where, manifest in manifests.items()
        }
        for where, manifest in manifests.items():
            if manifest.problem:
                now[where] = before.get(where, ())
                self._tell(where, manifest.problem, kept=bool(now[where]))
            else:
                known = read.get(where)
                if known is None or known[0] is not manifest:  # it is the same one as long as the file is
                    known = (manifest, *self._pods_of(source, manifest))
                self._read[source][where] = known
                _, now[where], problem = known
                self._tell(where, problem, kept=False)
        self._held[source] = now
        self._forget()
        self._pods.objects.set_static(source, [each for objects in self._beside[source].values() for each in objects])
        first = source in self._silent
        self._silent.discard(source)
        self._settle()
        if first and not self._silent:
            self._heard()

    def _heard(self) -> None:
        """Every source has reported: what none of them has told of is nobody's."""
        self._pods.drop_mirrors(but=self._running)
        self._complete()

    def problem(self, where: str, problem: str) -> None:
        """A source cannot be read; what it held stays."""
        self._tell(where, problem, kept=True)

    def _forget(self) -> None:
        """When the pods were seen that nobody has any more."""
        held = {pod.metadata.uid for files in self._held.values() for pods in files.values() for pod in pods}
        self._seen = {uid: seen for uid, seen in self._seen.items() if uid in held or uid in self._running}

    def _pods_of(self, source: str, manifest: Manifest) -> tuple[tuple[Pod, ...], str]:
        """Those that can run, and what keeps the others from it."""
        found, problems = [], []
        for object in manifest.objects:
            if not isinstance(object, Pod):
                continue
            pod = static_pod(object, node=self._node, source=source, path=manifest.where, seen=now_text())
            pod = seen_at(pod, self._seen.setdefault(pod.metadata.uid, now_text()))
            problem = _problem(pod, manifest.where)
            if problem:
                problems.append(problem)
            else:
                found.append(pod)
        return tuple(found), "\n".join(problems)

    # --- what is to run, and what runs --------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Ends what no source has any more, once all have said what they have, and begins what is new when its full
        name is free. Of several of one name that counts which runs, or else which was seen first."""
        if self._ended:
            return
        wanted: dict[tuple[str, str], Pod] = {}
        running = {identity(pod) for pod in self._running.values()}
        for files in self._held.values():
            for pods in files.values():
                for pod in pods:
                    before = wanted.get(full_name(pod))
                    if before is None or (identity(pod) in running and identity(before) not in running):
                        wanted[full_name(pod)] = pod
        if not self._silent:
            identities = {identity(pod) for pod in wanted.values()}
            unwanted = [uid for uid, pod in self._running.items() if identity(pod) not in identities]
            for uid in unwanted:
                if not self._pods.end_static(uid):
                    self._pods.drop_mirror(self._running.pop(uid))
        taken = {full_name(pod) for pod in self._running.values()}
        for name, pod in wanted.items():
            if name not in taken and pod.metadata.uid not in self._running:
                self._running[pod.metadata.uid] = pod
                self._show(pod)
                self._pods.run_static(pod)

    def _removed(self, uid: str) -> None:
        if self._pods.task(uid) is not None:
            return  # of its uid there is another one by now
        pod = self._running.pop(uid, None)
        if pod is not None:
            self._pods.drop_mirror(pod)
            self._settle()

    def _show(self, pod: Pod) -> None:
        self._pods.put_mirror(pod, mirror_of(pod, self._node_uid()))

    def _mirror_deleted(self, uid: str) -> None:
        """Through the API: it comes back, because the pod has not gone."""
        pod = self._running.get(uid)
        if pod is not None and not self._ended:
            self._show(pod)

    def _node_uid(self) -> str:
        nodes = self._registry.find("", "v1", "nodes")
        assert nodes is not None
        uid: str = self._registry.get(nodes, "", self._node)["metadata"]["uid"]
        return uid

    def _tell(self, where: str, problem: str, *, kept: bool) -> None:
        """``problem`` names its file; the same one is told once. Empty: there is none any more."""
        if self._told.get(where, "") == problem:
            return
        if not problem:
            del self._told[where]
            return
        self._told[where] = problem
        log.error("%s", problem)
        more = "; the pods of its last version go on" if kept else ""
        self._registry.put_event(node_warning(self._node, "FailedValidation", f"{problem}{more}"))


def is_static(pod: Pod) -> bool:
    return pod.metadata.annotations.get(SOURCE, "api") != "api"


def _problem(pod: Pod, where: str) -> str:
    """What keeps a pod from being one, after it has its new name."""
    report = Report()
    validate(pod, ROOT, report)
    errors = report.close()
    return str(ManifestError(errors, source=where, kind="Pod", name=pod.metadata.name)) if errors else ""


def _others(manifest: Manifest) -> tuple[ConfigMap | Secret, ...]:
    return tuple(object for object in manifest.objects if isinstance(object, (ConfigMap, Secret)))


def mirror_of(pod: Pod, node_uid: str) -> dict[str, Any]:
    """The object that shows a static pod in the API (kubelet-semantics 3.5)."""
    shown = encode(pod)
    metadata = {key: value for key, value in shown["metadata"].items() if key not in ("uid", "resourceVersion")}
    annotations = {**metadata.get("annotations", {}), MIRROR: metadata["annotations"][HASH]}
    owner = {"apiVersion": "v1", "kind": "Node", "name": pod.spec.node_name, "uid": node_uid, "controller": True}
    return {**shown, "metadata": {**metadata, "annotations": annotations, "ownerReferences": [owner]}}
