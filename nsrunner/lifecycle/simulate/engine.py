"""The simulation itself: a pod's machine, a world that answers as the scenario says, and time that jumps."""

from __future__ import annotations

from functools import partial
from typing import Final, Literal, cast

from nsrunner.lifecycle.events import ConditionSet, DeleteRequested, Event, Now, PodAdded, SpecChanged, Tick
from nsrunner.lifecycle.observer import Observer
from nsrunner.lifecycle.pod import PodMachine, Settings
from nsrunner.lifecycle.simulate.agenda import Agenda
from nsrunner.lifecycle.simulate.scenario import Action, Scenario
from nsrunner.lifecycle.simulate.scenario_file import end_of
from nsrunner.lifecycle.simulate.world import START, World
from nsrunner.lifecycle.text import go_duration
from nsrunner.model.change import with_ephemeral
from nsrunner.model.types import Pod

__all__ = ["Endless", "simulate"]

_MOST: Final = 10_000
"""Events at one instant; more means that there is no end of them."""


class Endless(Exception):
    """The scenario makes things happen again and again without any time passing."""

    def __init__(self, time: float, event: Event) -> None:
        super().__init__(time, event)
        self.time = time
        self.event = event

    def __str__(self) -> str:
        what = type(self.event).__name__
        return (
            f"at {go_duration(self.time)} things happen again and again ({what}) and no time passes: "
            "let the runs of the scenario take some"
        )


def simulate(pod: Pod, scenario: Scenario, observer: Observer, settings: Settings | None = None) -> tuple[float, str]:
    """Everything that happens to the pod is told to ``observer``. Returns the time of the end, and why it is the end.

    The pod needs its uid, name and namespace. Raises Endless.
    """
    return _Simulation(pod, scenario, observer, settings).run()


class _Simulation:
    def __init__(self, pod: Pod, scenario: Scenario, observer: Observer, settings: Settings | None) -> None:
        self._machine = PodMachine(pod, settings)
        self._agenda = Agenda()
        self._world = World(pod, scenario, self._agenda)
        self._observer = observer
        self._limit, self._until_finished = end_of(scenario)
        self._at_once = 0
        self._time = 0.0
        for action in scenario.actions:
            self._agenda.add(action.at, partial(self._act, action))

    def run(self) -> tuple[float, str]:
        self._tell(PodAdded())
        while True:
            if self._machine.removed:
                return self._time, "the pod is removed"
            if self._until_finished and self._machine.finished:
                return self._time, f"the pod has finished: {self._machine.phase}"
            deadline, next_time = self._machine.next_deadline(), self._agenda.next_time()
            times = [time for time in (deadline, next_time) if time is not None]
            if not times:
                return self._time, f"nothing more happens to the pod: {self._machine.phase}"
            if min(times) > self._limit:
                return self._limit, f"{go_duration(self._limit)} have passed"
            self._advance(min(times))
            # At one instant what happened goes before the clock.
            if next_time is not None and next_time <= min(times):
                for event in self._agenda.pop():
                    self._tell(event)
            else:
                self._tell(Tick())

    def _advance(self, time: float) -> None:
        if time > self._time:
            self._time, self._at_once = time, 0

    def _tell(self, event: Event) -> None:
        self._at_once += 1
        if self._at_once > _MOST:
            raise Endless(self._time, event)
        now = Now(mono=self._time, wall=START + self._time)
        commands = self._machine.handle(event, now)
        self._observer.saw(self._machine, event, now, commands)
        for command in commands:
            self._world.begin(command, self._time)

    def _act(self, action: Action, at: float) -> list[Event]:
        if action.delete is not None:
            return [DeleteRequested(grace_seconds=action.delete.grace_period)]
        if action.sandbox_dies:
            return self._world.lose_sandbox(at)
        if action.set_condition is not None:
            given = action.set_condition
            status = cast("Literal['True', 'False', 'Unknown']", given.status)
            return [ConditionSet(type=given.type, status=status, reason=given.reason, message=given.message)]
        assert action.add_ephemeral_container is not None, "a checked action has one of four"
        if self._machine.finished or self._machine.deleted:
            return []
        self._world.pod = with_ephemeral(self._world.pod, action.add_ephemeral_container)
        return [SpecChanged(pod=self._world.pod)]
