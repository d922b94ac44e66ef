"""What a container's ``image`` is on this node (design section 5): the host's root, a directory, or a reference.

There is no image store in this version: a reference is never present, and pulling says what can be used instead.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from nsrunner.errors import UsageError
from nsrunner.sandbox.host import HostFacts
from nsrunner.sandbox.rootfs import ImageRoot, resolve
from nsrunner.sandbox.state import Roots

__all__ = ["ImageProblem", "find_image"]

_HINT = 'use "image: host" (this host\'s own root), "image: rootfs:DIR", or --image-fallback host'

# distribution/reference: [domain/]path[:tag][@digest], the path in lower case.
_PATH_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?:{_DOMAIN}/)?{_PATH_PART}(?:/{_PATH_PART})*"
    r"(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)


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
    if not _REFERENCE.fullmatch(image):
        problem = f'couldn\'t parse image name "{image}": invalid reference format'
        return ImageProblem("InvalidImageName", f'Failed to apply default image tag "{image}": {problem}')
    if pull_policy == "Never":
        message = f'Container image "{image}" is not present with pull policy of Never ({_HINT})'
        return ImageProblem("ErrImageNeverPull", message)
    return ImageProblem("ErrImagePull", f"this node has no image store; {_HINT}")
