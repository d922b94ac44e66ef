"""A shim that runs no command, but says what came of it."""

from __future__ import annotations

import asyncio
from typing import Any

from nsrunner.errors import SandboxError
from nsrunner.sandbox.records import ExecResult
from nsrunner.supervisor.ports import Process

__all__ = ["PlayedShim", "ended"]


class PlayedShim:
    """Each exec comes to ``outcome`` after ``lasts`` seconds (None: never), unless the shim ``refuses`` to start it."""

    pid = 1

    def __init__(
        self,
        outcome: ExecResult | SandboxError | None = None,
        *,
        lasts: float | None = 0.0,
        refuses: SandboxError | None = None,
    ) -> None:
        self.outcome = outcome or ExecResult(record=0, exit_code=0)
        self.lasts = lasts
        self.refuses = refuses
        self.asked: list[tuple[tuple[str, ...], float]] = []
        self.kills = 0

    async def start(self, argv: tuple[str, ...], seconds: float) -> Process:
        self.asked.append((argv, seconds))
        if self.refuses is not None:
            raise self.refuses
        return self

    async def result(self) -> ExecResult:
        if self.lasts is None:
            await asyncio.get_running_loop().create_future()
        else:
            await asyncio.sleep(self.lasts)
        if isinstance(self.outcome, SandboxError):
            raise self.outcome
        return self.outcome

    async def kill(self) -> None:
        self.kills += 1


def ended(exit_code: int, output: bytes = b"", **fields: Any) -> PlayedShim:
    return PlayedShim(ExecResult(record=0, exit_code=exit_code, output=output, **fields))
