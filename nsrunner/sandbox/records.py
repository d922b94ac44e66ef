"""What the shim tells: results of commands and records that it keeps until they are acknowledged.

Named tuples here, in :mod:`nsrunner.sandbox.exec_spec` and in :mod:`nsrunner.sandbox.ownership`: ``nsrunner exec`` has
to import them, and the import of msgspec would take it longer than all that it does.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

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


class Stamp(NamedTuple):
    """One instant on both clocks, in seconds, taken by the shim."""

    boottime: float
    realtime: float


class SandboxCreated(NamedTuple):
    attempt: int
    pause_pid: int
    """In the host's PID namespace."""


class ContainerRunning(NamedTuple):
    container_id: str
    pid: int
    """Of the first process, in the host's PID namespace."""
    started: Stamp
    """Taken when execve was seen to have succeeded."""


class ContainerExit(NamedTuple):
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


class ExecResult(NamedTuple):
    record: int
    exit_code: int
    """126/127 when the program could not be run (error says why), 137 after the time limit."""
    timed_out: bool = False
    output: bytes = b""
    """Only with ExecSpec.output_limit."""
    error: str = ""


class SandboxDeath(NamedTuple):
    """Pause died (its record), or the shim itself did (record 0: noticed by the closed socket)."""

    record: int
    attempt: int


class ContainerInfo(NamedTuple):
    container_id: str
    name: str
    attempt: int
    pid: int
    started: Stamp


class Snapshot(NamedTuple):
    """What a shim holds, for whoever connects to it anew."""

    uid: str
    sandbox_attempt: int | None
    """None: no sandbox."""
    pause_pid: int
    running: tuple[ContainerInfo, ...]


Record: TypeAlias = ContainerExit | SandboxDeath
