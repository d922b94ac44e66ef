"""Events that the daemon itself has to tell: of its node, and of pods that cannot begin."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from nsrunner.api.registry import now_text

__all__ = ["node_warning", "pod_warning"]

_MESSAGE_MAX = 1024


def node_warning(node: str, reason: str, message: str) -> dict[str, Any]:
    """The same message is the same event."""
    about = {"kind": "Node", "name": node, "uid": node, "apiVersion": "v1"}
    return _warning(about, "default", node, reason, message)


def pod_warning(metadata: Mapping[str, Any], node: str, reason: str, message: str) -> dict[str, Any]:
    """``metadata``: of the pod's object."""
    about = {key: metadata[key] for key in ("namespace", "name", "uid")}
    return _warning({"kind": "Pod", **about, "apiVersion": "v1"}, metadata["namespace"], node, reason, message)


def _warning(about: Mapping[str, Any], namespace: str, node: str, reason: str, message: str) -> dict[str, Any]:
    now = now_text()
    digest = hashlib.blake2b(f"{about['uid']} {reason} {message}".encode(), digest_size=8).hexdigest()
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{about['name']}.{digest}", "namespace": namespace},
        "involvedObject": about,
        "reason": reason,
        "message": message[:_MESSAGE_MAX],
        "source": {"component": "kubelet", "host": node},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "type": "Warning",
        "reportingComponent": "kubelet",
        "reportingInstance": node,
    }
