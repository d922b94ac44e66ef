"""Removing what is left of pods: after a shim's death, and what dead owners left behind.

A shim removes its pod itself when the owner is gone. These functions do it where the shim died, too, from the pod's
record (:mod:`nsrunner.sandbox.state`). All of them block: call them in a thread.
"""

from __future__ import annotations

import os

from nsrunner.errors import SandboxError
from nsrunner.sandbox import cgroups, state
from nsrunner.sandbox.client import Client
from nsrunner.sandbox.spec import PodPaths
from nsrunner.sandbox.state import RegisteredPod, Roots
from nsrunner.sandbox.trees import remove_tree

__all__ = ["end_processes", "remove_log", "remove_pod", "sweep"]

_PATIENCE = 10.0
"""Seconds for a living shim to remove its pod, or for killed processes to be gone."""


def end_processes(pod: RegisteredPod) -> None:
    """Kills every process in the pod's cgroup and removes the cgroup. Raises SandboxError."""
    if pod.cgroup:
        if not cgroups.kill(pod.cgroup, within=_PATIENCE):
            raise SandboxError("kill cgroup", 0, pod.cgroup, detail="processes are left")
        cgroups.remove(pod.cgroup)


def remove_pod(pod: RegisteredPod) -> None:
    """Ends and removes everything of a pod that has no shim. Raises SandboxError."""
    end_processes(pod)
    _remove_directories(pod.paths)


def remove_log(pod: RegisteredPod, container: str, attempt: int) -> None:
    """One instance's log files, the rotated ones too, and its compatibility links. Raises SandboxError."""
    directory = f"{pod.paths.logs}/{container}"
    prefix = f"{attempt}.log"
    _remove_links(pod.paths, f"{directory}/{prefix}")
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return
    for name in names:
        if name == prefix or name.startswith(f"{prefix}."):
            try:
                os.unlink(f"{directory}/{name}")
            except OSError as error:
                raise SandboxError("remove directory", error.errno or 0, f"{directory}/{name}") from None


def _remove_directories(paths: PodPaths) -> None:
    """The record goes last: as long as it is there, somebody will try again."""
    _remove_links(paths, f"{paths.logs}/")
    for path in (paths.state, paths.logs, paths.run):
        try:
            remove_tree(path)
        except OSError as error:
            raise SandboxError("remove directory", error.errno or 0, path) from None


def _remove_links(paths: PodPaths, target: str) -> None:
    """Compatibility links to files whose path begins with ``target``."""
    if not paths.log_links:
        return
    try:
        with os.scandir(paths.log_links) as entries:
            links = [entry.path for entry in entries if entry.is_symlink()]
    except OSError:
        return
    for link in links:
        try:
            if os.readlink(link).startswith(target):
                os.unlink(link)
        except OSError:
            continue  # somebody else removed it


def _remove_by_shim(pod: RegisteredPod) -> bool:
    """Asks the pod's shim, if it lives. It is most likely at it already."""
    try:
        with Client(pod.paths.run, controller=True, within=_PATIENCE) as client:
            client.remove_pod(within=_PATIENCE)
    except SandboxError:
        return False
    return True


def _orphans(roots: Roots) -> list[str]:
    """Uids of pods whose state is on the disk, but whose record is gone (a reboot empties /run). The daemon's pods have
    a record on the disk, too."""
    directory = f"{roots.state}/pods"
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return [name for name in names if not os.path.exists(f"{roots.run}/pods/{name}") and not _is_daemons(roots, name)]


def _is_daemons(roots: Roots, uid: str) -> bool:
    """Whether a record on the disk says that the pod outlives a reboot."""
    return os.path.exists(f"{roots.state}/pods/{uid}/{state.NAME}")


def _leftover_paths(roots: Roots, uid: str) -> PodPaths:
    """Directories of a pod whose record is lost, or of an earlier boot."""
    if _is_daemons(roots, uid):
        run = f"{roots.run}/pods/{uid}"
        return PodPaths(run=run, state=run, logs=run, log_links="")
    try:
        logs = next((name for name in os.listdir(roots.logs) if name.endswith(f"_{uid}")), "")
    except OSError:
        logs = ""
    return PodPaths(
        run=f"{roots.run}/pods/{uid}",
        state=f"{roots.state}/pods/{uid}",
        logs=f"{roots.logs}/{logs}" if logs else f"{roots.run}/pods/{uid}",
        log_links=roots.log_links if logs else "",
    )


def sweep(roots: Roots) -> list[str]:
    """Ends and removes the pods of dead owners. Returns their uids; those that could not be removed whole stay for the
    next sweep. Does nothing while another process sweeps. Raises SandboxError when the directories cannot be read."""
    removed: list[str] = []
    with state.locked(roots, wait=False) as ours:
        if not ours:
            return removed
        try:
            names = os.listdir(f"{roots.run}/pods")
        except OSError as error:
            raise SandboxError("read directory", error.errno or 0, f"{roots.run}/pods") from None
        for uid in names:
            pod = state.read(f"{roots.run}/pods/{uid}")
            if pod is not None and state.alive(pod.owner):
                continue
            try:
                if pod is None:
                    _remove_directories(_leftover_paths(roots, uid))
                elif not _remove_by_shim(pod):
                    remove_pod(pod)
            except SandboxError:
                continue
            removed.append(uid)
        for uid in _orphans(roots):
            try:
                _remove_directories(_leftover_paths(roots, uid))
            except SandboxError:
                continue
            removed.append(uid)
    return removed
