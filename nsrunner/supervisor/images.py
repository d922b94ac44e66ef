"""What a container's ``image`` is on this node (design section 5): the host's root, a directory, or a reference.

There is no image store in this version: a reference is never present, and pulling says what can be used instead.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from nsrunner.errors import UsageError
from nsrunner.model.images import image_problem, is_local
from nsrunner.sandbox.host import HostFacts
from nsrunner.sandbox.rootfs import ROOTFS, ImageRoot, directory_root, resolve
from nsrunner.sandbox.state import Roots

__all__ = ["ImageProblem", "find_image", "why_unavailable"]

_HINT = 'use "image: host" (this host\'s own root), "image: rootfs:DIR", or --image-fallback host'


class ImageProblem(Struct, frozen=True):
    """Why an image cannot be used."""

    reason: Literal["ErrImagePull", "ErrImageNeverPull", "InvalidImageName"]
    message: str
    """With ErrImagePull what follows "Failed to pull image "X": "."""


def find_image(
    image: str, pull_policy: str | None, *, facts: HostFacts, roots: Roots, fallback_host: bool
) -> ImageRoot | ImageProblem:
    """The root that a container with this image gets. Looks at the disk, quickly."""
    try:
        found = resolve(image, facts, roots, fallback_host=fallback_host)
    except UsageError as error:
        return ImageProblem("ErrImagePull", str(error))
    if found is not None:
        return found
    if problem := image_problem(image):
        message = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {problem}'
        return ImageProblem("InvalidImageName", message)
    if pull_policy == "Never":
        message = f'Container image "{image}" is not present with pull policy of Never ({_HINT})'
        return ImageProblem("ErrImageNeverPull", message)
    return ImageProblem("ErrImagePull", f"this node has no image store; {_HINT}")


def why_unavailable(image: str) -> str:
    """Why a container would wait for this image, which is well-formed, and what to do; empty when it is there.

    For those who only ask: needs no rights, and makes nothing.
    """
    if not is_local(image):
        return f'image "{image}" is not available on this host: {_HINT}'
    try:
        if image.startswith(ROOTFS):
            directory_root(image)
    except UsageError as error:
        return str(error)
    return ""
