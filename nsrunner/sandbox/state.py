"""Where pods live on disk, and who owns them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from nsrunner.sandbox.spec import Owner, PodPaths

__all__ = ["RegisteredPod", "Roots"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """The directories of one installation. Two with different roots know nothing of each other."""

    run: str = "/run/nsrunner"
    """On a tmpfs: sockets, owners, saved state."""
    state: str = "/var/lib/nsrunner"
    """On a disk: volumes, writable layers, images, seccomp profiles."""
    logs: str = "/var/log/pods"
    log_links: str = "/var/log/containers"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Roots:
        """``NSRUNNER_ROOT=/dir`` moves all four below it. Raises UsageError when it is not an absolute path."""
        raise NotImplementedError

    def pod_paths(self, namespace: str, name: str, uid: str) -> PodPaths:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredPod:
    uid: str
    namespace: str
    name: str
    owner: Owner
    paths: PodPaths
    cgroup: str
    """As in SandboxSpec.cgroup."""


def this_process() -> Owner:
    """The calling process as an owner."""
    raise NotImplementedError


def register(roots: Roots, pod: RegisteredPod) -> None:
    """Makes the pod's run directory with ``pod.json`` in it. Raises SandboxError; UsageError when the uid is taken."""
    raise NotImplementedError


def registered(roots: Roots) -> list[RegisteredPod]:
    """All pods of all faces, sorted by namespace and name."""
    raise NotImplementedError


def sweep(roots: Roots) -> list[str]:
    """Kills and removes what dead owners left (their shims do it too, unless they are dead as well). Returns the uids.
    Blocking: call it in a thread."""
    raise NotImplementedError
