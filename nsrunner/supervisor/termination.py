"""From the shim's record of an end to the machine's event, with the termination message by the policy's rules
(kubelet-semantics 25)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from nsrunner.lifecycle.events import ContainerExited, Now
from nsrunner.sandbox.logs import tail
from nsrunner.sandbox.records import ContainerExit, Stamp

__all__ = ["as_now", "container_exited", "termination_message"]

FALLBACK_LINES: Final = 80
FALLBACK_BYTES: Final = 2048


def as_now(stamp: Stamp) -> Now:
    return Now(mono=stamp.boottime, wall=stamp.realtime)


async def container_exited(record: ContainerExit, policy: str | None, log_directory: str) -> ContainerExited:
    """The event. ``log_directory`` is the container's; its log is read, in a thread, only when the policy wants it."""

    def message() -> str:
        return termination_message(
            record.termination_message,
            policy=policy,
            exit_code=record.exit_code,
            log_tail=lambda lines, size: tail(log_directory, record.attempt, lines=lines, size=size),
        )

    reads_log = policy == "FallbackToLogsOnError" and record.exit_code != 0 and not record.termination_message
    return ContainerExited(
        container=record.name,
        attempt=record.attempt,
        exit_code=record.exit_code,
        oom_killed=record.oom_killed,
        message=await asyncio.to_thread(message) if reads_log else message(),
        started=as_now(record.started),
        finished=as_now(record.finished),
    )


def termination_message(
    written: bytes, *, policy: str | None, exit_code: int, log_tail: Callable[[int, int], bytes]
) -> str:
    """What the container said when it ended.

    ``written`` is the end of its termination log; ``log_tail(lines, bytes)`` reads the end of its log, without
    timestamps. The machine divides the pod's limit among the containers.
    """
    message = written
    if not message and exit_code != 0 and policy == "FallbackToLogsOnError":
        message = log_tail(FALLBACK_LINES, FALLBACK_BYTES)
    return message.decode(errors="replace")
