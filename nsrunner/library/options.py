"""How a pod is run by a Python program or by ``nsrunner run``: the options and their meaning."""

from __future__ import annotations

from typing import Final, Literal, TypedDict

from msgspec import Struct

from nsrunner.errors import UsageError
from nsrunner.model.sysctls import pattern_problem

__all__ = ["Options", "RunOptions", "run_options"]


_ADDRESS: Final = "192.0.2.1/32"
"""Of the range for documentation (RFC 5737): no network has it."""


class RunOptions(Struct, frozen=True, kw_only=True):
    """How to run a pod."""

    namespace: str = "default"
    """For objects that name none."""
    image_fallback: Literal["", "host"] = ""
    """``host``: an image that is not there runs on the host's root instead of failing."""
    address: str = _ADDRESS
    """Address with prefix length of the pod's eth0, which leads nowhere; empty: loopback only."""
    root: str = ""
    """An absolute path: ``run``, ``lib``, ``log/pods`` and ``log/containers`` below it take the places of
    /run/nsrunner, /var/lib/nsrunner, /var/log/pods and /var/log/containers. Empty: that of the environment variable
    NSRUNNER_ROOT, or those places themselves. ``nsrunner ps`` sees such pods when NSRUNNER_ROOT is the same for it."""
    log_max_size: int = 10 << 20
    """containerLogMaxSize, in bytes; negative: never rotated."""
    log_max_files: int = 5
    """containerLogMaxFiles."""
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    """Sysctls beyond the safe ones that pods may set for themselves, as the kubelet's option: names, or prefixes ending
    in ``*``, such as ``kernel.msg*``."""
    grace_period: int | None = None
    """Seconds that the end of a ``with`` block gives the containers; None: the pod's terminationGracePeriodSeconds."""

    def __post_init__(self) -> None:
        """Raises UsageError: a wrong option is told where it is given."""
        if self.image_fallback not in ("", "host"):
            raise UsageError(f'image_fallback: "{self.image_fallback}": there is "" and "host"')
        if self.root and not self.root.startswith("/"):
            raise UsageError(f'root: "{self.root}": must be an absolute path')
        if self.address not in ("", _ADDRESS) and not _is_address(self.address):
            raise UsageError(f'address: "{self.address}": an address and its prefix length, such as {_ADDRESS}')
        if self.log_max_files < 2:
            raise UsageError(
                f"log_max_files: {self.log_max_files}: at least 2, the one being written and the one before"
            )
        for pattern in self.allowed_unsafe_sysctls:
            if problem := pattern_problem(pattern):
                raise UsageError(f'allowed_unsafe_sysctls: "{pattern}": {problem}')
        if self.grace_period is not None and self.grace_period < 0:
            raise UsageError(f"grace_period: {self.grace_period}: must not be negative")


def _is_address(text: str) -> bool:
    import ipaddress  # for those who choose one

    try:
        return "/" in text and ipaddress.ip_interface(text) is not None
    except ValueError:
        return False


class Options(TypedDict, total=False):
    """The fields of :class:`RunOptions` as keyword arguments."""

    namespace: str
    image_fallback: Literal["", "host"]
    address: str
    root: str
    log_max_size: int
    log_max_files: int
    allowed_unsafe_sysctls: tuple[str, ...]
    grace_period: int | None


def run_options(options: RunOptions | None, keywords: Options) -> RunOptions:
    """Either way of giving options; both at once is a UsageError."""
    if options is None:
        return RunOptions(**keywords)
    if keywords:
        raise UsageError(f"options given twice: as an object and as {', '.join(sorted(keywords))}")
    return options
