"""Paths inside of a container's root: one spelling for each place, and those where nothing can be put."""

from __future__ import annotations

import posixpath
from typing import Final

__all__ = ["clean", "is_in_proc", "is_no_file"]

_PROC: Final = "/proc"


def clean(path: str) -> str:
    """One spelling for each place; POSIX leaves the meaning of a leading ``//`` open, Linux does not."""
    return posixpath.normpath("/" + path.lstrip("/"))


def is_in_proc(place: str) -> bool:
    """Whether a clean path is /proc or in it: our own checks rely on the files there, so nothing may hide them."""
    return place == _PROC or place.startswith(f"{_PROC}/")


def is_no_file(path: str) -> bool:
    """Whether no file can be mounted at this absolute path: over the root itself, or in /proc."""
    place = clean(path)
    return place == "/" or is_in_proc(place)
