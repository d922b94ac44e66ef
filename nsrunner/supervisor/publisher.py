"""Keeps the published copy of a pod's object fresh, for ``nsrunner ps`` and whoever else looks from outside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from nsrunner.model import encode
from nsrunner.model.types import Pod
from nsrunner.sandbox.published import DELAY, publish

__all__ = ["Publisher"]

log = logging.getLogger(__name__)


class Publisher:
    """Publishes what ``current`` gives, a moment after it has changed. Whoever cannot have it a moment late asks the
    shim, too: ``nsrunner logs`` and ``exec``."""

    def __init__(self, run_dir: str, current: Callable[[], Pod]) -> None:
        self._run_dir = run_dir
        self._current = current
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def changed(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(DELAY, self.flush)

    def flush(self) -> None:
        """Now, if there is anything new."""
        if self._timer is None or self._closed:
            return
        self._timer.cancel()
        self._timer = None
        try:
            publish(self._run_dir, encode(self._current()))
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
