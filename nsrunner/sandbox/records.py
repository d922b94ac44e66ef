"""What the shim tells: results of commands and records that it keeps until they are acknowledged."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

__all__ = [
    "ContainerExit",
    "ContainerInfo",
    "ContainerRunning",
    "ExecResult",
    "Record",
    "SandboxCreated",
    "SandboxDeath",
    "Snapshot",
    "Stamp",
]


class Stamp(Struct, frozen=True):
    """One instant on both clocks, in seconds, taken by the shim."""

    boottime: float
    realtime: float


class SandboxCreated(Struct, frozen=True, kw_only=True):
    attempt: int
    pause_pid: int
    """In the host's PID namespace."""


class ContainerRunning(Struct, frozen=True, kw_only=True):
    container_id: str
    pid: int
    """Of the first process, in the host's PID namespace."""
    started: Stamp
    """Taken when execve was seen to have succeeded."""


class ContainerExit(Struct, frozen=True, kw_only=True):
    record: int
    """Number to acknowledge."""
    container_id: str
    name: str
    attempt: int
    exit_code: int
    """WEXITSTATUS, or 128 + the signal."""
    oom_killed: bool
    started: Stamp
    finished: Stamp
    termination_message: bytes
    """The last 4096 bytes of the termination log; empty when there is none."""


class ExecResult(Struct, frozen=True, kw_only=True):
    record: int
    exit_code: int
    """126/127 when the program could not be run (error says why), 137 after the time limit."""
    timed_out: bool = False
    output: bytes = b""
    """Only with ExecSpec.output_limit."""
    error: str = ""


class SandboxDeath(Struct, frozen=True, kw_only=True):
    """Pause died (its record), or the shim itself did (record 0: noticed by the closed socket)."""

    record: int
    attempt: int


class ContainerInfo(Struct, frozen=True, kw_only=True):
    container_id: str
    name: str
    attempt: int
    pid: int
    started: Stamp


class Snapshot(Struct, frozen=True, kw_only=True):
    """What a shim holds, for whoever connects to it anew."""

    uid: str
    sandbox_attempt: int | None
    """None: no sandbox."""
    pause_pid: int
    running: tuple[ContainerInfo, ...]


Record: TypeAlias = ContainerExit | SandboxDeath
