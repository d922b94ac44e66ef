"""The pod's machine in a world that answers late, in any order, with failures, or (after a sandbox died) not at all.

A hundred pods' lives at each run of the tests, ten thousand with ``make nightly``.

The invariants that hold after every step:

- no container has two instances alive in the world, and starts are asked for one at a time;
- nothing is started outside a living sandbox, and no sandbox is made while there is another;
- a command's id is new, each is answered at most once, and an answer to it is taken;
- restart counts never decrease; phases never change once terminal; a terminal phase means that nothing lives;
- after the sandbox was asked to stop on the pod's way out nothing is started any more;
- a restart comes neither before nor after the instant that a model of the kubelet's back-off allows (9);
- at most two records a container are kept, all others were asked to be removed, each once;
- a Tick at the next deadline moves the deadline on: no loop stands still;
- a machine restored from its saved value is identical and goes on;
- every event that was offered is legal: IllegalEvent is never raised;
- no start begins before its predecessors in the spec have passed, unless regular containers run (7), nor while the
  postStart hook of one of them runs (8, 15);
- hooks and probes are run of live instances only, one hook a container and one attempt a probe at a time, a probe never
  during the postStart hook (15); when their container is dead they have been answered or cancelled;
- a container is Waiting, neither started nor ready, while its postStart hook runs; ready means started, and started
  means running (14.4, 14.5);
- a preStop hook runs at most once for an instance, TERM comes at most once, KILL at least two seconds after it (10.2),
  unless the pod was deleted with a grace period of 0;
- a sidecar gets TERM after all regular containers and later sidecars have ended, or when the grace period is over, or
  when it was being stopped for itself before (10.2);
- an ephemeral container runs once (24);
- what is remembered of a container belongs to its state, nothing is left over from earlier ones;
- at the end: when the pod is deleted and the world keeps answering (KILL kills), the machine reaches ``removed``, and
  also when its hooks and probes hang for ever.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from nsrunner.lifecycle import PodMachine
from nsrunner.lifecycle.commands import CreateSandbox, RunHook, RunProbe, StartContainer
from nsrunner.lifecycle.events import (
    ConditionSet,
    DeleteRequested,
    PodAdded,
    PodRejected,
    SandboxDied,
    SandboxFailed,
    SpecChanged,
    Tick,
)
from nsrunner.model.types import Container, EphemeralContainer
from unit.lifecycle.play import make_pod
from unit.lifecycle.strategies import init_containers, named, regular_containers
from unit.lifecycle.watched import Watched
from unit.lifecycle.world import Exits


class Interleavings(Watched):
    @initialize(
        policy=st.sampled_from(["Always", "OnFailure", "Never"]),
        init=init_containers,
        regular=regular_containers,
        grace=st.sampled_from([0, 1, 30]),
        deadline=st.sampled_from([None, None, 100]),
        static=st.booleans(),
        uptime=st.sampled_from([0.0, 424.1, 8640000.7]),  # far from zero, sums are rounded
        hang=st.booleans(),
    )
    def begin(
        self,
        policy: str,
        init: list[Container],
        regular: list[Container],
        grace: int,
        deadline: int | None,
        static: bool,
        uptime: float,
        hang: bool,
    ) -> None:
        self.hang = hang
        self.start(
            make_pod(
                *named("c", regular),
                init=named("i", init),
                policy=policy,
                grace=grace,
                deadline=deadline,
                annotations={"kubernetes.io/config.source": "file"} if static else {},
            ),
            uptime,
        )

    @precondition(lambda self: self.machine.value.state.name == "NEW")
    @rule(reject=st.sampled_from([False, False, False, True]))
    def accept(self, reject: bool) -> None:
        self.tell(PodRejected(reason="OutOfpods", message="no room") if reject else PodAdded())

    @rule(grace=st.sampled_from([None, 0, 5, 40]))
    def delete(self, grace: int | None) -> None:
        self.at_once |= grace == 0
        self.tell(DeleteRequested(grace_seconds=grace))

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 9.0, 250.0, 700.0]))
    def wait(self, seconds: float) -> None:
        """Time passes, and Ticks come when they are due."""
        self.pass_time(self.time + seconds)

    def pass_time(self, end: float) -> None:
        for _ in range(3000):
            deadline = self.machine.next_deadline()
            if deadline is None or deadline > end:
                self.time = max(self.time, end)
                return
            self.time = max(self.time, deadline)
            self.tell(Tick())
            after = self.machine.next_deadline()
            assert after is None or after > self.time, "a deadline that a Tick does not move"
        raise AssertionError("deadlines without end")

    @rule(seconds=st.sampled_from([0.0, 4.0, 100.0]))
    def late_tick(self, seconds: float) -> None:
        """The clock went on and nobody looked; then a Tick, spurious or overdue."""
        self.time += seconds
        self.tell(Tick())
        after = self.machine.next_deadline()
        assert after is None or after > self.time

    @precondition(lambda self: self.world.todo)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.world.todo)), label="id")
        good = data.draw(st.sampled_from([True, True, True, False]), label="good")
        self.carry_out(number, good, data.draw(st.sampled_from(["none", "before", "after"]), label="exit"))

    def carry_out(self, number: int, good: bool, exits: Exits = "none") -> None:
        starts = isinstance(self.world.todo[number], StartContainer)
        event = self.world.carry_out(number, good, self.time, exits)
        if exits == "before" and starts:
            self.report_exit()
        self.tell(event)
        if exits == "after" and starts:
            self.report_exit()

    def report_exit(self) -> None:
        if self.world.exits:
            self.tell(self.world.exits.pop())

    @precondition(lambda self: self.world.alive)
    @rule(data=st.data(), code=st.sampled_from([0, 0, 1, 42, 88, 137]), at_once=st.booleans())
    def exit(self, data: st.DataObject, code: int, at_once: bool) -> None:
        run = data.draw(st.sampled_from(self.world.alive), label="run")
        self.world.end(run, code, self.time)
        if at_once:
            self.report_exit()

    @rule(well=st.sampled_from([True, True, False]))
    def all_is_done(self, well: bool) -> None:
        """The world does at once all that it was asked, and what follows from it; or else hooks and probes fail."""
        for _ in range(200):
            if not self.world.todo:
                return
            number = min(self.world.todo)
            self.carry_out(number, well or not isinstance(self.world.todo[number], RunHook | RunProbe))
        assert not well, "commands without end"

    @precondition(lambda self: self.world.alive)
    @rule(data=st.data(), times=st.integers(2, 8), seconds=st.sampled_from([0.0, 1.0, 200.0, 350.0]))
    def crash_loop(self, data: st.DataObject, times: int, seconds: float) -> None:
        """One container starts and dies, again and again."""
        name = data.draw(st.sampled_from(self.world.alive), label="run").container
        for _ in range(times):
            self.pass_time(self.time + seconds)
            for run in [run for run in self.world.alive if run.container == name]:
                self.world.end(run, 1, self.time)
                self.report_exit()
            self.all_is_done(True)
            start = self.machine.next_start(name)
            if start is not None:
                self.pass_time(max(start, self.time))
                self.all_is_done(True)

    @precondition(lambda self: self.world.exits)
    @rule(again=st.sampled_from([False, False, True]))
    def exit_is_reported(self, again: bool) -> None:
        """An exit is reported, or (a record that was not acknowledged yet) reported twice."""
        event = self.world.exits.pop(0)
        self.tell(event)
        if again:
            self.tell(event)

    @precondition(lambda self: self.world.sandbox is not None)
    @rule(seen=st.booleans(), answered=st.booleans())
    def sandbox_dies(self, seen: bool, answered: bool) -> None:
        self.tell(SandboxDied(attempt=self.world.lose_sandbox(self.time, seen=seen, answered=answered)))

    @precondition(lambda self: any(isinstance(command, CreateSandbox) for command in self.world.todo.values()))
    @rule(answered=st.booleans())
    def sandbox_dies_in_the_making(self, answered: bool) -> None:
        for number, command in list(self.world.todo.items()):
            if isinstance(command, CreateSandbox):
                del self.world.todo[number]
                self.tell(SandboxDied(attempt=command.attempt))
                if answered:
                    self.tell(
                        SandboxFailed(
                            id=number, attempt=command.attempt, reason="FailedCreatePodSandBox", message="gone"
                        )
                    )

    @rule()
    def old_news(self) -> None:
        """A death that was known already."""
        if self.machine.value.sandbox > 0:
            self.tell(SandboxDied(attempt=self.machine.value.sandbox - 1))

    @rule()
    def add_ephemeral(self) -> None:
        spec = self.machine.pod.spec
        if len(spec.ephemeral_containers) < 2:
            new = EphemeralContainer(name=f"e{len(spec.ephemeral_containers)}", image="a")
            self.change(ephemeral_containers=(*spec.ephemeral_containers, new))

    @rule(data=st.data(), image=st.sampled_from(["a", "b"]))
    def change_image(self, data: st.DataObject, image: str) -> None:
        spec = self.machine.pod.spec
        name = data.draw(
            st.sampled_from([each.name for each in (*spec.init_containers, *spec.containers)]), label="name"
        )

        def changed(containers: tuple[Container, ...]) -> tuple[Container, ...]:
            return tuple(
                msgspec.structs.replace(each, image=image) if each.name == name else each for each in containers
            )

        self.change(init_containers=changed(spec.init_containers), containers=changed(spec.containers))

    def change(self, **spec: Any) -> None:
        pod = self.machine.pod
        self.tell(SpecChanged(pod=msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, **spec))))

    @rule(status=st.sampled_from(["True", "False"]), kind=st.sampled_from(["example.com/gate", "Ready"]))
    def condition_is_set(self, status: Any, kind: str) -> None:
        self.tell(ConditionSet(type=kind, status=status))

    @rule()
    def crash_and_restore(self) -> None:
        saved: dict[str, Any] = json.loads(json.dumps(self.machine.save()))
        restored = PodMachine.restore(self.machine.pod, saved)
        assert restored.value == self.machine.value
        assert restored.unanswered == self.machine.unanswered
        assert restored.status() == self.machine.status()
        assert restored.next_deadline() == self.machine.next_deadline()
        self.machine = restored

    def teardown(self) -> None:
        """The pod is deleted and the world does what it is asked: the machine comes to its end."""
        if not hasattr(self, "machine"):
            return
        if self.machine.value.state.name == "NEW":
            self.tell(PodAdded())
        self.tell(DeleteRequested(grace_seconds=5))
        for _ in range(400):
            if self.machine.removed:
                break
            todo = [
                number
                for number, command in self.world.todo.items()
                if not (self.hang and isinstance(command, RunHook | RunProbe))
            ]
            if self.world.exits:
                self.report_exit()
            elif todo:
                self.carry_out(min(todo), True)
            else:
                deadline = self.machine.next_deadline()
                assert deadline is not None, f"stuck in {self.machine.value.state}"
                self.pass_time(deadline)
            self.counts_and_phases()
        assert self.machine.removed
        assert self.world.gone
        assert self.machine.unanswered == [] or not self.world.todo


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
