"""The pods that run on this host, whatever started them: ``run``, a Python program or the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ..errors import PrivilegeError, UsageError
from ..sandbox.published import published, published_until
from ..sandbox.state import RegisteredPod, Roots, alive, registered

__all__ = ["RunningPod", "chosen_container", "find_pod", "running_pods", "status_of"]

_START: Final = 2.0
"""Seconds that a pod may take from its registration to its first published status."""
_CHANGE: Final = 0.5
"""Seconds that its owner may take to publish a container that was added (0.1, and what a busy machine adds)."""


class RunningPod(NamedTuple):
    record: RegisteredPod
    object: dict[str, Any]
    """The Pod as its owner published it last; only its names when it has not done so yet."""

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def namespace(self) -> str:
        return self.record.namespace

    @property
    def containers(self) -> list[str]:
        """Names in the order of the spec, init containers first."""
        spec = self.object.get("spec") or {}
        lists = (spec.get("initContainers"), spec.get("containers"), spec.get("ephemeralContainers"))
        return [container["name"] for group in lists for container in group or ()]

    @property
    def regular_containers(self) -> list[str]:
        return [container["name"] for container in (self.object.get("spec") or {}).get("containers") or ()]

    def status_of(self, container: str) -> dict[str, Any]:
        """The container's status; empty when there is none."""
        return status_of(self.object, container)

    @property
    def owner(self) -> str:
        """``daemon``, or ``pytest (pid 4711)``."""
        owner = self.record.owner
        if owner.kind == "daemon":
            return "daemon"
        try:
            with open(f"/proc/{owner.pid}/comm", encoding="utf-8", errors="replace") as file:
                return f"{file.read().rstrip()} (pid {owner.pid})"
        except OSError:
            return f"pid {owner.pid}"


def status_of(pod: dict[str, Any], container: str) -> dict[str, Any]:
    """A container's status in a Pod; empty when there is none."""
    status = pod.get("status") or {}
    for group in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for item in status.get(group) or ():
            if item.get("name") == container:
                found: dict[str, Any] = item
                return found
    return {}


def running_pods(namespace: str | None = None) -> list[RunningPod]:
    """All of them, sorted by namespace and name. Raises PrivilegeError for those who are not root."""
    try:
        records = [record for record in registered(Roots.from_environment()) if alive(record.owner)]
        return [
            RunningPod(record, published(record.paths.run) or _bare(record))
            for record in records
            if namespace is None or record.namespace == namespace
        ]
    except PermissionError:
        raise PrivilegeError("only root can see and reach running pods") from None


def _bare(record: RegisteredPod) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": record.name, "namespace": record.namespace, "uid": record.uid},
    }


def find_pod(name: str, namespace: str | None = None, container: str | None = None) -> RunningPod:
    """The running pod of this name (``web`` or ``pod/web``) or uid. One that is to have a certain container may have
    got it just now, which its owner has yet to say. Raises UsageError when there is not exactly one."""
    kind, slash, rest = name.partition("/")
    if slash and kind in ("pod", "pods", "po"):
        name = rest
    pods = running_pods(namespace)
    found = [pod for pod in pods if name in (pod.name, pod.record.uid)]
    if len(found) == 1:
        return _known(found[0], container)
    if not found:
        raise UsageError(f'pods "{name}" not found{_near(name, pods)}')
    choices = "\n".join(f"  {pod.record.uid}  {pod.namespace}/{pod.name}, {pod.owner}" for pod in found)
    raise UsageError(
        f'there are {len(found)} pods "{name}"; give a uid, or --namespace when they differ in it:\n{choices}'
    )


def _known(pod: RunningPod, container: str | None) -> RunningPod:
    """The same once its owner has said what is in it: a sandbox's start after it was registered."""

    def told(shown: dict[str, Any]) -> bool:
        containers = pod._replace(object=shown).containers
        return bool(containers) if container is None else container in containers

    if told(pod.object):
        return pod
    shown = published_until(pod.record.paths.run, told, _CHANGE if pod.containers else _START)
    return pod if shown is None else pod._replace(object=shown)


def _near(name: str, pods: Sequence[RunningPod]) -> str:
    if not pods:
        return ": no pods are running"
    from .parser import suggestion

    return ("." + hint) if (hint := suggestion(name, {pod.name for pod in pods})) else ""


def chosen_container(pod: RunningPod, name: str | None) -> str:
    """The container that is meant, kubectl's way: the one that is named, that of the annotation
    ``kubectl.kubernetes.io/default-container``, or the first (then standard error says which). Raises UsageError."""
    from .output import say

    if name is not None:
        if name not in pod.containers:
            there = ", ".join(pod.containers)
            raise UsageError(f"container {name} not found in pod {pod.name}" + (f"; there is {there}" if there else ""))
        return name
    annotations = (pod.object.get("metadata") or {}).get("annotations") or {}
    default = annotations.get("kubectl.kubernetes.io/default-container")
    if default in pod.containers:
        return str(default)
    if not pod.regular_containers:
        raise UsageError(f"pod {pod.name} is only just starting: its containers are not known yet")
    first = pod.regular_containers[0]
    if len(pod.containers) > 1:
        say(f'Defaulted container "{first}" out of: {_listed(pod)}')
    return first


def _listed(pod: RunningPod) -> str:
    spec = pod.object.get("spec") or {}
    others = [
        f"{item['name']} ({kind})"
        for kind, group in (("ephem", "ephemeralContainers"), ("init", "initContainers"))
        for item in spec.get(group) or ()
    ]
    return ", ".join([*pod.regular_containers, *others])
