"""From an image reference to a root directory: ``host`` and ``rootfs:DIR``."""

from __future__ import annotations

from dataclasses import dataclass

from nsrunner.sandbox.host import HostFacts
from nsrunner.sandbox.spec import RootSpec
from nsrunner.sandbox.state import Roots

__all__ = ["ImageRoot", "resolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRoot:
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


def resolve(image: str, facts: HostFacts, roots: Roots, *, fallback_host: bool = False) -> ImageRoot | None:
    """The root of ``host`` and ``rootfs:DIR``; of any other reference with ``fallback_host``. None: not present.
    Raises UsageError when ``rootfs:`` names no directory. Quick, but looks at the disk."""
    raise NotImplementedError
