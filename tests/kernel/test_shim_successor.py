"""Containers that are prepared when another one has ended: held before their program, or not made at all."""

from __future__ import annotations

import os
import signal

import pytest

from one_shim import peer as peer
from one_shim import pod as pod
from one_shim import removed as removed
from one_shim import shim as shim
from prepared import gone, held, prepare
from raw_shim import Peer, Shim
from shim_pod import Pod


def second(pod: Pod) -> bytes:
    return pod.container("second", "/bin/echo", "hello")


def follow(pod: Pod, peer: Peer, spec: bytes) -> int:
    """A container that runs, and what is to follow it; its pid."""
    pod.create(peer)
    pid = pod.start(peer, "first", "/bin/sleep", "1000")
    prepare(peer, spec, after=pod.id("first"))
    assert made(pod, peer) == ["first"]
    return pid


def made(pod: Pod, peer: Peer) -> list[str]:
    """Of which containers there is anything on disk, when the shim has done what it was asked for."""
    number = peer.send("LIST")
    peer.until(lambda message: message.kind == "WELCOME" and message.id == number)
    names = {pod.id(name): name for name in ("first", "second", "third")}
    return sorted(names[each] for each in os.listdir(pod.state / "containers"))


def end(peer: Peer, pid: int) -> None:
    """Not by the shim: as if by itself."""
    os.kill(pid, signal.SIGKILL)
    assert peer.record("CONTAINER_EXITED", NAME="first").EXIT_CODE == 137


@pytest.mark.usefixtures("removed")
def test_it_is_held_from_the_end_on_until_it_is_asked_for(pod: Pod, peer: Peer) -> None:
    spec = second(pod)
    end(peer, follow(pod, peer, spec))
    builder = held(pod, "second")
    assert pod.log("second") == []
    answer = peer.call_spec("START_CONTAINER", spec)
    assert (answer.kind, answer.PID) == ("OK", builder)
    assert peer.record("CONTAINER_EXITED", NAME="second").EXIT_CODE == 0
    assert pod.log("second") == ["stdout F hello"]


@pytest.mark.usefixtures("removed")
def test_what_is_to_follow_one_that_has_ended_is_prepared_at_once(pod: Pod, peer: Peer) -> None:
    pod.create(peer)
    pod.start(peer, "first", "/bin/true")
    assert peer.record("CONTAINER_EXITED", NAME="first").EXIT_CODE == 0
    prepare(peer, second(pod), after=pod.id("first"))
    held(pod, "second")


@pytest.mark.usefixtures("removed")
def test_what_was_never_there_is_followed_by_nothing(pod: Pod, peer: Peer) -> None:
    pod.create(peer)
    prepare(peer, second(pod), after=pod.id("first"))
    assert made(pod, peer) == []


@pytest.mark.usefixtures("removed")
@pytest.mark.parametrize(("number", "whole"), [(signal.SIGTERM, 0), (signal.SIGKILL, 1)])
def test_one_that_is_stopped_is_followed_by_nothing(pod: Pod, peer: Peer, number: int, whole: int) -> None:
    spec = pod.container("second", "/bin/echo", "hello")
    pod.create(peer)
    pod.start(peer, "first", "/bin/sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done")
    pod.wait_until_printed("first", "up")
    prepare(peer, spec, after=pod.id("first"))
    fields = [("CONTAINER_ID", pod.id("first")), ("SIGNAL", int(number)), ("WHOLE", whole)]
    assert peer.call("SIGNAL", fields).kind == "OK"
    assert (137 if whole else 5) == peer.record("CONTAINER_EXITED", NAME="first").EXIT_CODE
    assert made(pod, peer) == ["first"]
    assert peer.call_spec("START_CONTAINER", spec).kind == "OK"
    assert peer.record("CONTAINER_EXITED", NAME="second").EXIT_CODE == 0


@pytest.mark.usefixtures("removed")
def test_one_that_is_not_wanted_any_more_is_not_prepared(pod: Pod, peer: Peer) -> None:
    pid = follow(pod, peer, second(pod))
    assert peer.call("SIGNAL", [("CONTAINER_ID", pod.id("third")), ("SIGNAL", 9), ("WHOLE", 1)]).kind == "OK"
    assert peer.call("SIGNAL", [("CONTAINER_ID", pod.id("second")), ("SIGNAL", 9), ("WHOLE", 1)]).kind == "OK"
    end(peer, pid)
    assert made(pod, peer) == ["first"]


@pytest.mark.usefixtures("removed")
def test_one_that_is_held_and_not_wanted_any_more_vanishes_without_a_record(pod: Pod, peer: Peer) -> None:
    spec = second(pod)
    end(peer, follow(pod, peer, spec))
    builder = held(pod, "second")
    assert peer.call("SIGNAL", [("CONTAINER_ID", pod.id("second")), ("SIGNAL", 9), ("WHOLE", 1)]).kind == "OK"
    assert gone(builder)
    answer = peer.call_spec("START_CONTAINER", spec)  # when it is gone
    assert answer.kind == "OK" and builder != answer.PID
    assert peer.record("CONTAINER_EXITED", NAME="second").EXIT_CODE == 0
    assert pod.log("second") == ["stdout F hello"]


@pytest.mark.usefixtures("removed")
def test_the_last_one_that_is_named_follows(pod: Pod, peer: Peer) -> None:
    pid = follow(pod, peer, second(pod))
    prepare(peer, pod.container("third", "/bin/true"), after=pod.id("first"))
    end(peer, pid)
    held(pod, "third")
    assert made(pod, peer) == ["first", "third"]


@pytest.mark.usefixtures("removed")
def test_another_spec_is_started_in_its_place(pod: Pod, peer: Peer) -> None:
    end(peer, follow(pod, peer, second(pod)))
    assert peer.call_spec("START_CONTAINER", pod.container("second", "/bin/echo", "new")).kind == "OK"
    assert peer.record("CONTAINER_EXITED", NAME="second").EXIT_CODE == 0
    assert pod.log("second") == ["stdout F new"]


@pytest.mark.usefixtures("removed")
def test_a_spec_that_cannot_be_read_is_nothing(pod: Pod, peer: Peer) -> None:
    end(peer, follow(pod, peer, b"no spec"))
    assert made(pod, peer) == ["first"]


@pytest.mark.parametrize("ended", [False, True])
def test_a_removed_pod_takes_it_along(pod: Pod, shim: Shim, peer: Peer, ended: bool) -> None:
    pid = follow(pod, peer, second(pod))
    builder = 0
    if ended:
        end(peer, pid)
        builder = held(pod, "second")
    assert peer.call("REMOVE_POD").kind == "OK"
    assert shim.wait() == 0
    assert pod.left() == []
    assert not builder or gone(builder)


@pytest.mark.usefixtures("removed")
@pytest.mark.parametrize("ended", [False, True])
def test_a_stopped_sandbox_takes_it_along(pod: Pod, peer: Peer, ended: bool) -> None:
    pid = follow(pod, peer, second(pod))
    if ended:
        end(peer, pid)
        pid = held(pod, "second")
    assert peer.call("STOP_SANDBOX", [("ATTEMPT", 1)]).kind == "OK"
    assert gone(pid)
    assert made(pod, peer) == ["first"]
