"""Keeps the published copy of a pod's object fresh, for ``nsrunner ps`` and whoever else looks from outside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from nsrunner.model import encode_json
from nsrunner.model.types import Pod
from nsrunner.sandbox.published import LATEST, QUIET, publish

__all__ = ["Publisher"]

log = logging.getLogger(__name__)


class Publisher:
    """Publishes what ``current`` gives when it has not changed for a moment, or has changed for too long. Whoever
    cannot have it a moment late asks the shim, too: ``nsrunner logs`` and ``exec``."""

    def __init__(self, run_dir: str, current: Callable[[], Pod]) -> None:
        """On the running loop."""
        self._run_dir = run_dir
        self._current = current
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._latest = 0.0
        """When the oldest change that is not published has to be."""
        self._newest = 0.0
        """When the newest change was."""
        self._closed = False

    def changed(self) -> None:
        if self._closed:
            return
        self._newest = now = self._loop.time()
        if self._timer is None:
            self._latest = now + LATEST
            self._timer = self._loop.call_at(now + QUIET, self._look)

    def _look(self) -> None:
        """The timer is not moved with each change: it looks whether there were any since it was set."""
        due = min(self._newest + QUIET, self._latest)
        if due > self._loop.time():
            self._timer = self._loop.call_at(due, self._look)
        else:
            self.flush()

    def flush(self) -> None:
        """Now, if there is anything new."""
        if self._timer is None or self._closed:
            return
        self._timer.cancel()
        self._timer = None
        try:
            publish(self._run_dir, encode_json(self._current()))
        except FileNotFoundError:
            pass  # no sandbox was made yet
        except OSError as error:
            log.warning("%s: %s", self._run_dir, error.strerror or error)

    def close(self) -> None:
        """No more of it: the directory goes."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
