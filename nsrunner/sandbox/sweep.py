"""Removing what is left of pods: after a shim's death, and what dead owners left behind.

A shim removes its pod itself when the owner is gone. These functions do it where the shim died, too, from the pod's
record (:mod:`nsrunner.sandbox.state`). All of them block: call them in a thread.
"""

from __future__ import annotations

import errno
import os

from nsrunner.errors import SandboxError
from nsrunner.sandbox import cgroups, native, state
from nsrunner.sandbox.spec import PodPaths
from nsrunner.sandbox.state import RegisteredPod, Roots
from nsrunner.sandbox.trees import remove_tree

__all__ = ["end_processes", "is_needed", "remove_log", "remove_pod", "sweep"]

_PATIENCE = 10.0
"""Seconds for a living shim to remove its pod, or for killed processes to be gone."""


def end_processes(pod: RegisteredPod) -> None:
    """Kills every process in the pod's cgroup and removes the cgroup. Raises SandboxError."""
    if not pod.cgroup:
        return
    try:
        ended = cgroups.kill(pod.cgroup, within=_PATIENCE)
        if ended:
            cgroups.remove(pod.cgroup)
    except OSError as error:
        raise SandboxError("kill cgroup", error.errno or 0, pod.cgroup) from None
    if not ended:
        raise SandboxError("kill cgroup", 0, pod.cgroup, detail="processes are left")


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
        _remove_tree(path)


def _remove_tree(path: str) -> None:
    try:
        try:
            remove_tree(path)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            # What a container with Bidirectional propagation has mounted in a volume, and left.
            native.unmount_below(path)
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
    from nsrunner.sandbox.client import Client  # most sweeps find nothing

    try:
        with Client(pod.paths.run, controller=True, within=_PATIENCE) as client:
            client.remove_pod(within=_PATIENCE)
    except SandboxError:
        return False
    return True


def sweep(roots: Roots) -> list[str]:
    """Ends and removes the pods of dead owners. Returns their uids; those that could not be removed whole stay for the
    next sweep. Does nothing while another process sweeps. Raises SandboxError when the directories cannot be read."""
    with state.locked(roots, "sweep.lock", wait=False) as ours:
        if not ours:
            return []
        removed = []
        for uid in sorted(_known(roots)):
            try:
                if _sweep_one(roots, uid):
                    removed.append(uid)
            except (SandboxError, OSError):  # OSError: a record that cannot be read now
                continue
        return removed


def is_needed(roots: Roots) -> bool:
    """Whether there is any pod that a sweep would look at, dead or alive. Raises SandboxError as the sweep would."""
    return bool(_known(roots))


def _known(roots: Roots) -> set[str]:
    return {*_names(f"{roots.run}/pods"), *_names(f"{roots.state}/pods")}


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SandboxError("read directory", error.errno or 0, directory) from None


def _sweep_one(roots: Roots, uid: str) -> bool:
    """Removes the pod if nobody owns it. The registry is locked for the look alone, not for the removal."""
    run = f"{roots.run}/pods/{uid}"
    with state.locked(roots):
        pod = state.read(run)
        if pod is None and state.is_newer(run):
            return False
        if pod is None:  # half made by a process that died, or of an earlier boot; there is no shim
            _remove_tree(run)
    if pod is None:
        return _sweep_unrecorded(roots, uid)
    if state.alive(pod.owner):
        return False
    if _remove_by_shim(pod):
        _remove_directories(pod.paths)  # of a shim that never got a sandbox, and so knows no directory
    else:
        remove_pod(pod)
    return True


def _sweep_unrecorded(roots: Roots, uid: str) -> bool:
    """What is on the disk of a pod whose record is lost (a reboot empties /run). The daemon's pods have a record there,
    too: they outlive a reboot."""
    kept = f"{roots.state}/pods/{uid}"
    if os.path.exists(f"{kept}/{state.NAME}"):
        return False
    for name in _names(roots.logs):
        if name.endswith(f"_{uid}"):
            logs = f"{roots.logs}/{name}"
            _remove_links(PodPaths(run="", state="", logs=logs, log_links=roots.log_links), f"{logs}/")
            _remove_tree(logs)
    _remove_tree(kept)
    return True
