"""What a fake shim runs: containers that do as their script says, and execs."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Final

from nsrunner.errors import SandboxError
from nsrunner.sandbox.records import ExecResult, Stamp
from nsrunner.sandbox.spec import ContainerSpec, ExecSpec
from nsrunner.testing.clock import VirtualClock

__all__ = ["Call", "FakeProcess", "Instance", "Run", "Scripts", "stamp", "write_log"]

KILLED: Final = 137


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a container, as the script says."""

    lasts: float | None = None
    """Seconds until it ends by itself; None: never."""
    exit_code: int = 0
    output: tuple[str, ...] = ()
    """Lines that it writes at its start; they are in its log file."""
    message: bytes = b""
    """The end of its termination log."""
    oom_killed: bool = False
    ignores_term: bool = False
    fails: SandboxError | None = None
    """The start fails with this instead."""


class Scripts:
    """What containers do, by their names."""

    def __init__(self) -> None:
        self._scripts: dict[str, deque[Run]] = defaultdict(deque)

    def script(self, container: str, *runs: Run) -> None:
        """What the next runs of containers with this name do; the last one is repeated. Without: runs for ever."""
        self._scripts[container].extend(runs)

    def next_run(self, container: str) -> Run:
        script = self._scripts[container]
        if not script:
            return Run()
        return script.popleft() if len(script) > 1 else script[0]


@dataclass(frozen=True, slots=True)
class Call:
    """A command that was given to a shim."""

    name: str
    about: str = ""
    """Container and attempt (``web/0``), or the sandbox's attempt."""

    def __str__(self) -> str:
        return f"{self.name} {self.about}".rstrip()


@dataclass(slots=True)
class Instance:
    spec: ContainerSpec
    run: Run
    started: Stamp
    pid: int
    timer: asyncio.TimerHandle | None = None
    exit_code: int | None = None


@dataclass(slots=True)
class FakeProcess:
    """An exec that ends with ``outcome`` after ``lasts`` seconds, or after the time limit of its ``spec``."""

    pid: int
    outcome: ExecResult
    lasts: float | None
    spec: ExecSpec
    killed: bool = field(default=False)
    _gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def result(self) -> ExecResult:
        limit = self.spec.timeout_ms / 1000 or None
        if self.lasts is not None and (limit is None or self.lasts <= limit):
            limit = None
            await self._wait(self.lasts)
        else:
            await self._wait(limit)
        if self.killed or limit is not None:
            return ExecResult(record=0, exit_code=KILLED, timed_out=limit is not None and not self.killed)
        return self.outcome

    async def kill(self) -> None:
        self.killed = True
        self._gone.set()

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        except TimeoutError:
            pass


def write_log(spec: ContainerSpec, output: tuple[str, ...]) -> None:
    if spec.log is None or not output:
        return
    os.makedirs(spec.log.directory, exist_ok=True)
    with open(f"{spec.log.directory}/{spec.log.file}", "w", encoding="utf-8") as file:
        file.writelines(f"2023-11-14T22:13:20.000000000Z stdout F {line}\n" for line in output)


def stamp() -> Stamp:
    now = VirtualClock().now()
    return Stamp(boottime=now.mono, realtime=now.wall)
