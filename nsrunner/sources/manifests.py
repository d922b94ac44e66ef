"""What a source holds: the objects of each of its files, or why a file says nothing."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from nsrunner.errors import ManifestError
from nsrunner.model.loader import Object, load

__all__ = ["SIZE_MAX", "Manifest", "Manifests", "read_manifest"]

SIZE_MAX = 10 << 20
"""Bytes of one file, or of the answer of a URL."""


class Manifest(Struct, frozen=True):
    """One file's content."""

    where: str
    """Its path, or the URL."""
    objects: tuple[Object, ...] = ()
    problem: str = ""
    """Why it cannot be used; ``objects`` is empty then."""


Manifests = Mapping[str, Manifest]
"""By :attr:`Manifest.where`."""


def read_manifest(where: str, data: bytes) -> Manifest:
    """The Pods, ConfigMaps and Secrets of a file; a file in which anything is wrong is not used at all."""
    if len(data) > SIZE_MAX:
        return Manifest(where, problem=f"{where}: larger than {SIZE_MAX >> 20} MiB")
    if not data.strip():
        return Manifest(where)
    documents = load(data, where)
    errors: list[ManifestError] = [error for each in documents if (error := each.error()) is not None]
    if errors:
        return Manifest(where, problem="\n".join(str(error) for error in errors))
    return Manifest(where, tuple(each.object for each in documents if each.object is not None))
