"""Users and groups of a root file system, read from its own /etc/passwd and /etc/group: no NSS, no host names.

The files are the container image's, so they are read as hostile: through a descriptor that cannot leave the root, only
regular files, at most a mebibyte, lines that make no sense skipped.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from msgspec import Struct

__all__ = ["MAX_ID", "ImageUser", "UserError", "Users", "lookup", "read_users"]

MAX_ID: Final = 2**31 - 1
_FILE_MAX: Final = 1 << 20
_LINKS_MAX: Final = 40


class UserError(ValueError):
    """An image's user that its root does not know, or that is no user."""


class Users(Struct, frozen=True, kw_only=True):
    """The text of both files; empty where there is none."""

    passwd: str = ""
    group: str = ""


class ImageUser(Struct, frozen=True, kw_only=True):
    uid: int
    gid: int
    groups: tuple[int, ...]
    """Of /etc/group, for the user's name."""


# --- reading ----------------------------------------------------------------------------------------------------------


def read_users(root: str) -> Users:
    """Raises UserError when a file is there, but is not what it should be. Read again when the files have changed."""
    directory, passwd, group = (_signature(f"{root}/etc{name}") for name in ("", "/passwd", "/group"))
    if directory is None or passwd is None or group is None:
        return _read_users.__wrapped__(root, (), ())
    return _read_users(root, passwd, group)


def _signature(path: str) -> tuple[int, ...] | None:
    """To know whether something is new. None: a link, and here nobody knows what it leads to below the root."""
    try:
        facts = os.lstat(path)
    except OSError:
        return ()
    if stat.S_ISLNK(facts.st_mode):
        return None
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


@lru_cache(maxsize=64)
def _read_users(root: str, passwd: tuple[int, ...], group: tuple[int, ...]) -> Users:
    return Users(passwd=_read(root, "etc/passwd"), group=_read(root, "etc/group"))


def _read(root: str, path: str) -> str:
    try:
        fd = _open_in_root(root, path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise UserError(f"open /{path} in {root}: {error.strerror}") from None
    try:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            raise UserError(f"/{path} in {root} is not a regular file")
        if facts.st_size > _FILE_MAX:
            raise UserError(f"/{path} in {root} has more than {_FILE_MAX} bytes")
        with open(fd, "rb", closefd=False) as file:
            return file.read(_FILE_MAX).decode("utf-8", "replace")
    finally:
        os.close(fd)


def _open_in_root(root: str, path: str) -> int:
    """As openat2(RESOLVE_IN_ROOT) does: links are followed as if ``root`` were ``/``, ``..`` stops there.

    Step by step with O_NOFOLLOW, each directory held by its descriptor: Python has no openat2.
    """
    directories = [os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
    left = path.split("/")[::-1]
    links = 0
    try:
        while True:
            part = left.pop()
            if part == "..":
                if len(directories) > 1:
                    os.close(directories.pop())
            elif part not in ("", "."):
                fd = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directories[-1])
                mode = os.fstat(fd).st_mode
                if stat.S_ISLNK(mode):
                    target = os.readlink("", dir_fd=fd)
                    os.close(fd)
                    links += 1
                    if links > _LINKS_MAX:
                        raise OSError(40, "Too many levels of symbolic links")
                    left += target.split("/")[::-1]
                    if target.startswith("/"):
                        while len(directories) > 1:
                            os.close(directories.pop())
                elif stat.S_ISDIR(mode):
                    directories.append(fd)
                elif left:
                    os.close(fd)
                    raise NotADirectoryError(20, "Not a directory")
                else:
                    os.close(fd)
                    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
                    return os.open(part, flags, dir_fd=directories[-1])
            if not left:
                raise IsADirectoryError(21, "Is a directory")
    finally:
        for directory in directories:
            os.close(directory)


# --- looking up -------------------------------------------------------------------------------------------------------


def _number(text: str) -> int | None:
    """A uid or gid: plain decimal digits, at most 2^31 - 1. Digits are never a name (CVE-2024-40635)."""
    if not (text.isascii() and text.isdecimal()):
        return None
    value = int(text) if len(text) < 12 else MAX_ID + 1
    if value > MAX_ID:
        raise UserError(f"user or group {text}: must be between 0 and {MAX_ID}")
    return value


def _entries(text: str, fields: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        parts = line.strip().split(":")
        if len(parts) >= fields and parts[0] and not parts[0].startswith("#"):
            yield parts


def _id(text: str) -> int | None:
    try:
        return _number(text)
    except UserError:
        return None


@lru_cache(maxsize=256)
def lookup(users: Users, user: str, *, run_as_group: int | None = None) -> ImageUser:
    """``user`` is an image's ``USER[:GROUP]`` or a number; empty: 0. Raises UserError.

    The primary group is ``run_as_group``, the one after the colon, the user's own, or 0, whichever is first known.
    """
    name, _, group_name = user.partition(":")
    wanted = _number(name) if name else 0
    entry = next(
        (
            parts
            for parts in _entries(users.passwd, 4)
            if (_id(parts[2]) == wanted if wanted is not None else parts[0] == name and _id(parts[2]) is not None)
        ),
        None,
    )
    if wanted is None:
        if entry is None:
            raise UserError(f"unable to find user {name}: no matching entries in passwd file")
        wanted = _id(entry[2])
        assert wanted is not None
    gid = run_as_group
    if gid is None and group_name:
        gid = _number(group_name)
        if gid is None:
            gid = next((_id(parts[2]) for parts in _entries(users.group, 3) if parts[0] == group_name), None)
        if gid is None:
            raise UserError(f"unable to find group {group_name}: no matching entries in group file")
    if gid is None:
        gid = (_id(entry[3]) if entry is not None else None) or 0
    return ImageUser(uid=wanted, gid=gid, groups=_groups(users, entry[0]) if entry is not None else ())


def _groups(users: Users, name: str) -> tuple[int, ...]:
    found = (
        _id(parts[2])
        for parts in _entries(users.group, 4)
        if name in (member.strip() for member in parts[3].split(","))
    )
    return tuple(dict.fromkeys(gid for gid in found if gid is not None))
