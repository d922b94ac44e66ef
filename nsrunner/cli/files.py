"""The objects of the files and directories that ``-f`` names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from ..errors import ManifestError, UsageError
from .manifest import read_file

__all__ = ["Sourced", "objects_of"]

_SUFFIXES: Final = (".json", ".yaml", ".yml")
"""Of files that are read when a directory is named."""


class Sourced(NamedTuple):
    source: str
    """The file, as it was named."""
    object: dict[str, Any]


def objects_of(files: Sequence[str], *, recursive: bool = False) -> list[Sourced]:
    """In the order of the files; of a directory, those in it by name. Lists are taken apart. Raises ManifestError,
    UsageError."""
    from ..model.source import read_documents

    found: list[Sourced] = []
    for file in _expanded(files, recursive=recursive):
        source = "STDIN" if file == "-" else file
        for document in read_documents(read_file(file)):
            if document.error is not None:
                raise ManifestError([document.error.field_error()], source=source, document=document.index)
            found += [Sourced(source, item) for item in _flat(document.value, source)]
    if not found:
        raise UsageError(f"no objects in {', '.join(files)}")
    return found


def _expanded(files: Sequence[str], *, recursive: bool) -> Iterator[str]:
    if list(files).count("-") > 1:
        raise UsageError("standard input (-) can be read only once")
    for file in files:
        if file == "-" or not os.path.isdir(file):
            yield file
            continue
        for directory, below, names in os.walk(file):
            below[:] = sorted(below) if recursive else []
            yield from (os.path.join(directory, name) for name in sorted(names) if name.endswith(_SUFFIXES))


def _flat(value: Any, source: str) -> list[dict[str, Any]]:
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise UsageError(f"{source}: an object with apiVersion and kind is expected")
    if value["kind"].endswith("List"):
        return [each for item in value.get("items") or () for each in _flat(item, source)]
    if not isinstance(value.get("metadata"), dict):
        raise UsageError(f"{source}: {value['kind']}: metadata: Required value")
    return [value]
