"""One container's machine: the table, and each transition's commands, events and status (kubelet-semantics 6-10)."""

from __future__ import annotations

import pytest

from nsrunner.lifecycle import container
from nsrunner.lifecycle.container import INPUTS, TABLE, step
from nsrunner.lifecycle.orders import Due, Want
from nsrunner.lifecycle.outbox import Outbox
from nsrunner.lifecycle.policy import plan_of
from nsrunner.lifecycle.step import Step
from nsrunner.lifecycle.table import BUG, IGNORE, IllegalEvent, Row, missing
from nsrunner.lifecycle.value import ContainerState, ContainerValue
from unit.lifecycle.play import Play, instant, make_pod


def test_the_table_is_total() -> None:
    assert missing(TABLE, ContainerState, INPUTS) == []
    assert len(TABLE) == len(ContainerState) * len(INPUTS)
    assert all(isinstance(entry, Row) or entry in (BUG, IGNORE) for entry in TABLE.values())


def test_every_state_is_reached_and_left() -> None:
    rows = [(state, to) for (state, _), entry in TABLE.items() if isinstance(entry, Row) for to in entry.to]
    reached = {to for state, to in rows if to is not state}
    left = {state for state, to in rows if to is not state}
    assert reached == left == set(ContainerState)


@pytest.mark.parametrize("pair", [pair for pair, entry in TABLE.items() if entry is BUG], ids=str)
def test_what_cannot_happen_raises_and_says_what(pair: tuple[ContainerState, type]) -> None:
    state, kind = pair
    out = Outbox(1, {})
    at = Step(plan_of(make_pod("c")).containers["c"], instant(0), out)
    with pytest.raises(IllegalEvent) as caught:
        step(ContainerValue(state=state), some(kind), at)
    assert f'container "c" is {state.name}' in str(caught.value)
    assert (out.commands, out.inflight, out.next_id) == ([], {}, 1)


def some(kind: type) -> object:
    """An input of this kind; what is in it does not matter."""
    return kind(**dict.fromkeys(kind.__struct_fields__))  # type: ignore[attr-defined]  # a Struct has them


@pytest.mark.parametrize("pair", [pair for pair, entry in TABLE.items() if entry is IGNORE], ids=str)
def test_what_is_ignored_changes_nothing(pair: tuple[ContainerState, type]) -> None:
    state, kind = pair
    value = ContainerValue(state=state)
    out = Outbox(1, {})
    at = Step(plan_of(make_pod("c")).containers["c"], instant(0), out)
    assert step(value, some(kind), at) is value
    assert out.commands == []


def test_a_step_ends_where_its_row_says(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {**TABLE, (ContainerState.IDLE, Want): Row(lambda value, event, at: value, (ContainerState.QUEUED,))}
    monkeypatch.setattr(container, "TABLE", table)
    with pytest.raises(AssertionError):
        step(ContainerValue(), Want(), Step(plan_of(make_pod("c")).containers["c"], instant(0), Outbox(1, {})))


def test_a_tick_for_nobody() -> None:
    with pytest.raises(IllegalEvent):
        step(ContainerValue(), Due(), Step(plan_of(make_pod("c")).containers["c"], instant(0), Outbox(1, {})))


# Sections 9 and 30.2: crash loop.


def test_9_30_2_delays_of_a_crash_loop() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    waits = []
    for run in range(9):
        play.time += 1
        lines = play.exit("c", 1)
        assert play.status_of("c").restart_count == run
        if run == 0:
            assert lines == ["image c"]
            assert play.state_of("c") == "terminated 1 Error"
            waits.append(0.0)
        else:
            assert lines == []
            assert (play.state_of("c"), play.last_state_of("c")) == ("waiting CrashLoopBackOff", "1 Error")
            finished = play.time
            assert play.until_deadline() == ["image c"]
            assert play.state_of("c") == "waiting CrashLoopBackOff"
            waits.append(play.time - finished)
        assert (play.phase, play.says("Ready").partition(" ")[0]) == ("Running", "False")
        assert play.image("c") == [f"start c/{run + 1}"]
        assert [text for text in play.runs("c") if not text.startswith("remove")] == []
        assert (play.state_of("c"), play.last_state_of("c")) == ("running", "1 Error")
        assert play.says("Ready") == "True"
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300, 300]
    assert play.events.count("BackOff: Back-off restarting failed container c in pod web_shop(u1)") == 8


def test_9_the_message_tells_the_delay_in_gos_form() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    messages = []
    for _ in range(7):
        play.exit("c", 1)
        state = play.status_of("c").state
        assert state is not None
        if state.waiting is not None:
            messages.append(state.waiting.message)
            play.until_deadline()
        play.run("c")
    assert messages == [
        f"back-off {delay} restarting failed container=c pod=web_shop(u1)"
        for delay in ("10s", "20s", "40s", "1m20s", "2m40s", "5m0s")
    ]


def test_9_33_2_exit_code_0_backs_off_as_well() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    play.exit("c", 0)
    assert play.state_of("c") == "terminated 0 Completed"
    play.run("c")
    assert play.exit("c", 0) == []
    assert (play.state_of("c"), play.last_state_of("c")) == ("waiting CrashLoopBackOff", "0 Completed")


def test_9_33_1_a_run_of_more_than_ten_minutes_resets() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    play.exit("c", 1)
    play.run("c")
    play.exit("c", 1)
    play.until_deadline()
    play.run("c")
    play.time += 600.5
    assert play.exit("c", 1) == ["image c"]
    play.run("c")
    assert play.exit("c", 1) == []
    assert play.machine.next_deadline() == play.time + 10


def test_9_the_reset_can_come_in_the_middle_of_a_wait() -> None:
    """Delay 300 s after a run of 350 s: restarted 250 s after the death, and the next delay is 10 s again."""
    play = Play(make_pod("c")).begin()
    play.run("c")
    for _ in range(6):
        if play.exit("c", 1) == []:
            play.until_deadline()
        play.run("c")
    play.time += 350
    assert play.exit("c", 1) == []
    died = play.time
    assert play.until_deadline() == ["image c"]
    assert play.time == died + 250
    play.run("c")
    play.exit("c", 1)
    assert play.machine.next_deadline() == play.time + 10


def test_9_a_failed_create_after_a_crash_counts_as_a_restart_that_was_allowed() -> None:
    """The kubelet asks the back-off at every start, also when the one before got no further than the image."""
    play = Play(make_pod("c")).begin()
    play.run("c")
    play.exit("c", 1)
    play.image("c")
    play.start_failed("c", "CreateContainerError", "busy")
    assert play.until_deadline() == ["image c"]
    play.image("c")
    play.start_failed("c", "CreateContainerError", "busy")
    assert play.until_deadline() == ["image c"]
    play.run("c")
    play.exit("c", 1)
    assert play.machine.next_deadline() == play.time + 40


def test_9_a_create_retry_can_run_into_the_back_off() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    for _ in range(3):
        if play.exit("c", 1) == []:
            play.until_deadline()
        play.run("c")
    play.exit("c", 1)
    play.until_deadline()
    play.image("c")
    play.start_failed("c", "CreateContainerError", "busy")
    assert play.state_of("c") == "waiting CreateContainerError"
    died = play.time - 40
    assert play.until_deadline() == []
    assert play.state_of("c") == "waiting CrashLoopBackOff"
    assert play.machine.next_deadline() == died + 80


def test_27_the_newest_two_instances_keep_their_records() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    play.exit("c", 1)
    assert play.run("c") == []
    play.exit("c", 2)
    play.until_deadline()
    assert play.run("c") == ["remove c/0"]
    assert (play.state_of("c"), play.last_state_of("c")) == ("running", "2 Error")
    assert play.forgotten("c") == []
    play.exit("c", 3)
    assert (play.state_of("c"), play.last_state_of("c")) == ("waiting CrashLoopBackOff", "3 Error")
    play.until_deadline()
    assert play.run("c") == ["remove c/1"]
