"""Reads the manifests that ``run``, ``validate`` and ``simulate`` are given."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import IO

from ..errors import ManifestError, UsageError
from ..model import Document, Object, load
from ..model.types import Pod

__all__ = ["Refused", "chosen_objects", "load_files", "read_file"]

_MOST = (10 << 20) + 1
"""The model refuses anything larger than 10 MiB; one byte more shows that it is."""


class Refused(UsageError):
    """Manifests that cannot be run: the problems of all of them."""

    def __init__(self, errors: Sequence[ManifestError]) -> None:
        super().__init__(errors)
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


def load_files(files: Sequence[str], *, namespace: str = "default") -> list[Document]:
    """All documents of these files, in order; ``-`` is standard input, ``namespace`` that of those which name none.

    Raises UsageError for a file that cannot be read; what is wrong inside of a document is in the document."""
    if files.count("-") > 1:
        raise UsageError("standard input (-) can be read only once")
    documents: list[Document] = []
    for name in files:
        documents += load(read_file(name), "standard input" if name == "-" else name, namespace=namespace)
    return documents


def read_file(name: str, most: int = _MOST) -> bytes:
    """What is in it, at most so many bytes; ``-`` is standard input. Raises UsageError."""
    try:
        if name == "-":
            if sys.stdin is None:
                raise UsageError("standard input is closed")
            return _read_bounded(sys.stdin.buffer, most)
        with open(name, "rb") as file:
            return _read_bounded(file, most)
    except OSError as error:
        shown = "standard input" if name == "-" else name or '""'
        hint = ": give the files in it" if isinstance(error, IsADirectoryError) else ""
        raise UsageError(f"{shown}: {error.strerror or error}{hint}") from None
    except ValueError:  # open("a\0b")
        raise UsageError(f"{name}: not a file name") from None


def _read_bounded(file: IO[bytes], most: int) -> bytes:
    parts = []
    left = most
    while left and (part := file.read(min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def chosen_objects(files: Sequence[str], *, namespace: str = "default", pods: Sequence[str] = ()) -> list[Object]:
    """What ``run`` is to run: the pods (all, or those named) and all other objects of the files.

    Raises UsageError, or Refused when any document is bad: nothing is run unless everything can be.
    """
    documents = load_files(files, namespace=namespace)
    errors = [error for document in documents if (error := document.error()) is not None]
    if errors:
        raise Refused(errors)
    objects = [document.object for document in documents if document.object is not None]
    there = [item.metadata.name for item in objects if isinstance(item, Pod)]
    if not there:
        raise UsageError(f"no Pod in {', '.join('standard input' if name == '-' else name for name in files)}")
    for name in pods:
        if name not in there:
            raise UsageError(f'pods "{name}" not found in the given files; there is {", ".join(sorted(set(there)))}')
    _refuse_twins(objects)
    return [item for item in objects if not isinstance(item, Pod) or not pods or item.metadata.name in pods]


def _refuse_twins(objects: Sequence[Object]) -> None:
    seen = set()
    for item in objects:
        kind = type(item).__name__
        key = (kind, item.metadata.namespace, item.metadata.name)
        if key in seen:
            raise UsageError(f'{kind} "{item.metadata.name}" is there twice')
        seen.add(key)
