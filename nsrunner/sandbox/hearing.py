"""Whether the other end of a connection answers, without a look at it as long as there is nothing to ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

__all__ = ["PATIENCE", "Hearing"]

PATIENCE: Final = 5.0
"""Seconds: after a message that goes unanswered for so long the other end is asked whether it is there, and has as long
again for its answer to that."""


class Hearing:
    """Told of what is sent and what comes. ``ask`` sends what is answered at once; ``changed`` is called whenever
    :attr:`silent` is another one."""

    def __init__(self, ask: Callable[[], None], changed: Callable[[bool], None] = lambda silent: None) -> None:
        """On the running loop."""
        self.silent = False
        """It has left a message, and the question after it, without an answer."""
        self.changed = changed
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._heard = False
        self._asked = False
        self._ended = False

    def sent(self) -> None:
        # One timer for all that is sent meanwhile: it is never moved.
        if self._timer is None and not self.silent and not self._ended:
            self._heard = self._asked = False
            self._timer = self._loop.call_later(PATIENCE, self._look)

    def heard(self) -> None:
        self._heard = True
        if self.silent:
            self.silent = False
            self.changed(False)

    def end(self) -> None:
        """The connection is gone, which is no silence."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        if self.silent:
            self.silent = False
            self.changed(False)

    def _look(self) -> None:
        self._timer = None
        if self._heard:
            return
        if self._asked:
            self.silent = True
            self.changed(True)
            return
        self._timer = self._loop.call_later(PATIENCE, self._look)
        self._asked = True
        self._ask()
