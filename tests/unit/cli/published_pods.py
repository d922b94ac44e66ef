"""Pods as other processes see them: registered and published, but without a shim."""

from __future__ import annotations

import json
from typing import Any

from nsrunner.sandbox.published import publish
from nsrunner.sandbox.spec import Owner, PodPaths
from nsrunner.sandbox.state import RegisteredPod, Roots, register, this_process

CREATED = "2026-01-01T00:00:00Z"
RUNNING = {"running": {"startedAt": CREATED}}


def terminated(code: int = 1) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "finishedAt": CREATED}}


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason}}


def container(
    name: str, state: dict[str, Any], *, restarts: int = 0, last: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "state": state,
        "lastState": last or {},
        "restartCount": restarts,
        "ready": "running" in state,
    }


class PublishedPod:
    """A pod whose owner is this process."""

    def __init__(
        self, name: str = "web", uid: str = "u1", *, namespace: str = "default", owner: Owner | None = None
    ) -> None:
        roots = Roots.from_environment()
        self.name, self.uid, self.namespace = name, uid, namespace
        self.paths: PodPaths = roots.pod_paths(namespace, name, uid)
        register(
            roots,
            RegisteredPod(
                uid=uid, namespace=namespace, name=name, owner=owner or this_process(), paths=self.paths, cgroup=""
            ),
        )

    def publish(self, *containers: dict[str, Any], phase: str = "Running", inits: tuple[str, ...] = ()) -> None:
        publish(
            self.paths.run,
            json.dumps(
                {
                    "metadata": {
                        "name": self.name,
                        "namespace": self.namespace,
                        "uid": self.uid,
                        "creationTimestamp": CREATED,
                    },
                    "spec": {
                        "initContainers": [{"name": name} for name in inits],
                        "containers": [{"name": each["name"]} for each in containers],
                    },
                    "status": {"phase": phase, "podIP": "192.0.2.1", "containerStatuses": list(containers)},
                }
            ).encode(),
        )
