"""What fails for want of something, and passes: it is told in a line, and what must not be left out is tried again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from nsrunner.errors import NsrunnerError
from nsrunner.sandbox.state import RegisteredPod
from nsrunner.sandbox.transport import LACKS
from nsrunner.supervisor.ports import Shims

__all__ = ["Reporter", "all_of", "remove_pod"]

log = logging.getLogger(__name__)

_AGAIN: Final = (1.0, 2.0, 5.0, 10.0)
"""Seconds between attempts to remove what is left of a pod."""
_SILENT: Final = 10.0
"""Seconds for which the same accident is not told again."""


async def remove_pod(shims: Shims, pod: RegisteredPod) -> None:
    """Removes everything of a pod without a task. What stays although it was tried several times is logged."""
    for delay in (*_AGAIN, None):
        try:
            await shims.remove(pod)
            return
        except NsrunnerError as error:
            log.error("pod %s: something of it is left: %s", pod.uid, error)
        if delay is not None:
            await asyncio.sleep(delay)


async def all_of(waits: Iterable[Coroutine[Any, Any, object]], seconds: float | None) -> int:
    """Returns when they are all done, or the time is over: then the late ones are cancelled. How many that were."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    if not tasks:
        return 0
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for each in late:
        each.cancel()
    return len(late)


class Reporter:
    """The loop's exception handler: that it cannot accept a connection, say, is a line now and then, be it that asyncio
    tells of it 512 times a second."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, int], float] = {}

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error, message = context.get("exception"), context["message"]
        if not isinstance(error, OSError) or error.errno not in LACKS:
            loop.default_exception_handler(context)
            return
        key, now = (message, error.errno), loop.time()
        if now - self._told.get(key, -_SILENT) >= _SILENT:
            self._told[key] = now
            log.error("%s: %s", message, error.strerror)
