"""What comes next, and from when on it is worth being ready."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from nsrunner.lifecycle.upcoming import LEAD, Upcoming
from nsrunner.model.types import Container, ContainerRestartRule, ContainerRestartRuleOnExitCodes, EphemeralContainer
from unit.lifecycle.play import Play, make_pod


def coming(play: Play, name: str = "c") -> Upcoming | None:
    return play.machine.upcoming().get(name)


def crashed(times: int) -> Play:
    """A container of a pod that restarts it always, that has crashed so often."""
    play = Play(make_pod("c")).begin()
    for _ in range(times):
        play.run("c")
        play.exit("c", 1)
        while "c" not in {getattr(command, "container", "") for command in play.machine.unanswered}:
            play.until_deadline()
    return play


def test_the_first_restart_is_at_once_so_it_is_worth_being_ready_from_the_first_start_on() -> None:
    play = Play(make_pod("c")).begin()
    assert coming(play) == Upcoming(attempt=0, at=math.inf)
    play.image("c")
    follows = Upcoming(attempt=1, after=0, at=-math.inf)
    assert coming(play) == follows
    play.runs("c")
    assert coming(play) == follows
    play.exit("c", 1)
    assert coming(play) == Upcoming(attempt=1, at=math.inf)


def test_a_wait_ends_when_it_is_due() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    play.exit("c", 1)
    play.run("c")
    play.tick(3)
    play.exit("c", 1)
    assert play.machine.next_deadline() == 13
    assert coming(play) == Upcoming(attempt=2, at=13 - LEAD)
    play.until_deadline()
    assert coming(play) == Upcoming(attempt=2, at=math.inf)


def test_one_that_would_wait_is_followed_at_once_when_it_has_run_for_long() -> None:
    play = crashed(1)
    play.time = 7
    play.run("c")  # allowed at 0
    assert coming(play) == Upcoming(attempt=2, after=1, at=600)
    play.tick(600.5)
    play.exit("c", 1)
    assert play.run("c") == ["remove c/0"]


RULE = ContainerRestartRule(action="Restart", exit_codes=ContainerRestartRuleOnExitCodes(operator="In", values=(3,)))


@pytest.mark.parametrize(
    ("container", "policy", "known"),
    [
        (Container(name="c", image="i"), "Always", True),
        (Container(name="c", image="i"), "OnFailure", False),
        (Container(name="c", image="i"), "Never", False),
        (Container(name="c", image="i", restart_policy="Always"), "Never", True),
        (Container(name="c", image="i", restart_policy="Always", restart_policy_rules=(RULE,)), "Never", False),
    ],
)
def test_only_what_is_restarted_whatever_its_end(container: Container, policy: str, known: bool) -> None:
    play = Play(make_pod(container, policy=policy)).begin()
    play.run("c")
    assert (coming(play) is not None) == known


def test_init_containers_end_well_and_sidecars_do_not_end() -> None:
    sidecar = Container(name="s", image="i", restart_policy="Always")
    play = Play(make_pod("c", init=["i", sidecar], policy="Never")).begin()
    play.run("i")
    assert coming(play, "i") is None
    play.exit("i", 0)
    play.run("s")
    assert coming(play, "s") == Upcoming(attempt=1, after=0, at=-math.inf)


def test_a_debug_container_runs_once() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    play.spec(ephemeral_containers=(EphemeralContainer(name="d", image="i"),))
    play.run("d")
    assert coming(play, "d") is None


def stopping(play: Play) -> None:
    play.delete()


def without_a_sandbox(play: Play) -> None:
    play.sandbox_died()


@pytest.mark.parametrize("end", [stopping, without_a_sandbox])
@pytest.mark.parametrize("times", [0, 1, 2])
def test_nothing_comes_of_a_pod_that_ends_or_has_no_sandbox(end: Callable[[Play], None], times: int) -> None:
    play = crashed(times)
    play.run("c")
    if times == 2:
        play.exit("c", 1)
    assert coming(play) is not None
    end(play)
    assert coming(play) is None


def test_one_that_waits_for_anything_else_is_not_foreseen() -> None:
    play = Play(make_pod("c")).begin()
    play.image_failed("c")
    assert coming(play) is None
