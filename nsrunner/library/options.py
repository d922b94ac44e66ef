"""How a pod is run by a Python program or by ``nsrunner run``: the options and their meaning."""

from __future__ import annotations

import os
from typing import Literal, TypedDict

from msgspec import Struct

from nsrunner.errors import UsageError

__all__ = ["Options", "RunOptions", "run_options"]


class RunOptions(Struct, frozen=True, kw_only=True):
    """How to run a pod."""

    namespace: str = "default"
    """For objects that name none."""
    image_fallback: Literal["", "host"] = ""
    """``host``: an image that is not there runs on the host's root instead of failing."""
    address: str = "192.0.2.1/32"
    """Address with prefix length of the pod's eth0, which leads nowhere; empty: loopback only."""
    root: str = ""
    """Directory below which ``run/nsrunner``, ``var/lib/nsrunner`` and ``var/log`` are used instead of those of ``/``;
    empty: that of the environment variable NSRUNNER_ROOT, or ``/``."""
    log_max_size: int = 10 << 20
    """containerLogMaxSize, in bytes; negative: never rotated."""
    log_max_files: int = 5
    """containerLogMaxFiles."""
    grace_period: int | None = None
    """Seconds that the end of a ``with`` block gives the containers; None: the pod's terminationGracePeriodSeconds."""

    @property
    def base(self) -> str:
        """``root``, made absolute; ``/`` when there is none."""
        return os.path.abspath(self.root or os.environ.get("NSRUNNER_ROOT") or "/")


class Options(TypedDict, total=False):
    """The fields of :class:`RunOptions` as keyword arguments."""

    namespace: str
    image_fallback: Literal["", "host"]
    address: str
    root: str
    log_max_size: int
    log_max_files: int
    grace_period: int | None


def run_options(options: RunOptions | None, keywords: Options) -> RunOptions:
    """Either way of giving options; both at once is a UsageError."""
    if options is None:
        return RunOptions(**keywords)
    if keywords:
        raise UsageError(f"options given twice: as an object and as {', '.join(sorted(keywords))}")
    return options
