"""What the daemon counts, by the kubelet's names where it has them (``pkg/kubelet/metrics``)."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Mapping, Sequence
from typing import Final

from nsrunner.daemon.exposition import Counter, Family, Gauge, Histogram, render
from nsrunner.lifecycle.commands import Command
from nsrunner.lifecycle.events import ContainerFailed, ContainerStarted, Event, Now, PodAdded, ProbeDone
from nsrunner.lifecycle.pod import PodMachine
from nsrunner.model.types import Pod
from nsrunner.supervisor.pod import PodTask

__all__ = ["Metrics"]

_START_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300)
"""The kubelet's from half a second on, and below what it never reaches."""
_RESULTS: Final = {"Success": "successful", "Failure": "failed", "Unknown": "unknown"}

_VERBS: Final = {"create": "POST", "update": "PUT", "other": "OTHER"}
"""What is not simply written in capitals (``apiserver/pkg/endpoints/metrics``)."""


class Metrics:
    """An Observer of all pods. ``node``: its name; ``git_version``: whose behaviour this is."""

    def __init__(self, pods: Mapping[str, PodTask], *, node: str, git_version: str) -> None:
        """``pods``: those that have a task, by uid."""
        self._pods = pods
        self._added: dict[str, float] = {}
        probe_labels = ("probe_type", "result", "container", "pod", "namespace", "pod_uid")
        self._probes = Counter(
            "prober_probe_total", "Cumulative number of a probe for a container by result.", probe_labels
        )
        self._started_pods = Counter("kubelet_started_pods_total", "Cumulative number of pods started.")
        self._started = Counter(
            "kubelet_started_containers_total", "Cumulative number of containers started.", ("container_type",)
        )
        self._failed = Counter(
            "kubelet_started_containers_errors_total",
            "Cumulative number of errors when starting containers.",
            ("container_type", "code"),
        )
        self._start_seconds = Histogram(
            "kubelet_pod_start_duration_seconds",
            "Duration in seconds from a pod being seen for the first time to the pod starting to run.",
            _START_SECONDS,
        )
        self._requests = Counter(
            "apiserver_request_total",
            "Number of API requests by verb, resource and code.",
            ("verb", "resource", "code"),
        )
        began = _began()
        self._families: tuple[Family, ...] = (
            Gauge("kubelet_node_name", "The node's name. The count is always 1.", lambda: {(node,): 1}, ("node",)),
            Gauge(
                "kubernetes_build_info",
                "A metric with a constant '1' value, labeled by the version whose behaviour this is.",
                lambda: {(git_version,): 1},
                ("git_version",),
            ),
            Gauge("kubelet_running_pods", "Number of pods that have a running pod sandbox.", self._running_pods),
            Gauge(
                "kubelet_running_containers",
                "Number of containers by state.",
                self._containers,
                ("container_state",),
            ),
            self._started_pods,
            self._started,
            self._failed,
            self._start_seconds,
            self._probes,
            self._requests,
            Gauge(
                "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
                lambda: {(): time.process_time()},
                kind="counter",
            ),
            Gauge("process_resident_memory_bytes", "Resident memory size in bytes.", lambda: {(): _memory()[1]}),
            Gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", lambda: {(): _memory()[0]}),
            Gauge(
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
                lambda: {(): began},
            ),
            Gauge("process_open_fds", "Number of open file descriptors.", lambda: {(): _descriptors()}),
            Gauge("process_max_fds", "Maximum number of open file descriptors.", lambda: {(): _limit()}),
        )

    def page(self) -> str:
        return render(self._families)

    def probes(self) -> str:
        """What the kubelet shows on a page of its own, ``/metrics/probes``."""
        return render((self._probes,))

    def requested(self, verb: str, resource: str, code: str) -> None:
        """An answer of the API. ``verb``: as Roles have it; it is counted by the API server's name."""
        self._requests.add(_VERBS.get(verb, verb.upper()), resource, code)

    def removed(self, uid: str) -> None:
        """Nothing of the pod is left: its series go."""
        self._added.pop(uid, None)
        self._probes.drop("pod_uid", uid)

    def saw(self, machine: PodMachine, event: Event, now: Now, commands: Sequence[Command]) -> None:
        """One event of a pod (:class:`nsrunner.lifecycle.observer.Observer`)."""
        pod = machine.pod
        match event:
            case PodAdded():
                self._added[pod.metadata.uid or ""] = now.mono
            case ContainerStarted(container=name):
                self._container_started(pod, name, now)
            case ContainerFailed(container=name, reason=reason):
                self._failed.add(_type(pod, name), reason)
            case ProbeDone(container=name, probe=probe, result=result):
                metadata = pod.metadata
                whose = (name, metadata.name or "", metadata.namespace or "", metadata.uid or "")
                self._probes.add(probe, _RESULTS[result], *whose)
            case _:
                pass

    def _container_started(self, pod: Pod, name: str, now: Now) -> None:
        kind = _type(pod, name)
        self._started.add(kind)
        if kind == "container":
            added = self._added.pop(pod.metadata.uid or "", None)
            if added is not None:
                self._started_pods.add()
                self._start_seconds.observe(max(0.0, now.mono - added))

    def _running_pods(self) -> dict[tuple[str, ...], float]:
        return {(): sum(1 for task in self._pods.values() if task.running)}

    def _containers(self) -> dict[tuple[str, ...], float]:
        live = [running for task in self._pods.values() for running in task.instances.values()]
        return {("running",): sum(live), ("exited",): len(live) - sum(live)}


def _type(pod: Pod, name: str) -> str:
    if any(each.name == name for each in pod.spec.init_containers):
        return "init_container"
    if any(each.name == name for each in pod.spec.ephemeral_containers):
        return "ephemeral_container"
    return "container"


def _memory() -> list[int]:
    """Virtual and resident bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return [int(pages) * resource.getpagesize() for pages in file.read().split()[:2]]


def _began() -> float:
    """Seconds since the epoch (proc_pid_stat(5): starttime is in ticks since the boot)."""
    with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def _limit() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
