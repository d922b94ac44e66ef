"""Which reason and which words a failed step becomes (kubelet-semantics 8 and 28): the only place that decides it.

A runtime behind the kubelet's CRI fails in three places, and clients tell them apart by the reason: the configuration
(CreateContainerConfigError), the creation (CreateContainerError; neither leaves a record, both are retried) and the
start (RunContainerError: a record with exit code 128 and crash-loop back-off).
"""

from __future__ import annotations

import errno
import logging
import os
from typing import assert_never

from nsrunner.errors import NsrunnerError, SandboxError
from nsrunner.lifecycle.commands import (
    AnsweredCommand,
    CreateSandbox,
    EnsureImage,
    RemoveContainer,
    RemovePod,
    RunHook,
    RunProbe,
    SignalContainer,
    StartContainer,
    StopSandbox,
)
from nsrunner.lifecycle.events import (
    ContainerFailed,
    ContainerRemoved,
    Event,
    HookDone,
    ImageFailed,
    PodRemoved,
    ProbeDone,
    SandboxFailed,
    SandboxStopped,
    SignalSent,
)
from nsrunner.sandbox.spec import BindMount, ContainerSpec, HostPath, MemoryDir, SandboxSpec
from nsrunner.supervisor.plan import ConfigError, CreateError

__all__ = ["container_failure", "exec_failure", "failure", "sandbox_failure", "sentence"]

log = logging.getLogger(__name__)

_MOUNT_STEPS = frozenset({"make volume", "check hostPath"})
"""Of a sandbox: FailedMount. All others are FailedCreatePodSandBox."""

_REASONS = {
    "resolve subPath": "CreateContainerConfigError",
    "open log": "CreateContainerConfigError",
    "make termination log": "CreateContainerConfigError",
    "open mount source": "CreateContainerError",
    "check hostPath": "CreateContainerError",
    "make directory": "CreateContainerError",
    "write file": "CreateContainerError",
    "mount root": "CreateContainerError",
    "mount host file system": "CreateContainerError",
    "read spec": "CreateContainerError",
    "allocate memory": "CreateContainerError",
    "make pipes": "CreateContainerError",
    "make cgroup": "CreateContainerError",
    "find the container": "CreateContainerError",
    "join the target container": "CreateContainerError",
    "talk to the shim": "CreateContainerError",
}
"""Of a container's start. All others are RunContainerError."""

_HOST_PATH_TYPES = {
    "DirectoryOrCreate": "directory",
    "Directory": "directory",
    "FileOrCreate": "file",
    "File": "file",
    "Socket": "socket file",
    "CharDevice": "character device",
    "BlockDevice": "block device",
}


def failure(command: AnsweredCommand, error: Exception, uid: str) -> Event:
    """The event that ends a command which did not do what it should. ``uid`` is the pod's, for the log."""
    match error:
        case SandboxError():
            text = sentence(error)
        case NsrunnerError() | ConfigError() | CreateError() | OSError():
            text = str(error)
        case _:  # a mistake of ours: the pod shows it, the log has the traceback
            log.error("pod %s: %s failed", uid, command, exc_info=error)
            text = f"internal error: {error!r}"
    match command:
        case CreateSandbox(id=id, attempt=attempt):
            return SandboxFailed(id=id, attempt=attempt, reason="FailedCreatePodSandBox", message=text)
        case StopSandbox(id=id, attempt=attempt):
            log.warning("pod %s: stopping its sandbox: %s", uid, text)
            return SandboxStopped(id=id, attempt=attempt)
        case EnsureImage(id=id, container=container):
            return ImageFailed(id=id, container=container, reason="ImageInspectError", message=text)
        case StartContainer(id=id, container=container, attempt=attempt):
            reason = "CreateContainerConfigError" if isinstance(error, ConfigError) else "CreateContainerError"
            return ContainerFailed(id=id, container=container, attempt=attempt, reason=reason, message=text)
        case RunHook(id=id, container=container, attempt=attempt, hook=hook):
            return HookDone(id=id, container=container, attempt=attempt, hook=hook, error=text)
        case RunProbe(id=id, container=container, attempt=attempt, probe=probe):
            return ProbeDone(id=id, container=container, attempt=attempt, probe=probe, result="Unknown", message=text)
        case SignalContainer(id=id, container=container, attempt=attempt):
            return SignalSent(id=id, container=container, attempt=attempt, error=text)
        case RemoveContainer(id=id, container=container, attempt=attempt):
            log.warning("pod %s: removing container %s, attempt %d: %s", uid, container, attempt, text)
            return ContainerRemoved(id=id, container=container, attempt=attempt)
        case RemovePod(id=id):
            log.error("pod %s: something of it is left: %s", uid, text)
            return PodRemoved(id=id)
        case _:
            assert_never(command)


def sandbox_failure(error: SandboxError, spec: SandboxSpec | None) -> tuple[str, str]:
    """(reason, message) of a sandbox that could not be made, as lifecycle.events.SandboxFailed wants them."""
    if error.step not in _MOUNT_STEPS:
        return "FailedCreatePodSandBox", sentence(error)
    text = sentence(error)
    for volume in spec.volumes if spec is not None else ():
        if isinstance(volume, HostPath) and error.path in (volume.path, volume.name):
            wanted = _HOST_PATH_TYPES.get(volume.type)
            if wanted is not None and error.errno in _WRONG_TYPE:
                text = f"hostPath type check failed: {volume.path} is not a {wanted}"
        elif not _is_of(volume.name, error.path):
            continue
        elif isinstance(volume, MemoryDir) and error.errno:
            text = f"mount tmpfs: {_reason(error.errno)}"
        return "FailedMount", f'MountVolume.SetUp failed for volume "{volume.name}" : {text}'
    return "FailedMount", f"Unable to attach or mount volumes: {text}"


_WRONG_TYPE = frozenset(
    {0, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.ENOTSOCK, errno.ENODEV, errno.ENOTBLK}
)


def _is_of(volume: str, path: str) -> bool:
    return path == volume or path.rstrip("/").endswith(f"/{volume}")


def container_failure(error: SandboxError, spec: ContainerSpec) -> tuple[str, str]:
    """(reason, message) for a container that could not be started."""
    reason = _REASONS.get(error.step, "RunContainerError")
    if error.step == "resolve subPath":
        mounts = (mount for mount in spec.mounts if isinstance(mount, BindMount) and mount.sub_path == error.path)
        volume = next((mount.volume for mount in mounts), "")
        message = f'failed to prepare subPath for volumeMount "{volume}" of container "{spec.name}": {sentence(error)}'
    elif error.step == "open mount source":
        message = f'failed to generate container spec: failed to stat "{error.path}": {_reason(error.errno)}'
    elif error.step == "set mount propagation" and error.errno == errno.EINVAL:
        reason = "CreateContainerError"
        message = (
            f'failed to generate container spec: path "{error.path}" is on a mount that is not shared '
            "(mount --make-shared makes it so)"
        )
    elif error.step == "join the target container" and error.errno == errno.ESRCH:
        message = "invalid target container: it is not running"
    elif reason == "RunContainerError":
        message = f"unable to start container process: {exec_failure(error, spec.argv[0] if spec.argv else '')}"
    else:
        message = sentence(error)
    return reason, message


def exec_failure(error: SandboxError, program: str = "") -> str:
    """The words of a program that could not be run, as Go's os/exec and runc say it."""
    program = error.path or program
    if error.step == "find executable in PATH":
        what = "executable file not found in $PATH" if error.errno in (0, errno.ENOENT) else _reason(error.errno)
        return f'exec: "{program}": {what}'
    if error.step == "exec":
        if error.errno == errno.ENOENT:
            return f'exec: "{program}": stat {program}: no such file or directory'
        if error.errno == errno.ENOEXEC:
            return f"exec {program}: exec format error"
        return f'exec: "{program}": {_reason(error.errno)}'
    if error.step == "change to working directory":
        return f'chdir to cwd ("{error.path}") failed: {_reason(error.errno)}'
    return sentence(error)


def sentence(error: SandboxError) -> str:
    """Step, path, what the kernel said, and what else is known: ``mount /proc: operation not permitted``."""
    named = not error.path or error.step.endswith(f" {error.path}")
    parts = [error.step if named else f"{error.step} {error.path}"]
    if error.errno:
        parts.append(_reason(error.errno))
    if error.detail:
        parts.append(error.detail)
    return ": ".join(parts)


def _reason(number: int) -> str:
    """Like Go's syscall.Errno.Error(): lower case."""
    text = os.strerror(number)
    return text[:1].lower() + text[1:]
