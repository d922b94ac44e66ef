"""The short way is the long way: the same commands, the same value, whatever the probes say and when they are asked."""

from __future__ import annotations

from copy import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nsrunner.lifecycle.commands import Command, RunProbe
from nsrunner.lifecycle.events import DeleteRequested, Event, Now, PodAdded, ProbeDone, Tick
from nsrunner.lifecycle.pod import PodMachine
from nsrunner.model.types import Container, ExecAction, Pod, Probe
from unit.lifecycle.play import instant, make_pod
from unit.lifecycle.world import World


class LongWay(PodMachine):
    def _quietly(self, event: Event, now: Now) -> None:
        return None


class Both:
    """A machine and its twin that always goes the long way. ``shortened``: events that the first one did not."""

    def __init__(self, pod: Pod) -> None:
        self.machine, self.twin = PodMachine(pod), LongWay(pod)
        self.time = 1000.0
        self.world = World()
        self.shortened = 0
        self.tell(PodAdded())
        self.go_on()

    def go_on(self) -> None:
        """All but the probes is done at once."""
        while True:
            todo = [number for number, command in self.world.todo.items() if not isinstance(command, RunProbe)]
            if self.world.exits:
                self.tell(self.world.exits.pop())
            elif todo:
                self.tell(self.world.carry_out(todo[0], True, self.time))
            else:
                return

    def tell(self, event: Event) -> list[Command]:
        probe = copy(self.machine)
        probe._inflight = dict(probe._inflight)
        self.shortened += probe._quietly(event, instant(self.time)) is not None
        commands = self.machine.handle(event, instant(self.time))
        assert commands == self.twin.handle(event, instant(self.time))
        assert self.machine.save() == self.twin.save()
        assert self.machine.revision == self.twin.revision
        assert self.machine.next_deadline() == self.twin.next_deadline()
        for command in commands:
            if hasattr(command, "id"):
                self.world.todo[command.id] = command
            elif hasattr(command, "probe_id"):
                self.world.todo.pop(command.probe_id, None)
        return commands

    def tick(self) -> list[RunProbe]:
        deadline = self.machine.next_deadline()
        assert deadline is not None
        self.time = max(self.time, deadline)
        return [command for command in self.tell(Tick()) if isinstance(command, RunProbe)]

    def answer(self, command: RunProbe, result: str = "Success", message: str = "") -> None:
        self.world.todo.pop(command.id)
        self.tell(
            ProbeDone(
                id=command.id,
                container=command.container,
                attempt=command.attempt,
                probe=command.probe,
                result=result,  # type: ignore[arg-type] # one of three words
                message=message,
            )
        )


EXEC = ExecAction(command=("true",))


def probed(name: str, **probes: Probe) -> Container:
    return Container(name=name, image="host", **probes)  # type: ignore[arg-type] # fields of a container


def test_what_goes_on_goes_the_short_way() -> None:
    probe = Probe(exec=EXEC, period_seconds=1)
    both = Both(make_pod(probed("a", liveness_probe=probe, readiness_probe=probe), probed("b", liveness_probe=probe)))
    for turn in range(60):
        if turn == 20:
            both.shortened = 0
        for command in both.tick():
            both.time += 0.001
            both.answer(command)
    assert both.shortened == 80


@pytest.mark.parametrize(
    ("result", "message"), [("Failure", "no"), ("Unknown", "no"), ("Unknown", ""), ("Success", "odd")]
)
def test_what_has_something_to_say_goes_the_long_way(result: str, message: str) -> None:
    both = Both(make_pod(probed("a", liveness_probe=Probe(exec=EXEC, period_seconds=1, failure_threshold=3))))
    for _ in range(3):
        (command,) = both.tick()
        both.answer(command)
    (command,) = both.tick()
    both.shortened = 0
    both.answer(command, result, message)
    assert not both.shortened


def going_on(pod: Pod) -> Both:
    """A pod whose probes have all succeeded some times; none is under way."""
    both = Both(pod)
    for _ in range(12):
        for command in both.tick():
            both.answer(command)
    return both


EACH_SECOND = Probe(exec=EXEC, period_seconds=1)


def test_a_tick_for_more_than_probes_goes_the_long_way() -> None:
    both = going_on(make_pod(probed("a", liveness_probe=EACH_SECOND), probed("b", liveness_probe=EACH_SECOND)))
    while (until := both.machine.next_start("b")) is None:  # until it waits to be started again
        both.world.end(next(run for run in both.world.alive if run.container == "b"), 1, both.time)
        both.go_on()
    while (due := both.machine.next_deadline()) is not None and due < until:
        for command in both.tick():
            both.answer(command)
    both.time = until + 0.999
    both.tell(Tick())
    assert both.machine.next_start("b") is None


def test_a_tick_at_the_pods_deadline_goes_the_long_way() -> None:
    both = going_on(make_pod(probed("a", liveness_probe=EACH_SECOND), deadline=40))
    while both.time < 1039:
        for command in both.tick():
            both.answer(command)
    both.time = 1040.99  # for which a probe is due, too
    both.tell(Tick())
    assert both.machine.value.state.name == "TERMINATING"


def test_an_answer_that_comes_when_other_attempts_are_due() -> None:
    both = going_on(make_pod(probed("a", liveness_probe=EACH_SECOND, readiness_probe=EACH_SECOND)))
    (command,) = both.tick()
    (other,) = {"Liveness", "Readiness"} - {command.probe}
    due = both.machine.value.containers["a"].probes[other].due
    assert due is not None
    both.time = due
    both.answer(command)
    assert both.machine.value.containers["a"].probes[other].begun == due


probes = st.none() | st.builds(
    Probe,
    exec=st.just(EXEC),
    initial_delay_seconds=st.sampled_from([0, 2]),
    period_seconds=st.sampled_from([1, 2]),
    success_threshold=st.sampled_from([1, 2]),
    failure_threshold=st.sampled_from([1, 3]),
)
once = probes.map(lambda probe: probe and Probe(exec=EXEC, period_seconds=probe.period_seconds))
containers = st.builds(
    probed, st.just("a"), startup_probe=once, readiness_probe=probes, liveness_probe=once
)  # fmt: skip
results = st.sampled_from(
    [("Success", "")] * 12 + [("Success", "odd"), ("Failure", "no"), ("Unknown", ""), ("Unknown", "no")]
)
steps = st.tuples(
    st.sampled_from(["tick"] * 4 + ["answer"] * 4 + ["late", "exit", "delete"]),
    st.sampled_from([0.0, 0.0, 0.001, 0.3, 1.0, 5.0]),
    st.integers(0, 5),
    results,
)


@given(containers, containers, st.sampled_from([None, None, None, 40]), st.lists(steps, min_size=20, max_size=60))
def test_both_ways_are_the_same(
    first: Container, second: Container, deadline: int | None, script: list[tuple[str, float, int, tuple[str, str]]]
) -> None:
    both = Both(make_pod(first, replace(second, name="b"), deadline=deadline))
    for step, seconds, which, (result, message) in script:
        waiting = [command for command in both.world.todo.values() if isinstance(command, RunProbe)]
        if step == "tick" and both.machine.next_deadline() is not None:
            both.tick()
        elif step == "late":
            both.time += seconds
            both.tell(Tick())
        elif step == "answer" and waiting:
            both.time += seconds
            both.answer(waiting[which % len(waiting)], result, message)
        elif step == "exit" and which == 0 and both.world.alive:
            both.world.end(both.world.alive[0], 1, both.time)
        elif step == "delete" and which == 0:
            both.tell(DeleteRequested(grace_seconds=3))
        both.go_on()
