"""A pod's machine on its way to the journal: before its commands are carried out, and again when it was not written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nsrunner.lifecycle.events import Event
from nsrunner.lifecycle.pod import PodMachine
from nsrunner.supervisor.ports import Journal

__all__ = ["Saving"]

_AGAIN = 1.0
"""Seconds between two attempts to write a machine down."""


class Saving:
    """``taken`` is called with each event that is in a machine that was saved: the shim may forget from then on that it
    has told of it."""

    def __init__(
        self,
        machine: PodMachine,
        journal: Journal | None,
        run_dir: str,
        *,
        object_saved: bool,
        taken: Callable[[Event], None],
    ) -> None:
        """``journal`` None: there is nothing to write, and everything is as good as saved. ``object_saved``: it has the
        object already."""
        self._machine = machine
        self._journal = journal
        self._run_dir = run_dir
        self._taken = taken
        self._unsaved: list[Event] = []
        """What the machine has taken in since it was saved last."""
        self._object_unsaved = not object_saved
        self._timer: asyncio.TimerHandle | None = None

    def object_changed(self) -> None:
        """The machine's pod is another one."""
        self._object_unsaved = self._journal is not None

    def save(self, event: Event) -> None:
        """Writes down what the machine has become by this event. What cannot be written now is tried again: until then
        the shim keeps the records that made it so, and a process that comes after this one hears of them once more."""
        self._unsaved.append(event)
        self._save()

    def end(self) -> None:
        """The pod is gone, or another process's affair."""
        if self._timer is not None:
            self._timer.cancel()
        if self._journal is not None:
            self._journal.forget(self._run_dir)

    def _save(self) -> None:
        if not self._written():
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(_AGAIN, self._save_again)
            return
        unsaved, self._unsaved = self._unsaved, []
        for event in unsaved:
            self._taken(event)

    def _written(self) -> bool:
        journal, machine = self._journal, self._machine
        if journal is None or machine.removed:
            return True
        # The object first: a machine may know fewer containers than its object has, and not more.
        if self._object_unsaved:
            self._object_unsaved = not journal.save_object(self._run_dir, machine.pod)
        return not self._object_unsaved and journal.save(self._run_dir, machine.save())

    def _save_again(self) -> None:
        self._timer = None
        self._save()
