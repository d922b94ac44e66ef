"""Ready filters: compiled once, kept in this process and, for the default profile, on the disk.

Compiling takes some 35 ms (and the import of ctypes), which a ``nsrunner run`` should pay once a machine, not each
time. A file is used only if it is root's alone, and was made from the very tables and library that are here now.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from nsrunner.sandbox import seccomp_table
from nsrunner.sandbox.host import HostFacts
from nsrunner.sandbox.state import Roots

__all__ = ["Program", "SeccompSource", "seccomp_program"]

_FORMAT: Final = 2
"""To be raised when the same tables would give another program."""
_MAX: Final = 4096 * 8
"""The kernel's limit: BPF_MAXINSNS instructions."""
_SPEC_ALLOW: Final = 1 << 2


class Program(NamedTuple):
    code: bytes
    flags: int


SeccompSource: TypeAlias = Callable[[str, HostFacts, Roots, int], Program]
"""(Localhost profile, or "" for the default one; facts; roots; bounding set) -> Program.

Raises ProfileError, HostError."""


def seccomp_program(localhost: str, facts: HostFacts, roots: Roots, capabilities: int) -> Program:
    """The filter for a container with this bounding set: the default profile, or one from the profile directory.

    Raises ProfileError when the profile cannot be used, HostError when libseccomp is not there.
    """
    if localhost:
        return _localhost(localhost, facts.machine, facts.kernel, roots.seccomp, capabilities)
    return Program(_default(facts.machine, capabilities, f"{roots.state}/cache"), _SPEC_ALLOW)


def _localhost(name: str, machine: str, kernel: tuple[int, int], directory: str, capabilities: int) -> Program:
    """Read anew each time: the administrator may have changed it. Equal rules are not compiled twice."""
    from nsrunner.sandbox import seccomp
    from nsrunner.sandbox.seccomp_compile import compile_profile

    text = seccomp.load(directory, name)
    try:
        profile = seccomp.parse(text, machine=machine, kernel=kernel, capabilities=capabilities)
        return Program(compile_profile(profile), profile.flags)
    except seccomp.ProfileError as error:
        raise seccomp.ProfileError(f"seccomp profile {directory}/{name}: {error}") from None


@lru_cache(maxsize=64)
def _default(machine: str, capabilities: int, cache: str) -> bytes:
    path = f"{cache}/seccomp-{machine}-{capabilities:x}"
    stamp = _stamp()
    code = _load(path, stamp)
    if code is None:
        from nsrunner.sandbox.seccomp import default_profile
        from nsrunner.sandbox.seccomp_compile import compile_profile

        code = compile_profile(default_profile(machine, capabilities))
        _save(path, stamp, code)
    return code


@lru_cache(maxsize=1)
def _stamp() -> bytes:
    """Names the tables and the library that a program was made from; empty when the library cannot be told."""
    tables = {name: getattr(seccomp_table, name) for name in seccomp_table.__all__}
    for directory in (f"/usr/lib/{os.uname().machine}-linux-gnu", "/usr/lib64", "/usr/lib"):
        try:
            facts = os.stat(f"{directory}/libseccomp.so.2")
        except OSError:
            continue
        library = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
        return f"{_FORMAT} {zlib.crc32(repr(tables).encode()):x} {library}\n".encode()
    return b""


def _load(path: str, stamp: bytes) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with open(fd, "rb") as file:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
            return None
        data = file.read(_MAX + 4096)
    head, code = data[: len(stamp)], data[len(stamp) : -4]
    whole = data[-4:] == zlib.crc32(code).to_bytes(4, "little")
    return code if stamp and head == stamp and whole and code and len(code) % 8 == 0 else None


def _save(path: str, stamp: bytes, code: bytes) -> None:
    """As well as it goes: without it, the next process compiles again."""
    if not stamp:
        return
    fresh = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(stamp + code + zlib.crc32(code).to_bytes(4, "little"))
        os.rename(fresh, path)
    except OSError:
        return
