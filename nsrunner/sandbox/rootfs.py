"""From an image reference to a root directory: ``host`` and ``rootfs:DIR``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from nsrunner.errors import SandboxError, UsageError
from nsrunner.sandbox.host import HostFacts
from nsrunner.sandbox.mountinfo import PRIVATE
from nsrunner.sandbox.spec import RootSpec
from nsrunner.sandbox.state import Roots
from nsrunner.sandbox.users import UserError, Users, read_users

__all__ = ["ROOTFS", "ImageRoot", "directory_root", "private_directories", "resolve"]

HOST = "host"
ROOTFS = "rootfs:"


class ImageRoot(Struct, frozen=True, kw_only=True):
    """An image that is present, with what its configuration says."""

    image: str
    root: RootSpec
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    user: str = ""
    """``USER[:GROUP]`` of the image's configuration."""
    working_dir: str = ""
    image_id: str = ""
    """For status.containerStatuses[].imageID."""
    users: Users = Users()
    """What its /etc/passwd and /etc/group say."""


def resolve(image: str, facts: HostFacts, roots: Roots, *, fallback_host: bool = False) -> ImageRoot | None:
    """The root of ``host`` and ``rootfs:DIR``; of any other reference with ``fallback_host``. None: not present.

    Raises UsageError when ``rootfs:`` names no directory, or one whose user files cannot be read. SandboxError
    when nsrunner's own directories cannot be made. Quick, but looks at the disk.
    """
    if image.startswith(ROOTFS):
        return directory_root(image)
    if image != HOST and not fallback_host:
        return None
    return replace(_host(facts, roots), image=image)


def directory_root(image: str) -> ImageRoot:
    """The root of ``rootfs:DIR``. Raises UsageError as resolve() does."""
    path = image.removeprefix(ROOTFS)
    if not path.startswith("/"):
        raise UsageError(f"image {image}: must name an absolute path, such as rootfs:/srv/debian")
    path = os.path.normpath(path)
    if path == "/":
        raise UsageError(f"image {image}: the host's own root is the image {HOST}")
    if not os.path.isdir(path):
        raise UsageError(f"image {image}: {path} is not a directory")
    return ImageRoot(image=image, root=RootSpec(lower=path), image_id=image, users=_users(image, path))


def _users(image: str, path: str) -> Users:
    try:
        return read_users(path)
    except UserError as error:
        raise UsageError(f"image {image}: {error}") from None


def _host(facts: HostFacts, roots: Roots) -> ImageRoot:
    own = _own_directories(roots)
    for path in own:  # so that there is something to mask, also before the first pod has written there
        if not os.path.isdir(path):
            try:
                os.makedirs(path, 0o700 if path in own[:2] else 0o755, exist_ok=True)
            except OSError as error:
                raise SandboxError("make directory", error.errno or 0, path) from None
    private = private_directories(own)
    submounts = tuple(mount for mount in facts.submounts if not _below(mount.path, private))
    return ImageRoot(
        image=HOST,
        root=RootSpec(lower="/", submounts=submounts, private=private),
        image_id=HOST,
        users=_users(HOST, "/"),
    )


@lru_cache(maxsize=8)
def _own_directories(roots: Roots) -> tuple[str, ...]:
    return tuple(os.path.realpath(path) for path in (roots.run, roots.state, roots.logs, roots.log_links))


def private_directories(own: Iterable[str]) -> tuple[str, ...]:
    """What is empty in a container of the host's root; ``own`` are the directories of nsrunner."""
    return (*PRIVATE, *sorted({path for path in own if not _below(path, PRIVATE)}))


def _below(path: str, directories: tuple[str, ...]) -> bool:
    return any(path == directory or path.startswith(f"{directory}/") for directory in directories)
