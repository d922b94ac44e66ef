"""Lists of steps in scenarios, taken one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

__all__ = ["Turns"]


class _Step(Protocol):
    @property
    def times(self) -> int | None: ...


S = TypeVar("S", bound=_Step)


class Turns(Generic[S]):
    """The steps of one list; ``usual`` is what happens when they are used up."""

    def __init__(self, steps: Sequence[S], usual: S) -> None:
        self._steps = tuple(steps)
        self._usual = usual
        self._at = 0
        self._taken = 0

    def next(self) -> S:
        if self._at == len(self._steps):
            return self._usual
        step = self._steps[self._at]
        last = self._at == len(self._steps) - 1
        if step.times is None and last:
            return step
        self._taken += 1
        if self._taken >= (step.times or 1):
            self._at, self._taken = self._at + 1, 0
        return step
