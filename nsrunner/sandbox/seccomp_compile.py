"""Seccomp rules to a classic BPF program, by libseccomp (through ctypes: two dozen calls, once a profile).

In front of libseccomp's program stands a short one of ours: numbers above all that the library knows answer ENOSYS, as
an older kernel would (so that programs fall back to older calls instead of failing), and so does 32-bit
``socketcall``, whose arguments a filter cannot see.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
import struct
from functools import lru_cache
from typing import Any, Final

from nsrunner.errors import HostError
from nsrunner.sandbox.seccomp import ALLOW, ENOSYS, ERRNO, LOG, Profile, ProfileError, Rule
from nsrunner.sandbox.seccomp_shrink import shrink

__all__ = ["compile_profile"]

_TOKENS: Final = {
    "x86_64": 0xC000003E,
    "x86": 0x40000003,
    "x32": 0x4000003E,
    "aarch64": 0xC00000B7,
    "arm": 0x40000028,
}
"""libseccomp's SCMP_ARCH_*: the kernel's AUDIT_ARCH_*, but for x32, which shares x86_64's."""

_ATTRIBUTE_BADARCH, _ATTRIBUTE_NNP, _ATTRIBUTE_OPTIMIZE = 2, 3, 8
_BINARY_TREE = 2
_X32_BIT: Final = 0x40000000
_I386_SOCKETCALL: Final = 102
_UNKNOWN: Final = -1
_NUMBERS_END: Final = 1024
"""Above every system call number of the coming years."""

_INSTRUCTION = struct.Struct("<HBBI")
_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _RETURN = 0x20, 0x15, 0x25, 0x06
_OFFSET_NUMBER, _OFFSET_ARCH = 0, 4


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


@lru_cache(maxsize=1)
def _library() -> Any:
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        raise HostError(
            "libseccomp.so.2 cannot be loaded: install libseccomp2, or write seccompProfile: {type: Unconfined}"
        ) from None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = (ctypes.c_uint32,)
    library.seccomp_release.argtypes = (ctypes.c_void_p,)
    library.seccomp_release.restype = None
    library.seccomp_attr_set.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32)
    library.seccomp_arch_add.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    library.seccomp_syscall_resolve_name.argtypes = (ctypes.c_char_p,)
    library.seccomp_syscall_resolve_num_arch.argtypes = (ctypes.c_uint32, ctypes.c_int)
    library.seccomp_syscall_resolve_num_arch.restype = ctypes.c_void_p
    library.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Comparison),
    )
    library.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)
    return library


@lru_cache(maxsize=32)
def compile_profile(profile: Profile) -> bytes:
    """The program (an array of struct sock_filter). Takes some 20 ms; the result is kept. Raises ProfileError,
    HostError."""
    library = _library()
    context = library.seccomp_init(profile.default_action)
    if not context:
        raise ProfileError(f"libseccomp does not take default action {profile.default_action:#x}")
    try:
        for architecture in profile.architectures[1:]:
            _check(library.seccomp_arch_add(context, _TOKENS[architecture]), f"add {architecture}", errno.EEXIST)
        library.seccomp_attr_set(context, _ATTRIBUTE_OPTIMIZE, _BINARY_TREE)  # before 2.5: linear, and as right
        _check(library.seccomp_attr_set(context, _ATTRIBUTE_NNP, 0), "set no_new_privs")
        for rule in profile.rules:
            _add(library, context, rule, profile.default_action)
        program = _export(library, context)
    finally:
        library.seccomp_release(context)
    return shrink(_prefix(library, profile) + program)


def _check(result: int, what: str, *tolerated: int) -> None:
    if result < 0 and -result not in tolerated:
        raise ProfileError(f"libseccomp: {what}: {os.strerror(-result)}")


def _add(library: Any, context: int, rule: Rule, default: int) -> None:
    number = library.seccomp_syscall_resolve_name(rule.name.encode())
    if number == _UNKNOWN:
        if default in (ALLOW, LOG) and rule.action not in (ALLOW, LOG):
            raise ProfileError(f"libseccomp does not know {rule.name}, which the profile would deny")
        return  # denied already, or above all known numbers: ENOSYS
    if rule.action == default:
        return  # the library refuses a rule that says nothing new
    comparisons = (_Comparison * len(rule.arguments))(
        *(_Comparison(a.index, a.operator, a.value, a.second) for a in rule.arguments)
    )
    _check(
        library.seccomp_rule_add_array(context, rule.action, number, len(rule.arguments), comparisons),
        rule.name,
        errno.EDOM,  # a call that none of the architectures has
        errno.EEXIST,
    )


def _export(library: Any, context: int) -> bytes:
    fd = os.memfd_create("nsrunner-seccomp", os.MFD_CLOEXEC)
    try:
        _check(library.seccomp_export_bpf(context, fd), "export")
        return os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


@lru_cache(maxsize=8)
def _highest(architecture: str) -> int:
    """The highest system call number that the library knows."""
    library = _library()
    free = library.free if hasattr(library, "free") else ctypes.CDLL(None).free
    free.argtypes = (ctypes.c_void_p,)
    for number in range(_NUMBERS_END, 0, -1):
        name = library.seccomp_syscall_resolve_num_arch(_TOKENS[architecture], number)
        if name:
            free(name)
            return number
    raise ProfileError(f"libseccomp knows no system call of {architecture}")


def _prefix(library: Any, profile: Profile) -> bytes:
    """Ends at its own end: what it does not answer falls through to the program behind it."""
    code: list[tuple[int, int, int, int]] = []
    nosys = (_RETURN, 0, 0, ERRNO | ENOSYS)
    for architecture in profile.architectures:
        if architecture in ("x32", "arm"):
            continue  # x32 numbers carry a bit of their own; arm has private ones (cacheflush ...) far above
        above: list[tuple[int, int, int, int]] = []
        if architecture == "x86_64":  # leave x32 numbers to the program behind
            above.append((_JUMP_GREATER, 2, 0, _X32_BIT - 1))
        above += [(_JUMP_GREATER, 0, 1, _highest(architecture)), nosys]
        if architecture == "x86":
            above += [(_JUMP_EQUAL, 0, 1, _I386_SOCKETCALL), nosys]
        code += [
            (_LOAD, 0, 0, _OFFSET_ARCH),
            (_JUMP_EQUAL, 0, len(above) + 1, _TOKENS[architecture]),
            (_LOAD, 0, 0, _OFFSET_NUMBER),
            *above,
        ]
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in code)
