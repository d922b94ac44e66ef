"""Seccomp profiles as rules: the default one, and those that a pod names (the OCI / docker JSON format).

Pure but for :func:`load`. :mod:`nsrunner.sandbox.seccomp_compile` turns rules into the kernel's bytes.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nsrunner.sandbox import security
from nsrunner.sandbox.seccomp_error import ProfileError
from nsrunner.sandbox.seccomp_table import (
    ALLOWED,
    BY_ARCHITECTURE,
    BY_CAPABILITY,
    CLONE_NAMESPACES,
    PERSONALITIES,
    UNFILTERED_FAMILIES,
)

__all__ = ["Argument", "Profile", "ProfileError", "Rule", "default_profile", "load", "parse"]

EPERM, ENOSYS = 1, 38

ALLOW: Final = 0x7FFF0000
KILL_THREAD: Final = 0x00000000
KILL_PROCESS: Final = 0x80000000
TRAP: Final = 0x00030000
LOG: Final = 0x7FFC0000
ERRNO: Final = 0x00050000
TRACE: Final = 0x7FF00000

FLAG_LOG: Final = 1 << 1
FLAG_SPEC_ALLOW: Final = 1 << 2

_ACTIONS: Final = {
    "SCMP_ACT_ALLOW": ALLOW,
    "SCMP_ACT_ERRNO": ERRNO,
    "SCMP_ACT_KILL": KILL_THREAD,
    "SCMP_ACT_KILL_THREAD": KILL_THREAD,
    "SCMP_ACT_KILL_PROCESS": KILL_PROCESS,
    "SCMP_ACT_LOG": LOG,
    "SCMP_ACT_TRACE": TRACE,
    "SCMP_ACT_TRAP": TRAP,
}
_OPERATORS: Final = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}
_FLAGS: Final = {
    "SECCOMP_FILTER_FLAG_TSYNC": 0,  # there is one thread
    "SECCOMP_FILTER_FLAG_LOG": FLAG_LOG,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": FLAG_SPEC_ALLOW,
}
_GO_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_PROFILE_MAX: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Argument:
    """A condition on one argument of a system call: ``operator`` is libseccomp's enum scmp_compare."""

    index: int
    operator: int
    value: int
    second: int = 0
    """MASKED_EQ: what ``argument & value`` must be."""


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    action: int
    arguments: tuple[Argument, ...] = ()
    """All must hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    default_action: int
    architectures: tuple[str, ...]
    """``x86_64``, ``x86``, ``x32``, ``aarch64``, ``arm``: the native one and those it may run beside."""
    rules: tuple[Rule, ...]
    flags: int = FLAG_SPEC_ALLOW


# --- the default profile ----------------------------------------------------------------------------------------------


def default_profile(machine: str, capabilities: int) -> Profile:
    """For a container whose bounding set is ``capabilities``. Raises ProfileError on an unknown machine."""
    if machine not in BY_ARCHITECTURE:
        raise ProfileError(f"there is no default seccomp profile for {machine}")
    allowed = dict.fromkeys((*ALLOWED, *BY_ARCHITECTURE[machine]))
    for name in security.names(capabilities):
        allowed.update(dict.fromkeys(BY_CAPABILITY.get(name, ())))
    rules = [Rule(name, ALLOW) for name in allowed]
    eq, ge, le, masked = (_OPERATORS[f"SCMP_CMP_{name}"] for name in ("EQ", "GE", "LE", "MASKED_EQ"))
    for first, last in UNFILTERED_FAMILIES:
        # One condition on an argument a rule: libseccomp cannot hold two (and runc means "or" by them).
        if first == last:
            rules.append(Rule("socket", ALLOW, (Argument(0, eq, first),)))
        elif first == 0:
            rules.append(Rule("socket", ALLOW, (Argument(0, le, last),)))
        else:
            rules.append(Rule("socket", ALLOW, (Argument(0, ge, first),)))
    rules += (Rule("personality", ALLOW, (Argument(0, eq, value),)) for value in PERSONALITIES)
    if "clone" not in allowed:
        rules.append(Rule("clone", ALLOW, (Argument(0, masked, CLONE_NAMESPACES, 0),)))
        # Its flags are behind a pointer. EPERM would make glibc give up instead of trying clone.
        rules.append(Rule("clone3", ERRNO | ENOSYS))
    return Profile(
        default_action=ERRNO | EPERM,
        architectures=("x86_64", "x86") if machine == "x86_64" else ("aarch64", "arm"),
        rules=tuple(rules),
    )


# --- profiles in files ------------------------------------------------------------------------------------------------


def load(directory: str, name: str) -> bytes:
    """Reads a Localhost profile below ``directory``. Raises ProfileError: no link leads out of there."""
    parts = name.split("/")
    if not name or name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise ProfileError(f'seccomp profile "{name}": must be a path below {directory}')
    path = f"{directory}/{name}"
    fd = -1
    try:
        fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            flags = os.O_RDONLY | os.O_NONBLOCK if last else os.O_PATH | os.O_DIRECTORY
            below = os.open(part, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            os.close(fd)
            fd = below
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _PROFILE_MAX:
            raise ProfileError(f"seccomp profile {path}: not a regular file of at most {_PROFILE_MAX} bytes")
        with open(fd, "rb", closefd=False) as file:
            return file.read(_PROFILE_MAX)
    except OSError as error:
        raise ProfileError(f"cannot load seccomp profile {path!r}: {(error.strerror or str(error)).lower()}") from None
    finally:
        if fd >= 0:
            os.close(fd)


def parse(text: bytes, *, machine: str, kernel: tuple[int, int], capabilities: int) -> Profile:
    """A profile in docker's format (``includes``, ``excludes``, ``archMap``) or the plain OCI one.

    ``capabilities`` is the container's bounding set. Whatever is not understood is a ProfileError, never passed over.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"not JSON: {error}") from None
    if not isinstance(data, dict) or "defaultAction" not in data:
        raise ProfileError("no defaultAction")
    _known(data, "profile", {"defaultAction", "defaultErrnoRet", "archMap", "architectures", "flags", "syscalls"})
    default = _action(data["defaultAction"], data.get("defaultErrnoRet"))
    rules: list[Rule] = []
    for entry in _list(data, "syscalls"):
        if not isinstance(entry, dict):
            raise ProfileError("syscalls: not an object")
        rules += _entry(entry, machine, kernel, capabilities)
    flags = FLAG_SPEC_ALLOW if "flags" not in data else 0
    for flag in _list(data, "flags"):
        if not isinstance(flag, str) or flag not in _FLAGS:
            raise ProfileError(f"unknown flag {flag!r}")
        flags |= _FLAGS[flag]
    return Profile(default_action=default, architectures=_architectures(data, machine), rules=tuple(rules), flags=flags)


def _known(data: Mapping[str, Any], what: str, keys: set[str]) -> None:
    for key in data:
        if key not in keys and key != "comment":
            raise ProfileError(f"{what}: unknown or unsupported key {key!r}")


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    value = data.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ProfileError(f"{key}: not a list")
    return value


def _integer(value: object, what: str, most: int = (1 << 64) - 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ProfileError(f"{what}: not a number from 0 to {most}")
    return value


def _action(name: object, errno: object) -> int:
    action = _ACTIONS.get(name) if isinstance(name, str) else None
    if action is None:
        raise ProfileError(f"unknown or unsupported action {name!r}")
    if action in (ERRNO, TRACE):
        return action | (EPERM if errno is None else _integer(errno, "errnoRet", 4095))
    return action


def _entry(entry: dict[str, Any], machine: str, kernel: tuple[int, int], capabilities: int) -> Iterable[Rule]:
    _known(entry, "syscalls", {"names", "name", "action", "errnoRet", "args", "includes", "excludes"})
    names = _list(entry, "names") + ([entry["name"]] if entry.get("name") else [])
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ProfileError("syscalls: no names")
    if not _applies(entry, machine, kernel, capabilities):
        return
    action = _action(entry.get("action"), entry.get("errnoRet"))
    arguments = tuple(_argument(argument) for argument in _list(entry, "args"))
    indexes = [argument.index for argument in arguments]
    for name in names:
        if len(set(indexes)) < len(indexes):  # runc: each is a rule of its own, so any may hold
            for argument in arguments:
                yield Rule(name, action, (argument,))
        else:
            yield Rule(name, action, arguments)


def _argument(argument: object) -> Argument:
    if not isinstance(argument, dict):
        raise ProfileError("args: not an object")
    _known(argument, "args", {"index", "value", "valueTwo", "op"})
    op = argument.get("op")
    operator = _OPERATORS.get(op) if isinstance(op, str) else None
    if operator is None:
        raise ProfileError(f"unknown operator {op!r}")
    return Argument(
        _integer(argument.get("index"), "index", 5),
        operator,
        _integer(argument.get("value", 0), "value"),
        _integer(argument.get("valueTwo", 0), "valueTwo"),
    )


def _applies(entry: dict[str, Any], machine: str, kernel: tuple[int, int], capabilities: int) -> bool:
    """docker's conditions: all of ``includes`` must hold, none of ``excludes``."""
    architecture = _GO_ARCHITECTURES.get(machine, machine)
    for key, wanted in (("includes", True), ("excludes", False)):
        conditions = entry.get(key) or {}
        if not isinstance(conditions, dict):
            raise ProfileError(f"{key}: not an object")
        _known(conditions, key, {"arches", "caps", "minKernel"})
        results: list[bool] = []
        if arches := _list(conditions, "arches"):
            results.append(architecture in arches)
        try:
            held = [security.parse(str(name)) & capabilities != 0 for name in _list(conditions, "caps")]
        except security.UnknownCapability as error:
            raise ProfileError(f"{key}: unknown capability {error}") from None
        results += held
        if minimum := conditions.get("minKernel"):
            results.append(kernel >= _version(minimum))
        if wanted and not all(results):
            return False
        if not wanted and any(results):
            return False
    return True


def _version(text: object) -> tuple[int, int]:
    major, _, minor = str(text).partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        raise ProfileError(f"minKernel: {text!r} is not like 4.8")
    return int(major), int(minor)


def _architectures(data: Mapping[str, Any], machine: str) -> tuple[str, ...]:
    native = f"SCMP_ARCH_{machine.upper()}"
    listed: list[Any] = list(_list(data, "architectures"))
    for entry in _list(data, "archMap"):
        if not isinstance(entry, dict):
            raise ProfileError("archMap: not an object")
        if entry.get("architecture") == native:
            listed += [native, *_list(entry, "subArchitectures")]
    known = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"}
    related = {"x86_64": ("x86", "x32"), "aarch64": ("arm",)}.get(machine, ())
    extra = [name.removeprefix("SCMP_ARCH_").lower() for name in listed if isinstance(name, str) and name in known]
    return (machine, *(name for name in related if name in extra))
