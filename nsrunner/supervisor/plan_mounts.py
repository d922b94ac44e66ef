"""Which volumes a container sees, where and how (kubelet-semantics 22.5)."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import assert_never

from nsrunner.model.environment import ValueFromError, expand_sub_path
from nsrunner.model.places import clean, is_in_proc
from nsrunner.model.types import AnyContainer, VolumeMount
from nsrunner.sandbox.spec import BindMount, EmptyDir, HostPath, MemoryDir, PodPaths, Propagation, SandboxSpec, Volume
from nsrunner.supervisor.plan_types import ConfigError, CreateError

__all__ = ["plan_mounts", "volume_path"]


def volume_path(paths: PodPaths, volume: Volume) -> str:
    """Where the volume is in the shim's mount namespace."""
    match volume:
        case HostPath():
            return volume.path
        case EmptyDir() | MemoryDir():
            return f"{paths.state}/volumes/kubernetes.io~empty-dir/{volume.name}"
        case _:
            assert_never(volume)


def plan_mounts(container: AnyContainer, sandbox: SandboxSpec, environment: Mapping[str, str]) -> tuple[BindMount, ...]:
    """Sorted so that parents come before what is mounted below them. Raises ConfigError, CreateError.

    readOnly covers what is mounted below the volume, too, unless recursiveReadOnly is "Disabled": a path of the host
    that is read-only but for its submounts is a trap. On kernels before 5.12 the shim does it mount by mount.
    """
    volumes = {volume.name: volume for volume in sandbox.volumes}
    mounts: dict[str, BindMount] = {}
    for mount in container.volume_mounts:
        volume = volumes.get(mount.name)
        if volume is None:
            raise ConfigError(f'cannot find volume "{mount.name}" to mount into container "{container.name}"')
        target = _target(mount)
        if target in mounts:
            raise CreateError(f'volumeMounts: "{mount.mount_path}" is the same place as another mount')
        mounts[target] = BindMount(
            source=volume_path(sandbox.paths, volume),
            target=target,
            volume=mount.name,
            sub_path=_sub_path(mount, environment),
            read_only=mount.read_only,
            recursive_read_only=mount.read_only and mount.recursive_read_only != "Disabled",
            propagation=_propagation(mount),
            create_source=isinstance(volume, HostPath) and volume.type == "",
        )
    return tuple(sorted(mounts.values(), key=lambda mount: mount.target.count("/")))


def _target(mount: VolumeMount) -> str:
    text = f'"{mount.mount_path}"'
    if not mount.mount_path.startswith("/"):
        raise CreateError(f"{text} must be an absolute path")
    if ".." in mount.mount_path.split("/"):
        raise CreateError(f"{text} must not contain '..'")
    target = clean(mount.mount_path)
    if target == "/":
        raise CreateError(f"{text} would hide the container's root file system")
    if is_in_proc(target):
        raise CreateError(f"{text} is inside of /proc, which belongs to the kernel")
    return target


def _sub_path(mount: VolumeMount, environment: Mapping[str, str]) -> str:
    path = mount.sub_path or ""
    if mount.sub_path_expr:
        try:
            path = expand_sub_path(mount.sub_path_expr, environment)
        except ValueFromError as error:
            raise ConfigError(str(error)) from None
    if path.startswith("/"):
        raise ConfigError(f"error SubPath `{path}` must not be an absolute path")
    if ".." in path.split("/"):
        raise ConfigError(f"unable to provision SubPath `{path}`: must not contain '..'")
    path = posixpath.normpath(path) if path else ""
    return "" if path == "." else path


def _propagation(mount: VolumeMount) -> Propagation:
    match mount.mount_propagation or "None":
        case "None" | "HostToContainer" | "Bidirectional" as known:
            return known
        case other:
            raise ConfigError(f'invalid volume mount propagation "{other}"')
