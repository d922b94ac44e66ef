"""How a container is stopped (kubelet-semantics 10): one step at a time."""

from __future__ import annotations

import pytest

from nsrunner.lifecycle.commands import Command, RecordEvent, RunHook, SignalContainer
from nsrunner.lifecycle.container import step
from nsrunner.lifecycle.events import HookDone, SignalSent
from nsrunner.lifecycle.orders import Due, Redefine, Reset, Stop
from nsrunner.lifecycle.outbox import Outbox
from nsrunner.lifecycle.policy import plan_of
from nsrunner.lifecycle.step import RETRY_DELAY, Step
from nsrunner.lifecycle.value import ContainerState as S
from nsrunner.lifecycle.value import ContainerValue, Instance, Then
from nsrunner.model.types import Container, ExecAction, Lifecycle, LifecycleHandler
from unit.lifecycle.play import Play, instant, line, make_pod

HOOKED = Container(
    name="c", image="busybox", lifecycle=Lifecycle(pre_stop=LifecycleHandler(exec=ExecAction(command=("true",))))
)
SIDECAR = Container(name="c", image="busybox", restart_policy="Always")


def surroundings(now: float, container: Container | str = "c", *, init: bool = False) -> Step:
    pod = make_pod("other", init=[container]) if init else make_pod(container)
    return Step(plan_of(pod).containers["c"], instant(now), Outbox(1, {}))


def of(state: S, *, due: float | None = None, since: float | None = None, then: Then = Then.END) -> ContainerValue:
    alive = Instance(attempt=0, container_id="ab", started=instant(0))
    return ContainerValue(state=state, current=alive, next_attempt=1, due=due, since=since, then=then)


def lines(commands: list[Command]) -> list[str]:
    return [line(command) for command in commands]


def test_10_2_the_message_comes_first_then_the_hook() -> None:
    at = surroundings(5, HOOKED)
    value = step(of(S.RUNNING), Stop(until=35), at)
    assert (value.state, value.due, value.since, value.then) == (S.PRE_STOP, 35, 5, Then.END)
    assert lines(at.out.commands) == ["Killing: Stopping container c", "PreStop c/0"]


def test_10_2_a_grace_period_that_is_over_leaves_no_time_for_a_hook_but_two_seconds_for_term() -> None:
    at = surroundings(5, HOOKED)
    value = step(of(S.RUNNING), Stop(until=5), at)
    assert (value.state, value.due) == (S.STOPPING, 7)
    assert lines(at.out.commands) == ["Killing: Stopping container c", "TERM c/0"]


def test_10_no_grace_period_at_all_is_a_kill() -> None:
    at = surroundings(5, HOOKED)
    value = step(of(S.RUNNING), Stop(until=None), at)
    assert (value.state, value.due) == (S.KILLING, None)
    assert lines(at.out.commands) == ["Killing: Stopping container c", "KILL c/0"]


def test_10_2_a_hook_that_is_not_done_in_time_is_left_to_itself() -> None:
    at = surroundings(35, HOOKED)
    at.out.run_hook("c", 0, "PreStop")
    value = step(of(S.PRE_STOP, due=35, since=5), Due(), at)
    assert (value.state, value.due) == (S.STOPPING, 37)
    assert any(isinstance(command, RunHook) for command in at.out.inflight.values())


@pytest.mark.parametrize(("took", "due"), [(0.999, 35.999), (1.0, 35.0), (3 * 0.1 + 0.7, 35.0), (29.5, 36.5)])
def test_10_2_of_a_hooks_time_whole_seconds_count(took: float, due: float) -> None:
    """With 29.5 s taken, one second would be left; two are the least."""
    at = surroundings(5 + took, HOOKED)
    value = step(of(S.PRE_STOP, due=35, since=5), HookDone(id=1, container="c", attempt=0, hook="PreStop"), at)
    assert value.state is S.STOPPING
    assert value.due == pytest.approx(due)


def test_10_4_a_sidecar_waits_for_those_that_need_it_only_when_the_pod_ends() -> None:
    at = surroundings(5, SIDECAR, init=True)
    assert step(of(S.RUNNING), Stop(until=35), at).state is S.LAST
    assert lines(at.out.commands) == ["Killing: Stopping container c"]
    again = surroundings(5, SIDECAR, init=True)
    value = step(of(S.RUNNING), Redefine(), again)
    assert (value.state, value.then) == (S.STOPPING, Then.RESTART)
    assert lines(again.out.commands) == ["Killing: Init container c definition changed", "TERM c/0"]


def test_a_term_that_could_not_be_sent_is_told_and_the_kill_follows_as_ever() -> None:
    at = surroundings(5)
    value = of(S.STOPPING, due=35)
    assert step(value, SignalSent(id=1, container="c", attempt=0, error="no such process"), at) == value
    (record,) = at.out.commands
    assert isinstance(record, RecordEvent)
    assert (record.type, record.reason, record.message, record.field_path) == (
        "Warning",
        "FailedKillPod",
        "error killing pod: no such process",
        "",
    )


def test_a_kill_that_could_not_be_sent_is_sent_again() -> None:
    at = surroundings(5)
    value = step(of(S.KILLING), SignalSent(id=1, container="c", attempt=0, error="busy"), at)
    assert (value.state, value.due) == (S.KILLING, 5 + RETRY_DELAY)
    later = surroundings(15)
    again = step(value, Due(), later)
    assert (again.state, again.due) == (S.KILLING, None)
    assert [command.signal for command in later.out.commands if isinstance(command, SignalContainer)] == ["KILL"]
    done = step(of(S.KILLING), SignalSent(id=2, container="c", attempt=0, error=""), later)
    assert done.due is None


@pytest.mark.parametrize(
    ("state", "until", "due"),
    [
        (S.PRE_STOP, 10, 10),
        (S.PRE_STOP, 60, 35),
        (S.STOPPING, 10, 10),
        (S.STOPPING, 5, 7),  # two seconds are the least once TERM was sent
        (S.STOPPING, 60, 35),
    ],
)
def test_4_a_second_stop_shortens_and_never_lengthens(state: S, until: float, due: float) -> None:
    at = surroundings(5, HOOKED)
    value = step(of(state, due=35, since=4, then=Then.RESTART), Stop(until=until), at)
    assert (value.state, value.due, value.then) == (state, due, Then.END)
    assert at.out.commands == []


def test_a_restart_of_all_containers_gives_no_grace_period() -> None:
    at = surroundings(5, HOOKED)
    value = step(of(S.RUNNING), Reset(culprit=False), at)
    assert (value.state, value.due, value.then) == (S.STOPPING, 7, Then.RESET)
    assert lines(at.out.commands) == ["Killing: Stopping container c", "TERM c/0"]
    for state, after in ((S.PRE_STOP, ["TERM c/0"]), (S.STOPPING, [])):
        at = surroundings(5, HOOKED)
        value = step(of(state, due=35, since=4), Reset(culprit=False), at)
        assert (value.state, value.due, value.then) == (S.STOPPING, 7, Then.RESET)
        assert lines(at.out.commands) == after


@pytest.mark.parametrize(("written", "sent"), [(None, "TERM"), ("SIGUSR1", "USR1"), ("SIGRTMIN+3", "RTMIN+3")])
def test_10_2_the_stop_signal_that_the_spec_names(written: str | None, sent: str) -> None:
    play = Play(make_pod(Container(name="c", image="busybox", lifecycle=Lifecycle(stop_signal=written)))).begin()
    play.run("c")
    assert play.delete() == [f"{sent} c/0"]
    assert play.until_deadline() == ["KILL c/0"]


def test_a_kill_that_was_to_be_followed_by_a_restart_ends_it_when_the_pod_goes() -> None:
    play = Play(make_pod("c", grace=0)).begin()
    play.run("c")
    play.spec(containers=(Container(name="c", image="other"),))
    assert play.until_deadline() == ["KILL c/0"]
    value = play.machine.value.containers["c"]
    assert (value.state, value.then, value.since) == (S.KILLING, Then.RESTART, None)
    play.delete()
    assert play.machine.value.containers["c"].then is Then.END
    assert play.exit("c", 137) == ["stop sandbox 0"]


def test_no_grace_period_at_all_leaves_no_trace_of_the_hook() -> None:
    hooked = Container(name="c", image="a", lifecycle=Lifecycle(pre_stop=LifecycleHandler(exec=ExecAction())))
    play = Play(make_pod(hooked)).begin()
    play.run("c")
    play.delete()
    assert play.machine.value.containers["c"].since is not None
    play.delete(0)
    value = play.machine.value.containers["c"]
    assert (value.state, value.since, value.due) == (S.KILLING, None, None)
