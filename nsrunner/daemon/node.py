"""The Node object: what this machine is, and that its daemon lives."""

from __future__ import annotations

import os
import platform
from typing import Any, Final

from nsrunner.api.registry import now_text
from nsrunner.sandbox.host import HostFacts

__all__ = ["KUBERNETES_VERSION", "MAX_PODS", "node_object"]

KUBERNETES_VERSION: Final = "v1.36.0"
"""Whose behaviour and types this is."""
MAX_PODS: Final = 110


def node_object(name: str, facts: HostFacts, version: str, *, ready: bool = True) -> dict[str, Any]:
    """The Node as the kubelet would register it. ``version`` is nsrunner's own."""
    now = now_text()
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
            "conditions": [
                _condition("MemoryPressure", "False", "KubeletHasSufficientMemory", now),
                _condition("DiskPressure", "False", "KubeletHasNoDiskPressure", now),
                _condition("PIDPressure", "False", "KubeletHasSufficientPID", now),
                _condition("Ready", "True" if ready else "False", "KubeletReady" if ready else "NodeShutdown", now),
            ],
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


def _condition(type: str, status: str, reason: str, now: str) -> dict[str, Any]:
    return {
        "type": type,
        "status": status,
        "reason": reason,
        "message": reason,
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }


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
