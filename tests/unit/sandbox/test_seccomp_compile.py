"""Filters by their effect: a child of the test puts one on itself and tries."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from nsrunner.errors import HostError
from nsrunner.sandbox import seccomp_compile, security
from nsrunner.sandbox.seccomp import ALLOW, ERRNO, Profile, Rule, default_profile
from nsrunner.sandbox.seccomp_compile import compile_profile
from nsrunner.sandbox.seccomp_error import ProfileError

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of system calls are those of x86_64")

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE, PERSONALITY, MOUNT, UNSHARE, CLONE3, GETPID = 56, 135, 165, 272, 435, 39


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install(code: bytes) -> None:
    buffer = ctypes.create_string_buffer(code)
    program = Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    assert LIBC.prctl(38, 1, 0, 0, 0) == 0
    assert LIBC.syscall(317, 1, 0, ctypes.byref(program)) == 0, os.strerror(ctypes.get_errno())


def call(number: int, *arguments: int) -> int:
    """0, or the errno."""
    result = LIBC.syscall(ctypes.c_long(number), *(ctypes.c_long(argument) for argument in arguments))
    return 0 if result >= 0 else ctypes.get_errno()


def under(code: bytes, action: Callable[[], int]) -> int:
    """What ``action`` returns in a child with the filter; 1000 + the signal that killed it."""
    pid = os.fork()
    if pid == 0:
        try:
            install(code)
            os._exit(action() % 256)
        finally:
            os._exit(255)
    _, status = os.waitpid(pid, 0)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1000 + os.WTERMSIG(status)


@pytest.fixture(scope="module")
def default() -> bytes:
    return compile_profile(default_profile("x86_64", security.DEFAULT))


def family(number: int) -> Callable[[], int]:
    def action() -> int:
        try:
            socket.socket(number, socket.SOCK_STREAM, 0).close()
        except OSError as error:
            return error.errno or 254
        return 0

    return action


@pytest.mark.parametrize(
    ("number", "arguments", "expected"),
    [
        (GETPID, (), 0),
        (MOUNT, (0, 0, 0, 0, 0), errno.EPERM),
        (UNSHARE, (0x10000000,), errno.EPERM),
        (CLONE, (0x10000000, 0, 0, 0, 0), errno.EPERM),
        (CLONE3, (0, 0), errno.ENOSYS),
        (PERSONALITY, (0xFFFFFFFF,), 0),
        (PERSONALITY, (0x0040000,), errno.EPERM),
        (1000, (), errno.ENOSYS),
        (5000, (), errno.ENOSYS),
    ],
)
def test_system_calls(default: bytes, number: int, arguments: tuple[int, ...], expected: int) -> None:
    assert under(default, lambda: call(number, *arguments)) == expected


@pytest.mark.parametrize(
    ("number", "expected"), [(socket.AF_UNIX, 0), (socket.AF_INET, 0), (38, errno.EPERM), (40, errno.EPERM)]
)
def test_socket_families(default: bytes, number: int, expected: int) -> None:
    assert under(default, family(number)) == expected


def test_families_around_the_denied_ones_reach_the_kernel(default: bytes) -> None:
    for number in (37, 39, 41, 45):
        assert under(default, family(number)) in (0, errno.EAFNOSUPPORT, errno.ESOCKTNOSUPPORT, errno.EPROTONOSUPPORT)


def test_programs_and_threads_run(default: bytes) -> None:
    def action() -> int:
        import threading

        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
        return subprocess.run(["/bin/true"], check=False).returncode

    assert under(default, action) == 0


def test_x32_numbers_are_not_run(default: bytes) -> None:
    assert under(default, lambda: call(0x40000000 | GETPID)) in (errno.EPERM, errno.ENOSYS, 1000 + 31)


@pytest.fixture(scope="module")
def int80(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that makes 32-bit system calls: number and first argument; exits with the errno."""
    directory = tmp_path_factory.mktemp("int80")
    source = directory / "int80.c"
    source.write_text(
        "#include <stdlib.h>\n"
        "int main(int argc, char **argv) {\n"
        "  long r = atol(argv[1]), a = argc > 2 ? atol(argv[2]) : 0;\n"
        '  __asm__ volatile("int $0x80" : "+a"(r) : "b"(a), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");\n'
        "  return (int)r < 0 && (int)r > -4096 ? -(int)r : 0;\n"
        "}\n"
    )
    program = directory / "int80"
    try:
        subprocess.run(["cc", "-O1", "-o", program, source], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no C compiler")
    if subprocess.run([program, "20"], check=False).returncode != 0:
        pytest.skip("this kernel has no 32-bit system calls")
    return program


@pytest.mark.parametrize(
    ("number", "argument", "expected"),
    [
        (20, 0, 0),
        (102, 1, errno.ENOSYS),
        (359, 38, errno.EPERM),
        (310, 0x10000000, errno.EPERM),
        (4000, 0, errno.ENOSYS),
    ],
)
def test_32_bit_programs(default: bytes, int80: Path, number: int, argument: int, expected: int) -> None:
    run = [str(int80), str(number), str(argument)]
    assert under(default, lambda: subprocess.run(run, check=False).returncode) == expected


def test_administrators_may_mount(default: bytes) -> None:
    code = compile_profile(default_profile("x86_64", security.ALL))
    assert under(code, lambda: call(MOUNT, 0, 0, 0, 0, 0)) == errno.EFAULT


def test_the_program_fits_the_kernel(default: bytes) -> None:
    assert len(default) % 8 == 0
    assert len(default) // 8 <= 4096
    assert struct.unpack_from("<HBBI", default)[0] == 0x20


def profile(*rules: Rule, default: int = ERRNO | 1) -> Profile:
    return Profile(default_action=default, architectures=("x86_64",), rules=rules)


def test_a_rule_that_says_what_the_default_says_is_no_error() -> None:
    assert compile_profile(profile(Rule("mount", ERRNO | 1), Rule("read", ALLOW)))


def test_unknown_calls_are_denied_already_or_refused() -> None:
    assert compile_profile(profile(Rule("fly_me_to_the_moon", ALLOW)))
    with pytest.raises(ProfileError, match="fly_me_to_the_moon"):
        compile_profile(profile(Rule("fly_me_to_the_moon", ERRNO | 1), default=ALLOW))


def test_a_default_that_the_kernel_does_not_have() -> None:
    with pytest.raises(ProfileError):
        compile_profile(profile(default=0x12345678))


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> object:
        raise OSError

    monkeypatch.setattr(seccomp_compile.ctypes, "CDLL", missing)
    seccomp_compile._library.cache_clear()
    try:
        with pytest.raises(HostError, match="install libseccomp2"):
            seccomp_compile._library()
    finally:
        seccomp_compile._library.cache_clear()
