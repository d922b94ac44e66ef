"""What the shim may forget, and when."""

from __future__ import annotations

import asyncio
from typing import cast

from nsrunner.lifecycle.events import Event, SandboxDied, Tick
from nsrunner.lifecycle.pod import PodMachine
from nsrunner.model.types import Pod
from nsrunner.supervisor.saving import Saving
from nsrunner.testing import clock
from unit.supervisor.world import MemoryJournal


class Machine:
    """As far as it is saved."""

    pod = Pod()
    removed = False

    def __init__(self) -> None:
        self.step = 0

    def save(self) -> dict[str, int]:
        return {"step": self.step}


class Ends:
    def __init__(self, *, object_saved: bool = True) -> None:
        self.machine = Machine()
        self.journal = MemoryJournal()
        self.taken: list[Event] = []
        self.saving = Saving(
            cast("PodMachine", self.machine), self.journal, "/run", object_saved=object_saved, taken=self.taken.append
        )

    def happens(self, event: Event) -> None:
        self.machine.step += 1
        self.saving.save(event)


def test_what_is_written_may_be_forgotten() -> None:
    async def script() -> None:
        ends = Ends()
        ends.happens(SandboxDied(attempt=0))
        assert ends.taken == [SandboxDied(attempt=0)]
        assert ends.journal.last("/run") == {"step": 1} and not ends.journal.objects

    clock.run(script())


def test_what_is_not_is_written_later_with_all_that_has_happened_since() -> None:
    async def script() -> None:
        ends = Ends()
        ends.journal.full = True
        ends.happens(SandboxDied(attempt=0))
        await asyncio.sleep(10)
        ends.happens(SandboxDied(attempt=1))
        assert not ends.taken
        ends.journal.full = False
        await asyncio.sleep(1.1)
        assert ends.taken == [SandboxDied(attempt=0), SandboxDied(attempt=1)]
        assert ends.journal.last("/run") == {"step": 2}

    clock.run(script())


def test_an_object_that_has_changed_comes_first() -> None:
    async def script() -> None:
        ends = Ends(object_saved=False)
        ends.happens(Tick())
        assert list(ends.journal.objects) == ["/run"]
        ends.journal.objects.clear()
        ends.happens(Tick())
        assert not ends.journal.objects
        ends.saving.object_changed()
        ends.happens(Tick())
        assert list(ends.journal.objects) == ["/run"]

    clock.run(script())


def test_nothing_is_written_of_what_is_gone_or_when_nobody_will_read_it() -> None:
    async def script() -> None:
        ends = Ends()
        ends.journal.full = True
        ends.happens(Tick())
        ends.saving.end()
        ends.journal.full = False
        await asyncio.sleep(10)
        assert not ends.journal.values and not ends.taken
        ends.machine.removed = True
        ends.happens(Tick())
        assert not ends.journal.values and ends.taken == [Tick(), Tick()]
        taken: list[Event] = []
        nobody = Saving(cast("PodMachine", Machine()), None, "/run", object_saved=True, taken=taken.append)
        nobody.object_changed()
        nobody.save(Tick())
        assert taken == [Tick()]

    clock.run(script())
