"""The Node object: what this machine is, how it does, and that its daemon lives."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from nsrunner.api.registry import Registry, now_text
from nsrunner.api.resources import Resource
from nsrunner.sandbox.host import HostFacts

__all__ = ["KUBERNETES_VERSION", "MAX_PODS", "NodeStatus", "Pressure", "node_object", "pressure"]

KUBERNETES_VERSION: Final = "v1.36.0"
"""Whose behaviour and types this is."""
MAX_PODS: Final = 110
_MEMORY_LEAST: Final = 100 * 2**20
_DISK_LEAST: Final = 0.10
_INODES_LEAST: Final = 0.05
_PIDS_LEAST: Final = 0.05
"""Shares, and bytes of memory, that must be left (the kubelet's evictionHard; pids are left to the machine there)."""


class Pressure(Struct, frozen=True):
    """What the machine is short of."""

    memory: bool = False
    disk: bool = False
    pids: bool = False


def pressure(state: str) -> Pressure:
    """Of this machine now; ``state`` is the directory whose file system counts. What cannot be read is no pressure."""
    memory = disk = pids = False
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        memory = int(fields["MemAvailable"].split()[0]) * 1024 < _MEMORY_LEAST
    except (OSError, KeyError, ValueError):
        pass
    try:
        found = os.statvfs(state)
        inodes = found.f_files > 0 and found.f_favail < found.f_files * _INODES_LEAST
        disk = inodes or found.f_bavail < found.f_blocks * _DISK_LEAST
    except OSError:
        pass
    try:
        with open("/proc/loadavg", encoding="ascii") as file:
            running = int(file.read().split()[3].partition("/")[2])
        with open("/proc/sys/kernel/pid_max", encoding="ascii") as file:
            pids = running > int(file.read()) * (1 - _PIDS_LEAST)
    except (OSError, IndexError, ValueError):
        pass
    return Pressure(memory, disk, pids)


def node_object(name: str, facts: HostFacts, version: str) -> dict[str, Any]:
    """The Node as the kubelet would register it, without conditions. ``version`` is nsrunner's own."""
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(facts.machine, facts.machine)
    capacity = {
        "cpu": str(facts.cpus),
        "memory": f"{facts.memory // 1024}Ki",
        "ephemeral-storage": f"{facts.storage // 1024}Ki",
        "pods": str(MAX_PODS),
    }
    labels = {
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": architecture,
        "beta.kubernetes.io/os": "linux",
    }
    addresses = [*({"type": "InternalIP", "address": ip} for ip in facts.ips), {"type": "Hostname", "address": name}]
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": [],
            "addresses": addresses,
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
            "nodeInfo": {
                "machineID": _first_line("/etc/machine-id"),
                "systemUUID": _first_line("/sys/class/dmi/id/product_uuid"),
                "bootID": _first_line("/proc/sys/kernel/random/boot_id"),
                "kernelVersion": os.uname().release,
                "osImage": _os_image(),
                "containerRuntimeVersion": f"nsrunner://{version}",
                "kubeletVersion": f"{KUBERNETES_VERSION}+nsrunner.{version}",
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": architecture,
            },
        },
    }


class NodeStatus:
    """Keeps the Node in the API. ``problems``: what is wrong with the daemon, by the name of the check; ``look``: what
    the machine is short of; ``report_seconds``: after which the conditions say that they still hold."""

    def __init__(
        self,
        registry: Registry,
        node: dict[str, Any],
        *,
        problems: Callable[[], Mapping[str, str]],
        look: Callable[[], Pressure],
        report_seconds: float = 300.0,
    ) -> None:
        self._registry = registry
        self._node = node
        self._problems = problems
        self._look = look
        self._report_seconds = report_seconds
        self._reported = float("-inf")
        self._leaving = ""

    def register(self) -> None:
        """Writes the node: what it is, as of now. What clients have put on an earlier one, they keep."""
        name = self._node["metadata"]["name"]
        old = next((each for each in self._registry.list(self._resource, None)["items"] if _name(each) == name), None)
        node = self._node
        if old is not None:
            metadata = {**old["metadata"], "labels": {**(old["metadata"].get("labels") or {}), **_labels(node)}}
            node = {**node, "metadata": metadata, "spec": old.get("spec") or {}}
            node["status"] = {**node["status"], "conditions": (old.get("status") or {}).get("conditions") or []}
        self._registry.put(self._resource, node)
        self.update()

    def leave(self, why: str) -> None:
        """The node is going down: it is not Ready any more."""
        self._leaving = why
        self.update()

    def update(self) -> None:
        """Writes the conditions that have changed, or all when the heartbeat is due."""
        node = self._registry.get(self._resource, "", self._node["metadata"]["name"])
        before = {each["type"]: each for each in node["status"]["conditions"]}
        now, late = now_text(), time.monotonic() - self._reported >= self._report_seconds
        conditions = [_condition(before.get(each[0]), each, now) for each in self._conditions()]
        changed = [each["type"] for each in conditions if _told(each) != _told(before.get(each["type"], {}))]
        if not changed and not late:
            return
        self._reported = time.monotonic()
        self._registry.put(self._resource, {**node, "status": {**node["status"], "conditions": conditions}})

    async def run(self, seconds: float) -> None:
        """Looks every so many seconds, until it is cancelled."""
        while True:
            await asyncio.sleep(seconds)
            self.update()

    @property
    def _resource(self) -> Resource:
        nodes = self._registry.find("", "v1", "nodes")
        assert nodes is not None
        return nodes

    def _conditions(self) -> list[tuple[str, str, str, str]]:
        """Type, status, reason, message (kubelet ``pkg/kubelet/nodestatus/setters.go``)."""
        short = self._look()
        wrong = "; ".join(f"{name}: {problem}" for name, problem in self._problems().items() if problem)
        ready = ("Ready", "True", "KubeletReady", "nsrunner is posting ready status")
        if self._leaving:
            ready = ("Ready", "False", "KubeletNotReady", self._leaving)
        elif wrong:
            ready = ("Ready", "False", "KubeletNotReady", wrong)
        return [
            _pressed("MemoryPressure", short.memory, "InsufficientMemory", "SufficientMemory", "memory available"),
            _pressed("DiskPressure", short.disk, "DiskPressure", "NoDiskPressure", "disk pressure", no=True),
            _pressed("PIDPressure", short.pids, "InsufficientPID", "SufficientPID", "PID available"),
            ready,
        ]


def _pressed(
    type: str, pressed: bool, bad: str, good: str, what: str, *, no: bool = False
) -> tuple[str, str, str, str]:
    if no:
        return (
            type,
            str(pressed),
            f"KubeletHas{bad if pressed else good}",
            f"kubelet has {'' if pressed else 'no '}{what}",
        )
    return (
        type,
        str(pressed),
        f"KubeletHas{bad if pressed else good}",
        f"kubelet has {'insufficient' if pressed else 'sufficient'} {what}",
    )


def _condition(old: Mapping[str, Any] | None, told: tuple[str, str, str, str], now: str) -> dict[str, Any]:
    type, status, reason, message = told
    since = old["lastTransitionTime"] if old is not None and old["status"] == status else now
    return {
        "type": type,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": now,
        "lastTransitionTime": since,
    }


def _told(condition: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(condition.get(field) for field in ("status", "reason", "message"))


def _name(object: Mapping[str, Any]) -> Any:
    return object["metadata"]["name"]


def _labels(object: Mapping[str, Any]) -> dict[str, str]:
    labels: dict[str, str] = object["metadata"]["labels"]
    return labels


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().strip()
    except OSError:
        return ""


def _os_image() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""
