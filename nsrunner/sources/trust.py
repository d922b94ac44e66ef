"""Whose word a manifest is: whoever may write one is root on this machine."""

from __future__ import annotations

import os
import stat

__all__ = ["untrusted", "untrusted_file"]

_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def untrusted(directory: str, *, listed: bool) -> str:
    """Who else than root could swap a file of a directory, or a directory above it; empty: nobody. ``listed``: any file
    in it counts, so nobody else may add one either. Raises OSError."""
    path, sticky = os.path.realpath(directory, strict=True), not listed
    while True:
        facts = os.stat(path)
        if facts.st_uid not in (0, os.geteuid()):
            return f"{path} belongs to user {facts.st_uid}, not to root"
        # With the sticky bit nobody can remove or rename what is root's (inode(7)).
        if facts.st_mode & _OTHERS and not (sticky and facts.st_mode & stat.S_ISVTX):
            return f"{path} can be written by others than root (mode {stat.S_IMODE(facts.st_mode):04o})"
        if path == os.path.dirname(path):
            return ""
        path, sticky = os.path.dirname(path), True


def untrusted_file(facts: os.stat_result) -> str:
    """Who else than root could have written a file; empty: nobody."""
    if facts.st_uid not in (0, os.geteuid()):
        return f"it belongs to user {facts.st_uid}, not to root"
    if facts.st_mode & _OTHERS:
        return f"it can be written by others than root (mode {stat.S_IMODE(facts.st_mode):04o})"
    return ""
