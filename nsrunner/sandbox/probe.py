"""What this host's kernel lets us do, found out by doing it, in a child that leaves nothing: for ``nsrunner doctor``.

Each probe answers None (it works) or what went wrong. The extension is not used, so that a broken installation can be
looked into as well.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import struct
from collections.abc import Callable
from typing import Final

__all__ = ["NAMESPACES", "cgroup", "dummy_link", "in_child", "namespace", "overlay", "seccomp_filter"]

NAMESPACES: Final = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "user": 0x10000000,
}
"""Name to the CLONE_NEW* flag of unshare(2)."""

_MS_REC_PRIVATE: Final = 0x44000
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_SECCOMP_MODE_FILTER: Final = 2


def in_child(work: Callable[[], None]) -> str | None:
    """Run ``work`` in a forked child; its OSError (or any other failure) comes back as text."""
    read, write = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        answer = b"died"
        try:
            work()
            answer = b""
        except OSError as error:
            answer = (error.strerror or str(error)).encode()
        except BaseException as error:  # noqa: BLE001 - nothing of the parent's may run on in the child
            answer = f"{type(error).__name__}: {error}".encode()
        finally:
            os.write(write, b"=" + answer)
            os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    if text == b"=":
        return None
    return text[1:].decode(errors="replace") if text else "the probing child was killed"


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _unshare(flags: int) -> None:
    _check(_libc().unshare(flags), "unshare")


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None) -> None:
    arguments = [text.encode() if text is not None else None for text in (source, target, kind)]
    options = data.encode() if data is not None else None
    result = _libc().mount(*arguments, ctypes.c_ulong(flags), options)
    _check(result, f"mount {kind or source}")


def namespace(name: str) -> str | None:
    """Whether a namespace of this kind can be made."""
    return in_child(lambda: _unshare(NAMESPACES[name]))


def overlay(directory: str | None = None) -> str | None:
    """Whether an overlay can be mounted whose upper layer is in ``directory`` (None: on a fresh tmpfs)."""

    def work() -> None:
        _unshare(NAMESPACES["mount"])
        _mount("none", "/", None, _MS_REC_PRIVATE, None)
        top = directory
        if top is None:
            top = "/tmp"  # noqa: S108 - only a mount point, in a mount namespace of our own
            _mount("tmpfs", top, "tmpfs", 0, "mode=700")
        paths = {
            name: os.path.join(top, f".probe-{os.getpid()}-{name}") for name in ("lower", "upper", "work", "merged")
        }
        try:
            for path in paths.values():
                os.mkdir(path, 0o700)
            options = f"lowerdir={paths['lower']},upperdir={paths['upper']},workdir={paths['work']}"
            _mount("overlay", paths["merged"], "overlay", 0, options)
            _libc().umount2(paths["merged"].encode(), 0)
        finally:
            if directory is not None:
                for path in paths.values():
                    shutil.rmtree(path, ignore_errors=True)

    return in_child(work)


def cgroup(directory: str) -> str | None:
    """Whether we may make cgroups below ``directory`` of a cgroup2 hierarchy."""
    path = os.path.join(directory, f"nsrunner-probe-{os.getpid()}")
    try:
        os.mkdir(path)
        os.rmdir(path)
    except OSError as error:
        return f"mkdir {path}: {error.strerror}"
    return None


def seccomp_filter() -> str | None:
    """Whether a seccomp filter can be set: one that allows everything."""

    def work() -> None:
        allow = struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)  # BPF_RET|BPF_K, SECCOMP_RET_ALLOW
        code = ctypes.create_string_buffer(allow, len(allow))
        program = struct.pack("@HP", 1, ctypes.addressof(code))
        holder = ctypes.create_string_buffer(program, len(program))
        zero = ctypes.c_ulong(0)
        _check(_libc().prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero), "no_new_privs")
        _check(_libc().prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), holder, zero, zero), "seccomp")

    return in_child(work)


def dummy_link(kind: str = "dummy") -> str | None:
    """Whether a link of this kind (``dummy``, ``bridge``, ``veth``) can be made, in a network namespace of its own."""

    def work() -> None:
        _unshare(NAMESPACES["net"])
        _new_link("probe0", kind)

    return in_child(work)


def _attribute(number: int, payload: bytes) -> bytes:
    size = 4 + len(payload)
    return struct.pack("=HH", size, number) + payload + bytes(-size % 4)


def _new_link(name: str, kind: str) -> None:
    """RTM_NEWLINK by hand (rtnetlink(7)): the child of a probe may not import a netlink library first."""
    link_info = _attribute(18, _attribute(1, kind.encode() + b"\0"))  # IFLA_LINKINFO, IFLA_INFO_KIND
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0) + _attribute(3, name.encode() + b"\0") + link_info
    flags = 0x1 | 0x4 | 0x200 | 0x400  # REQUEST, ACK, EXCL, CREATE
    message = struct.pack("=IHHII", 16 + len(body), 16, flags, 1, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as netlink:
        netlink.settimeout(5)
        netlink.bind((0, 0))
        netlink.send(message)
        answer = netlink.recv(4096)
    code = struct.unpack_from("=i", answer, 16)[0]  # nlmsgerr.error
    if code:
        raise OSError(-code, f"make a {kind} link: {os.strerror(-code)}")
