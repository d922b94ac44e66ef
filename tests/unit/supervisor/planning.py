"""Pods, nodes and plans for the planner's tests."""

from __future__ import annotations

import json
import resource
from typing import Any

from nsrunner.model import load
from nsrunner.model.types import Pod
from nsrunner.sandbox import security
from nsrunner.sandbox.host import HostFacts
from nsrunner.sandbox.rootfs import ImageRoot
from nsrunner.sandbox.seccomp_error import ProfileError
from nsrunner.sandbox.seccomp_store import Program
from nsrunner.sandbox.spec import (
    Owner,
    RootSpec,
)
from nsrunner.sandbox.state import Roots
from nsrunner.supervisor.plan import (
    ContainerPlan,
    Node,
    SandboxPlan,
    plan_container,
    plan_sandbox,
)

OWNER = Owner(kind="process", pid=10, start_time=20)
HELD = security.ALL
UID = "8c5a4b1e-0000-4000-8000-000000000001"


def facts(**changes: Any) -> HostFacts:
    values: dict[str, Any] = {
        "hostname": "node-a",
        "ips": ("198.51.100.7",),
        "kernel": (6, 1),
        "machine": "x86_64",
        "capabilities": HELD,
        "uid": 0,
        "cgroup": "/sys/fs/cgroup",
        "controllers": (),
        "device_filter": True,
        "submounts": (),
        "masked_paths": security.MASKED_PATHS,
        "cpus": 4,
        "memory": 8 << 30,
        "storage": 64 << 30,
        "oom_score_adj": 0,
        "rlimits": (
            (resource.RLIMIT_NOFILE, 4096, 20000),
            (resource.RLIMIT_CORE, -1, -1),
            (resource.RLIMIT_AS, -1, -1),
        ),
        "resolv_conf": b"nameserver 203.0.113.1\nsearch example.com\n",
        "hosts": b"127.0.0.1 localhost\n",
    }
    return HostFacts(**{**values, **changes})


def fake_seccomp(localhost: str, host: HostFacts, roots: Roots, capabilities: int) -> Program:
    if localhost == "missing.json":
        raise ProfileError("cannot load seccomp profile")
    return Program(f"{localhost or 'default'} {capabilities:x}".encode(), 4)


def node(*, host: HostFacts | None = None, **changes: Any) -> Node:
    return Node(facts=host or facts(), roots=Roots(), seccomp=fake_seccomp, **changes)


IMAGE = ImageRoot(image="host", root=RootSpec(lower="/"))


def pod(spec: dict[str, Any], **metadata: Any) -> Pod:
    """Through the whole front door, so that defaults are those of the API."""
    spec = {"containers": [{"name": "main", "image": "host", "command": ["sleep"]}], **spec}
    data = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", **metadata}, "spec": spec}
    (document,) = load(json.dumps(data).encode(), "test")
    assert isinstance(document.object, Pod), document.errors
    loaded = document.object
    from msgspec.structs import replace

    return replace(loaded, metadata=replace(loaded.metadata, uid=UID, namespace="default"))


def container(fields: dict[str, Any], **spec: Any) -> Pod:
    return pod({"containers": [{"name": "main", "image": "host", "command": ["sleep"], **fields}], **spec})


def sandbox(of: Pod, where: Node | None = None, attempt: int = 0) -> SandboxPlan:
    return plan_sandbox(of, where or node(), owner=OWNER, attempt=attempt)


def start(
    of: Pod, where: Node | None = None, *, image: ImageRoot = IMAGE, attempt: int = 0, **more: Any
) -> ContainerPlan:
    where = where or node()
    return plan_container(of, "main", where, attempt=attempt, sandbox=sandbox(of, where), image=image, **more)
