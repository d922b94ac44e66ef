"""Takes apart a tar archive that nobody vouches for.

Below the target each directory is opened from the one above it, without following links, so that neither a name in the
archive nor a link that is there already leads out of it.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Callable
from typing import IO, Final

from ..errors import HostError

__all__ = ["extract"]

_CHUNK: Final = 1 << 20
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def extract(stream: IO[bytes], base: str, target: str, warn: Callable[[str], None]) -> int:
    """What is called ``base`` in the archive becomes ``target``, with all that is below it. How many files and
    directories were written. ``warn`` hears of what was left out.

    Raises HostError for what cannot be written, tarfile.ReadError for what is no archive.
    """
    parent, name = os.path.split(os.path.abspath(target))
    count = 0
    try:
        top = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(f"{parent}: {error.strerror}") from None
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                parts = _below(member.name, base)
                if parts is None:
                    warn(f'file "{member.name}" is outside of what was asked for, and left out')
                elif not (member.isfile() or member.isdir()):
                    kind = "symlink" if member.issym() else "hard link" if member.islnk() else "special file"
                    warn(f'skipping {kind}: "{member.name}"' + (f' -> "{member.linkname}"' if member.linkname else ""))
                else:
                    # A directory goes into one that is there; a file below it, under its own name.
                    own = [base] if not parts and member.isfile() and os.path.isdir(target) else []
                    _put(top, [name, *own, *parts], archive, member)
                    count += 1
    except OSError as error:
        raise HostError(f"{target}: {error.strerror or error}") from None
    finally:
        os.close(top)
    return count


def _below(name: str, base: str) -> list[str] | None:
    """The path from ``base`` to a member; None: it is not below."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or any("\0" in part for part in parts):
        return None
    if base == ".":
        return parts
    return parts[1:] if parts[:1] == [base] else None


def _put(top: int, path: list[str], archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    *above, last = path
    directory = os.dup(top)
    try:
        for part in above:
            directory = _enter(directory, part)
        mode = member.mode & 0o777  # neither setuid nor sticky: those are for root to give
        if member.isdir():
            directory = _enter(directory, last)
            os.fchmod(directory, mode | stat.S_IRWXU)
        else:
            _write(directory, last, mode, archive, member)
    finally:
        os.close(directory)


def _enter(directory: int, name: str) -> int:
    """The directory of this name, made if need be; the one above is closed."""
    try:
        try:
            os.mkdir(name, 0o755, dir_fd=directory)
        except FileExistsError:
            pass
        inside = os.open(name, _DIRECTORY, dir_fd=directory)
    except OSError as error:
        raise HostError(f"{name}: {error.strerror}") from None
    os.close(directory)
    return inside


def _write(directory: int, name: str, mode: int, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    fd = os.open(name, _FILE, 0o600, dir_fd=directory)
    with open(fd, "wb") as file:
        content = archive.extractfile(member)
        assert content is not None
        while data := content.read(_CHUNK):
            file.write(data)
        os.fchmod(fd, mode)
