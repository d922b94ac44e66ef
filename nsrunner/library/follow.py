"""The lines of a container as they are written, over all of its instances."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, Protocol

from nsrunner.errors import UsageError
from nsrunner.library.items import LogLine, SkippedBytes
from nsrunner.sandbox.logs import LogItem, Skipped, follow, read, render
from nsrunner.supervisor.pod import PodTask

__all__ = [
    "Changes",
    "find_attempt",
    "follow_container",
    "follow_instance",
    "follow_lines",
    "log_directory",
    "read_log",
]


_LINE_MAX: Final = 1 << 20
"""Bytes of one line that are kept together."""


class Changes(Protocol):
    """Who tells that something about a pod has changed."""

    def subscribe(self, look: Callable[[], None]) -> Callable[[], None]:
        """``look`` is called after each change; the returned function ends that."""
        ...


def log_directory(task: PodTask, container: str) -> str:
    return f"{task.registered.paths.logs}/{container}"


def read_log(directory: str, attempt: int, tail_lines: int | None, timestamps: bool) -> str:
    """The log of one instance as it is now, rotated files included unless only its end is asked for. Blocks."""
    try:
        items = list(read(directory, attempt, history=tail_lines is None, tail_lines=tail_lines))
    except FileNotFoundError:
        return ""
    return b"".join(render(items, timestamps=timestamps)).decode(errors="replace")


def find_attempt(task: PodTask, container: str, *, previous: bool) -> int | None:
    """The instance whose log is meant: the newest, or the one before; None: there is none yet. Raises UsageError."""
    attempts = sorted(attempt for name, attempt in task.instances if name == container)
    if previous:
        if len(attempts) < 2:
            raise UsageError(f'previous terminated container "{container}" in pod "{task.pod.metadata.name}" not found')
        return attempts[-2]
    return attempts[-1] if attempts else None


async def follow_lines(
    task: PodTask, changes: Changes, container: str, *, tail_lines: int | None
) -> AsyncGenerator[str, None]:
    """The newest instance's log, line by line, until it has ended and all is read. A line that does not end comes in
    pieces of a mebibyte. Raises UsageError."""
    attempt = find_attempt(task, container, previous=False)
    if attempt is None:
        raise UsageError(f'container "{container}" in pod "{task.pod.metadata.name}" has not started')
    begun = {"stdout": b"", "stderr": b""}
    async for item in follow_instance(task, changes, container, attempt, tail_lines=tail_lines):
        if isinstance(item, Skipped):
            continue
        begun[item.stream] += item.data
        if not item.partial or len(begun[item.stream]) >= _LINE_MAX:
            yield begun[item.stream].decode(errors="replace")
            begun[item.stream] = b""
    for rest in filter(None, begun.values()):
        yield rest.decode(errors="replace")


async def follow_instance(
    task: PodTask, changes: Changes, container: str, attempt: int, *, tail_lines: int | None = None
) -> AsyncGenerator[LogItem, None]:
    """What one instance writes, until it has ended and all is read."""
    ended = asyncio.Event()

    def look() -> None:
        if not task.instances.get((container, attempt), False):
            ended.set()

    unsubscribe = changes.subscribe(look)
    look()
    try:
        async for item in follow(
            log_directory(task, container), attempt, ended, history=tail_lines is None, tail_lines=tail_lines
        ):
            yield item
    except FileNotFoundError:
        pass  # deleted before we came: two newer instances have ended since
    finally:
        unsubscribe()


async def follow_container(
    task: PodTask, changes: Changes, container: str, put: Callable[[LogLine | SkippedBytes], Awaitable[None]]
) -> None:
    """Hands on what all instances of a container write. Returns when the pod has ended and all is handed on."""
    changed = asyncio.Event()
    unsubscribe = changes.subscribe(changed.set)
    pod = task.pod.metadata.name
    attempt = -1
    try:
        while True:
            changed.clear()
            over = task.finished  # asked first: no instance comes after that
            later = [number for name, number in task.instances if name == container and number > attempt]
            if not later:
                if over:
                    return
                await changed.wait()
                continue
            attempt = min(later)
            async for item in follow_instance(task, changes, container, attempt):
                match item:
                    case Skipped(bytes=size):
                        await put(SkippedBytes(pod=pod, container=container, attempt=attempt, bytes=size))
                    case entry:
                        await put(
                            LogLine(
                                pod=pod,
                                container=container,
                                attempt=attempt,
                                stream=entry.stream,
                                time=entry.time,
                                data=entry.data,
                                partial=entry.partial,
                            )
                        )
    finally:
        unsubscribe()
