"""The back-off after a kill that is to restart the container (kubelet-semantics 9, 30.5, 33.4)."""

from __future__ import annotations

from nsrunner.model.types import Container, ExecAction, Lifecycle, LifecycleHandler, Probe
from unit.lifecycle.play import Play, make_pod

EXEC = ExecAction(command=("true",))
LIVENESS = Probe(exec=EXEC, period_seconds=10, failure_threshold=1)


def running(**fields: object) -> Play:
    play = Play(make_pod(Container(name="c", image="busybox", liveness_probe=LIVENESS, **fields))).begin()  # type: ignore[arg-type]  # fields of Container
    play.run("c")
    return play


def killed(play: Play) -> list[str]:
    """The container runs for less than a period, fails its probe and dies."""
    play.probed("c", "Liveness", "Failure")
    return play.exit("c", 137)


def delay(play: Play) -> float | None:
    entry = play.machine.value.containers["c"].backoff
    return None if entry is None else entry.delay


def test_33_4_the_instance_that_was_killed_does_not_count_in_the_restart_that_follows_at_once() -> None:
    play = running()
    assert killed(play) == ["image c"]
    assert delay(play) is None, "there is no earlier end, so no entry either"
    play.run("c")
    assert killed(play) == ["image c"]
    assert delay(play) == 10, "the end before this one was the first to count"
    play.run("c")
    ended = play.time
    play.until_deadline()
    assert play.time - ended < 10
    lines = killed(play)
    assert lines == [] and play.state_of("c") == "waiting CrashLoopBackOff", "the last end is not 10 s ago"
    assert play.machine.next_deadline() == play.time + 10, "once refused, the newest end counts"
    assert play.until_deadline() == ["image c"]
    assert delay(play) == 20


def test_9_after_a_long_run_a_kill_is_followed_by_a_start_at_once() -> None:
    """The back-off lags by one: a run that is longer than the delay counts as the wait."""
    play = running()
    for expected in (None, 10, 20, 40):
        assert killed(play) == ["image c"]
        assert delay(play) == expected
        play.run("c")
        for _ in range(5):
            play.probed("c", "Liveness")


def test_9_a_crash_after_a_kill_backs_off_as_usual() -> None:
    play = running()
    killed(play)
    play.run("c")
    assert play.exit("c", 1)[-1] == "image c"
    assert delay(play) == 10
    play.run("c")
    assert play.exit("c", 1)[-1:] != ["image c"]
    assert play.state_of("c") == "waiting CrashLoopBackOff"


def test_33_4_the_favour_is_for_one_start() -> None:
    play = running()
    assert killed(play) == ["image c"]
    play.image("c")
    play.start_failed("c", "CreateContainerError")
    assert delay(play) is None
    assert play.until_deadline() == ["image c"]
    assert delay(play) == 10, "now the end of the killed one counts"


def test_33_4_a_kill_that_waits_for_its_turn_keeps_the_favour() -> None:
    liveness = Container(name="c", image="busybox", liveness_probe=LIVENESS)
    play = Play(make_pod("a", liveness, "z")).begin()
    play.run("a")
    play.run("c")
    play.probed("c", "Liveness", "Failure")
    assert play.exit("c", 137) == []
    assert play.run("z") == ["image c"]
    assert delay(play) is None


def test_15_a_failed_post_start_has_no_such_favour() -> None:
    lifecycle = Lifecycle(post_start=LifecycleHandler(exec=EXEC))
    play = Play(make_pod(Container(name="c", image="busybox", lifecycle=lifecycle))).begin()
    play.run("c")
    play.hook_done("c", "no")
    assert play.exit("c", 143) == ["image c"]
    assert delay(play) == 10
