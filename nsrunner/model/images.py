"""What an image reference says about itself, without looking for the image."""

from __future__ import annotations

import posixpath
import re
from typing import Final

__all__ = ["HOST", "ROOTFS", "image_problem", "is_latest", "is_local"]

HOST: Final = "host"
"""The host's own root file system."""
ROOTFS: Final = "rootfs:"
"""Prefix of a directory that serves as the root file system."""

# The grammar of github.com/distribution/reference.
_COMPONENT: Final = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_HOST_LABEL: Final = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REGISTRY: Final = rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?"
_REFERENCE: Final = (
    rf"(?P<name>(?:{_REGISTRY}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::[\w][\w.-]{0,127})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)
_LONGEST: Final = 4096
_LONGEST_NAME: Final = 255


def is_local(image: str) -> bool:
    """Whether the image is a root file system of this host, with nothing to pull and no command of its own."""
    return image == HOST or image.startswith(ROOTFS)


def is_latest(image: str) -> bool:
    """Whether the reference means the tag ``latest``: by name, or because it has neither a tag nor a digest."""
    if "@" in image:
        return False
    name, colon, tag = image.rpartition(":")
    if not colon or not name or "/" in tag:  # a colon before a slash belongs to the registry's port
        return True
    return tag == "latest"


def image_problem(image: str) -> str:
    """Why nothing can have this name; empty when it is well-formed."""
    if image.startswith(ROOTFS):
        path = image.removeprefix(ROOTFS)
        if not path.startswith("/"):
            return f'"{ROOTFS}" must be followed by an absolute path, such as rootfs:/srv/root'
        return "" if posixpath.normpath(path).strip("/") else f"the host's own root is the image {HOST}"
    match = re.fullmatch(_REFERENCE, image, re.ASCII) if len(image) <= _LONGEST else None
    if match is None:
        return "invalid reference format"
    if len(match["name"]) > _LONGEST_NAME:
        return f"repository name must not be more than {_LONGEST_NAME} characters"
    return ""
