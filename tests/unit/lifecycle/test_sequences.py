"""The worked sequences of kubelet-semantics 30 as a user sees them: kubectl's columns, step by step (17, 33.28)."""

from __future__ import annotations

from msgspec import structs

from nsrunner.model import encode
from nsrunner.model.printing.columns import pod_cells
from unit.lifecycle.play import WALL, Play, make_pod


def cells(play: Play) -> tuple[str, str, str]:
    """READY, STATUS, RESTARTS."""
    pod = structs.replace(play.machine.pod, status=play.machine.status())
    seen = pod_cells(encode(pod), WALL + play.time)
    return seen.ready, seen.status, seen.restarts


def test_30_2_a_crash_loop() -> None:
    play = Play(make_pod("c"))
    play.add()
    assert cells(play) == ("0/1", "ContainerCreating", "0")
    play.sandbox()
    play.run("c")
    assert cells(play) == ("1/1", "Running", "0")
    play.time = 1
    play.exit("c", 1)
    assert cells(play) == ("0/1", "Error", "0")
    play.run("c")
    assert cells(play) == ("1/1", "Running", "1 (0s ago)")
    play.time = 2
    play.exit("c", 1)
    assert cells(play) == ("0/1", "CrashLoopBackOff", "1 (0s ago)")
    play.until_deadline()
    assert cells(play) == ("0/1", "CrashLoopBackOff", "1 (10s ago)")
    play.run("c")
    assert cells(play) == ("1/1", "Running", "2 (10s ago)")


def test_30_3_init_containers() -> None:
    play = Play(make_pod("c", init=["a", "b"]))
    play.add()
    seen = [cells(play)[:2]]
    play.sandbox()
    play.run("a")
    seen.append(cells(play)[:2])
    play.exit("a", 0)
    play.run("b")
    seen.append(cells(play)[:2])
    play.exit("b", 0)
    seen.append(cells(play)[:2])
    play.run("c")
    seen.append(cells(play)[:2])
    assert seen == [
        ("0/1", "Init:0/2"),
        ("0/1", "Init:0/2"),
        ("0/1", "Init:1/2"),
        ("0/1", "PodInitializing"),
        ("1/1", "Running"),
    ]


def test_30_3_a_failing_init_container() -> None:
    play = Play(make_pod("c", init=["a"])).begin()
    play.run("a")
    play.exit("a", 1)
    assert cells(play) == ("0/1", "Init:Error", "0")
    play.run("a")
    play.exit("a", 1)
    assert cells(play) == ("0/1", "Init:CrashLoopBackOff", "1 (0s ago)")
    play.until_deadline()
    play.run("a")
    play.exit("a", 0)
    play.run("c")
    assert cells(play) == ("1/1", "Running", "0"), "init restarts are dropped afterwards"


def test_30_3_an_init_container_that_fails_for_good() -> None:
    play = Play(make_pod("c", init=["a"], policy="Never")).begin()
    play.run("a")
    play.exit("a", 1)
    play.sandbox_stopped()
    assert cells(play) == ("0/1", "Init:Error", "0")


def test_30_3_an_init_container_without_its_image() -> None:
    play = Play(make_pod("c", init=["a"])).begin()
    play.image_failed("a")
    assert cells(play)[1] == "Init:ErrImagePull"
    play.until_deadline()
    play.image_failed("a")
    play.until_deadline()
    assert cells(play)[1] == "Init:ImagePullBackOff"


def test_30_1_one_of_two_is_done() -> None:
    play = Play(make_pod("a", "b", policy="OnFailure")).begin()
    play.run("a")
    play.run("b")
    play.exit("a", 0)
    assert cells(play) == ("1/2", "NotReady", "0")


def test_30_1_the_ends() -> None:
    for code, status in ((0, "Completed"), (1, "Error")):
        play = Play(make_pod("c", policy="Never")).begin()
        play.run("c")
        play.exit("c", code)
        play.sandbox_stopped()
        assert cells(play) == ("0/1", status, "0")


def test_16_a_pod_past_its_deadline() -> None:
    play = Play(make_pod("c", deadline=5)).begin()
    play.until_deadline()
    play.sandbox_stopped()
    assert cells(play)[1] == "ContainerStatusUnknown"
    assert play.machine.status().reason == "DeadlineExceeded"


def test_33_15_one_that_never_started_makes_the_pod_pending() -> None:
    play = Play(make_pod("a", "b")).begin()
    play.image("a")
    play.start_failed("a", "CreateContainerConfigError", 'secret "x" not found')
    play.run("b")
    assert (play.phase, cells(play)) == ("Pending", ("1/2", "CreateContainerConfigError", "0"))
