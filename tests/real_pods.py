"""Short ways to write a pod of the tests of real processes, and to read how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nsrunner import Pod, PodEvent
from nsrunner.model.types import ContainerStateTerminated, ContainerStateWaiting, ContainerStatus

Manifest = dict[str, Any]

PAUSE = ["sleep", "infinity"]
"""A command that stays. As PID 1 it ignores TERM: end such pods with grace 0."""


def container(name: str = "main", *command: str, **fields: Any) -> Manifest:
    return {"name": name, "image": "host", "command": list(command or PAUSE), **fields}


def shell(name: str, script: str, **fields: Any) -> Manifest:
    """``$$`` is the shell's: Kubernetes would make one dollar of it."""
    return container(name, "sh", "-c", script.replace("$$", "$$$$"), **fields)


def pod(*containers: Manifest, name: str = "pod", **spec: Any) -> Manifest:
    """A pod that is not restarted and has no grace, unless ``spec`` says otherwise."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": list(containers) or [container()],
            **spec,
        },
    }


def start(manifest: Manifest, **options: Any) -> Pod:
    """For a ``with`` block, at whose end everything is killed at once: with any grace the minimum is two seconds."""
    return Pod.from_dict(manifest, **{"grace_period": 0, **options})


def make_root(directory: Path) -> Manifest:
    """Fields for a container whose root is this directory with the host's programs: /usr is a volume, see USR."""
    directory.chmod(0o755)  # it is "/" for a user who is not root, too
    for name in ("bin", "lib", "lib64", "sbin"):
        (directory / name).symlink_to(f"usr/{name}")
    for name in ("etc", "usr", "tmp"):
        (directory / name).mkdir()
    return {"image": f"rootfs:{directory}", "volumeMounts": [{"name": "usr", "mountPath": "/usr", "readOnly": True}]}


USR = {"name": "usr", "hostPath": {"path": "/usr"}}


def status_of(running: Pod, name: str) -> ContainerStatus:
    status = running.status
    kinds = (*status.init_container_statuses, *status.container_statuses, *status.ephemeral_container_statuses)
    return next(one for one in kinds if one.name == name)


def terminated(running: Pod, name: str = "main") -> ContainerStateTerminated:
    state = status_of(running, name).state
    assert state is not None and state.terminated is not None, state
    return state.terminated


def waiting(running: Pod, name: str = "main") -> ContainerStateWaiting:
    state = status_of(running, name).state
    assert state is not None and state.waiting is not None, state
    return state.waiting


def next_event(events: Iterator[PodEvent], *reasons: str) -> PodEvent:
    """The next one with one of these reasons. Fails when the pod is removed before."""
    seen = []
    for event in events:
        if event.reason in reasons:
            return event
        seen.append(f"{event.reason}: {event.message}")
    raise AssertionError(f"no {' or '.join(reasons)} among {seen}")


def next_line(lines: Iterator[str], wanted: Callable[[str], bool]) -> str:
    """The next line of a followed log that is wanted. Fails when the log ends before."""
    seen = []
    for line in lines:
        if wanted(line):
            return line
        seen.append(line)
    raise AssertionError(f"not among {seen}")
