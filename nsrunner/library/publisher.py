"""Keeps the published copy of a pod's object fresh, for ``nsrunner ps`` and whoever else looks from outside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from nsrunner.model import encode
from nsrunner.model.types import Pod
from nsrunner.sandbox.published import publish

__all__ = ["Publisher"]

log = logging.getLogger(__name__)

_DELAY = 0.02
"""Seconds in which changes are gathered: a start is some ten of them. Shorter than the start of any program that looks,
so that whoever runs ``nsrunner logs`` for what they have just seen finds it."""


class Publisher:
    """Publishes what ``current`` gives, a moment after it has changed."""

    def __init__(self, run_dir: str, current: Callable[[], Pod]) -> None:
        self._run_dir = run_dir
        self._current = current
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def changed(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(_DELAY, self.flush)

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
            log.warning("%s: %s", self._run_dir, error)

    def close(self) -> None:
        """No more of it: the directory goes."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
