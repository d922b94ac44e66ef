"""What an image reference says about itself, as far as the API's defaults need it."""

from __future__ import annotations

__all__ = ["is_latest"]


def is_latest(image: str) -> bool:
    """Whether the reference means the tag ``latest``: by name, or because it has neither a tag nor a digest."""
    if "@" in image:
        return False
    name, colon, tag = image.rpartition(":")
    if not colon or not name or "/" in tag:  # a colon before a slash belongs to the registry's port
        return True
    return tag == "latest"
