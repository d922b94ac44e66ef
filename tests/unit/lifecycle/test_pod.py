"""What a supervisor sees of a PodMachine: properties, settings, deadlines, all-or-nothing."""

from __future__ import annotations

import pytest

from nsrunner.lifecycle import PodMachine, Settings, order
from nsrunner.lifecycle.commands import CreateSandbox
from nsrunner.lifecycle.events import PodAdded
from unit.lifecycle.play import Play, instant, make_pod


def test_commands_and_unanswered() -> None:
    machine = PodMachine(make_pod("c"))
    assert (machine.unanswered, machine.next_deadline()) == ([], None)
    assert machine.handle(PodAdded(), instant(0)) == [CreateSandbox(id=1, attempt=0)]
    assert machine.unanswered == [CreateSandbox(id=1, attempt=0)]
    assert (machine.phase, machine.finished, machine.removed, machine.deleted) == ("Pending", False, False, False)


def test_the_node_may_lower_the_longest_back_off() -> None:
    play = Play(make_pod("c"), Settings(max_restart_period=5)).begin()
    play.run("c")
    play.exit("c", 1)
    play.run("c")
    play.exit("c", 1)
    assert play.machine.next_deadline() == 5


def test_next_start_is_told_of_those_that_wait_for_it() -> None:
    play = Play(make_pod("a", "b", "c")).begin()
    play.image_failed("a")
    play.until_deadline()
    play.image_failed("a")
    assert play.machine.next_deadline() == 20, "when ErrImagePull turns into ImagePullBackOff"
    assert play.machine.next_start("a") == 30
    assert play.machine.next_start("b") == 30, "it has the same image"
    play = Play(make_pod("c")).begin()
    play.run("c")
    assert play.machine.next_start("c") is None


def test_the_next_deadline_is_the_earliest() -> None:
    play = Play(make_pod("a", "b", deadline=12)).begin()
    play.image("a")
    play.start_failed("a", "CreateContainerError")
    play.time = 3
    play.image("b")
    play.start_failed("b", "CreateContainerError")
    assert play.until_deadline() == ["image a"]
    assert play.time == 10
    assert play.machine.next_deadline() == 12


def test_a_mistake_of_our_own_changes_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(make_pod("c")).begin()
    before, unanswered = play.machine.value, play.machine.unanswered

    def broken(at: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(order, "give_turns", broken)
        with pytest.raises(ZeroDivisionError):
            play.image("c")
    assert (play.machine.value, play.machine.unanswered) == (before, unanswered)
    assert play.image("c") == ["start c/0"]
