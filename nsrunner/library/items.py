"""What comes out of a running pod, in order: lines of its logs, events, states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from nsrunner.model.types import Pod as PodObject
from nsrunner.supervisor.events import KubeEvent

__all__ = ["ExecResult", "Item", "LogLine", "PodEvent", "RunResult", "SkippedBytes", "StatusChanged"]

PodEvent = KubeEvent


class LogLine(Struct, frozen=True, kw_only=True):
    """One line that a container wrote."""

    pod: str
    container: str
    attempt: int
    """Of the container: its restart count when it wrote this."""
    stream: Literal["stdout", "stderr"]
    time: str
    """RFC 3339 with nanoseconds, as the shim stamped it."""
    data: bytes
    """Without the newline."""
    partial: bool = False
    """The line goes on in the next item, or ended without a newline."""


class SkippedBytes(Struct, frozen=True, kw_only=True):
    """Log lines that were rotated away before they were read."""

    pod: str
    container: str
    attempt: int
    bytes: int


class StatusChanged(Struct, frozen=True, kw_only=True):
    """The pod's status differs from the one before."""

    pod: PodObject
    next_starts: Mapping[str, float] = {}
    """Of the containers that wait to be started (again): when that is, in seconds since the epoch."""


Item: TypeAlias = LogLine | SkippedBytes | KubeEvent | StatusChanged


class ExecResult(Struct, frozen=True, kw_only=True):
    """How a command in a container ended."""

    exit_code: int
    """128 + n when signal n ended it; 126 or 127 when it could not be run (``error`` says why)."""
    stdout: bytes = b""
    stderr: bytes = b""
    error: str = ""

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


class RunResult(Struct, frozen=True, kw_only=True):
    """How a run ended."""

    pods: tuple[PodObject, ...]
    """As they were when they ended, in the order of the documents."""
    exit_code: int
    """0 when every pod Succeeded; else that of the first failed container, in the order of the documents and of the
    spec (init containers first); 1 when none failed by itself."""
