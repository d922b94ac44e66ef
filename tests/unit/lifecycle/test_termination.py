"""Ending a pod (kubelet-semantics 4, 10, 12 rule 5, 30.6): grace periods, TERM, KILL, and what is left to see."""

from __future__ import annotations

import pytest

from nsrunner.lifecycle.termination import shrunk
from unit.lifecycle.play import Play, make_pod


@pytest.mark.parametrize(
    ("current", "requested", "result"),
    [(None, 30, 30), (None, 0, 1), (None, -5, 1), (30, 10, 10), (10, 30, 10), (10, 10, 10), (10, 0, 1)],
)
def test_4_a_grace_period_only_shrinks_and_never_below_one(current: int | None, requested: int, result: int) -> None:
    assert shrunk(current, requested) == result


def running(*names: str, grace: int | None = 30, policy: str = "Always") -> Play:
    play = Play(make_pod(*names, grace=grace, policy=policy)).begin()
    for name in names:
        play.run(name)
    play.events.clear()
    play.recorded.clear()
    return play


def test_30_6_a_process_that_exits_on_term() -> None:
    play = running("c")
    assert play.delete() == ["TERM c/0"]
    assert play.events == ["Killing: Stopping container c"]
    assert (play.recorded[0].type, play.recorded[0].field_path) == ("Normal", "spec.containers{c}")
    assert play.signalled("c") == []
    assert (play.phase, play.says("Ready"), play.machine.deleted) == ("Running", "True", True)
    play.time = 3
    assert play.exit("c", 143) == ["stop sandbox 0"]
    assert play.says("Ready") == "False ContainersNotReady containers with unready status: [c]"
    assert play.sandbox_stopped() == ["remove pod"]
    assert (play.phase, play.state_of("c")) == ("Failed", "terminated 143 Error")
    play.removed()
    assert play.machine.removed


def test_a_deletion_shows_in_the_metadata_as_the_api_server_writes_it() -> None:
    def deletion(play: Play) -> tuple[str | None, int | None]:
        meta = play.machine.object().metadata
        return meta.deletion_timestamp, meta.deletion_grace_period_seconds

    play = running("c", grace=20)
    assert deletion(play) == (None, None)
    play.time = 5.5
    play.delete()
    assert deletion(play) == ("2023-11-14T22:13:45Z", 20)  # the time by which it has to be gone
    play.time = 7
    play.delete(60)
    assert deletion(play) == ("2023-11-14T22:13:45Z", 20)  # a longer grace period comes too late
    play.delete(3)
    assert deletion(play) == ("2023-11-14T22:13:28Z", 3)  # a shorter one counts from the first request
    assert play.machine.object().status == play.machine.status()
    play.exit("c", 143)
    play.sandbox_stopped()
    play.removed()
    assert deletion(play) == ("2023-11-14T22:13:28Z", 3)


@pytest.mark.parametrize(("spec", "asked", "shown"), [(30, 0, 0), (-5, None, 1), (30, -1, 1)])
def test_grace_periods_that_are_none(spec: int, asked: int | None, shown: int) -> None:
    play = running("c", grace=spec)
    play.delete(asked)
    assert play.machine.object().metadata.deletion_grace_period_seconds == shown


def test_a_pod_that_had_ended_before_it_is_deleted() -> None:
    play = running("c", policy="Never")
    play.exit("c", 0)
    play.sandbox_stopped()
    assert play.machine.object().metadata.deletion_timestamp is None
    play.delete(5)
    assert play.machine.object().metadata.deletion_grace_period_seconds == 5


def test_30_6_a_process_that_ignores_term() -> None:
    play = running("c")
    assert play.delete() == ["TERM c/0"]
    play.signalled("c")
    assert play.until_deadline() == ["KILL c/0"]
    assert play.time == 30
    assert play.machine.next_deadline() is None
    assert play.exit("c", 137) == ["stop sandbox 0"]
    play.signalled("c")
    play.sandbox_stopped()
    assert play.state_of("c") == "terminated 137 Error"


def test_30_6_grace_1_leaves_two_seconds() -> None:
    play = running("c")
    assert play.delete(1) == ["TERM c/0"]
    assert play.machine.next_deadline() == 2


def test_30_6_so_does_grace_0_of_the_spec() -> None:
    play = running("c", grace=0)
    assert play.delete() == ["TERM c/0"]
    assert play.machine.next_deadline() == 2


def test_asking_for_grace_0_kills_at_once() -> None:
    play = running("b", "a")
    assert play.delete(0) == ["KILL b/0", "KILL a/0"]
    assert play.events == ["Killing: Stopping container b", "Killing: Stopping container a"]
    assert play.machine.next_deadline() is None
    assert play.signalled("b", "again") == []  # a failed KILL is repeated, like any other
    assert play.machine.next_deadline() == 10
    assert play.delete(0) == []
    assert play.exit("b", 137) == []
    assert play.exit("a", 137) == ["stop sandbox 0"]


def test_grace_0_while_a_start_is_in_flight_kills_what_comes_of_it() -> None:
    for before in (None, 30, 0):
        play = Play(make_pod("c")).begin()
        play.image("c")
        if before is not None:
            assert play.delete(before) == []
        assert play.delete(0) == []
        assert play.delete(5) == []
        assert play.runs("c") == ["KILL c/0"]
        assert play.exit("c", 137) == ["stop sandbox 0"]


def test_grace_0_of_a_container_that_has_ended_before_its_start_was_answered() -> None:
    play = Play(make_pod("c")).begin()
    play.image("c")
    play.delete(0)
    play.exit("c", 0, attempt=0)
    assert play.runs("c") == ["stop sandbox 0"]


def test_grace_0_ends_what_waits() -> None:
    play = running("c")
    play.exit("c", 1)
    play.run("c")
    play.exit("c", 1)
    assert play.state_of("c") == "waiting CrashLoopBackOff"
    assert play.delete(0) == ["stop sandbox 0"]


def test_a_spec_without_grace_has_the_default() -> None:
    play = running("c", grace=None)
    play.delete()
    assert play.machine.next_deadline() == 30


def test_10_all_containers_are_stopped_at_once() -> None:
    play = running("b", "a")
    assert play.delete() == ["TERM b/0", "TERM a/0"]
    assert play.exit("a", 0) == []
    assert play.signalled("a") == []
    assert play.until_deadline() == ["KILL b/0"]
    assert play.exit("b", 137) == ["stop sandbox 0"]


def test_4_a_second_delete_shortens() -> None:
    play = running("c")
    play.delete()
    play.time = 5
    assert play.delete(10) == []
    assert play.machine.next_deadline() == 15
    play.time = 6
    assert play.delete(1) == []
    assert play.machine.next_deadline() == 8
    play.time = 7
    assert play.delete(0) == ["KILL c/0"]
    assert play.machine.next_deadline() is None
    assert play.delete(0) == []
    assert play.events == ["Killing: Stopping container c"]


def test_4_a_second_delete_does_not_lengthen() -> None:
    play = running("c")
    play.delete(10)
    play.time = 5
    assert play.delete(60) == []
    assert play.delete() == []
    assert play.machine.next_deadline() == 10
    play.time = 9.5
    play.delete(9)
    assert play.machine.next_deadline() == 10


def test_4_6_2_6_4_nothing_is_restarted_while_the_pod_ends() -> None:
    play = running("c")
    play.delete()
    assert play.exit("c", 1) == ["stop sandbox 0"]


def test_12_5_clean_exits_of_a_deleted_pod_with_policy_always_are_success() -> None:
    play = running("c")
    play.delete()
    play.exit("c", 0)
    play.sandbox_stopped()
    assert play.phase == "Succeeded"


def test_10_3_a_container_in_back_off_shows_how_it_ended() -> None:
    play = running("a", "c")
    play.exit("c", 3)
    play.run("c")
    play.exit("c", 4)
    assert play.state_of("c") == "waiting CrashLoopBackOff"
    assert play.delete() == ["TERM a/0"]
    assert (play.state_of("c"), play.last_state_of("c")) == ("terminated 4 Error", "3 Error")


def test_a_signal_that_could_not_be_sent() -> None:
    play = running("c")
    play.delete()
    assert play.signalled("c", "kill: Operation not permitted") == []
    assert play.events[-1] == "FailedKillPod: error killing pod: kill: Operation not permitted"
    assert (play.recorded[-1].type, play.recorded[-1].field_path) == ("Warning", "")
    assert play.until_deadline() == ["KILL c/0"]
    assert play.signalled("c", "again") == []
    assert play.machine.next_deadline() == 40
    assert play.until_deadline() == ["KILL c/0"]
    assert play.signalled("c") == []
    assert play.machine.next_deadline() is None
    assert play.exit("c", 137) == ["stop sandbox 0"]


def test_the_sandbox_dies_while_the_pod_ends() -> None:
    for killed in (False, True):
        play = running("c", "d")
        play.delete()
        if killed:
            assert play.until_deadline() == ["KILL c/0", "KILL d/0"]
        play.exit("d", 0)
        assert play.sandbox_died() == ["stop sandbox 0"]
        assert play.machine.next_deadline() is None
        assert play.sandbox_died() == []
        assert play.sandbox_stopped() == ["remove pod"]
        assert play.phase == "Failed"
