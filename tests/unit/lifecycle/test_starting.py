"""How a container comes to run (kubelet-semantics 8, 19)."""

from __future__ import annotations

import pytest

from nsrunner.lifecycle.backoff import PullBackOff
from nsrunner.lifecycle.commands import EnsureImage, RecordEvent
from nsrunner.lifecycle.container import step
from nsrunner.lifecycle.events import ContainerFailed, ImageReady
from nsrunner.lifecycle.orders import Turn
from nsrunner.lifecycle.outbox import Outbox
from nsrunner.lifecycle.policy import plan_of
from nsrunner.lifecycle.step import RETRY_DELAY, Step
from nsrunner.lifecycle.value import ContainerState, ContainerValue
from unit.lifecycle.play import Play, instant, make_pod

# Section 8: starting.


def test_8_events_of_a_start() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    assert play.events == [
        'Pulled: Container image "busybox" already present on machine and can be accessed by the pod',
        "Created: Container created",
        "Started: Container started",
    ]
    assert {event.field_path for event in play.recorded} == {"spec.containers{c}"}
    assert {event.type for event in play.recorded} == {"Normal"}


def test_8_events_of_an_init_container_name_its_list() -> None:
    play = Play(make_pod("c", init=["i"])).begin()
    play.run("i")
    assert {event.field_path for event in play.recorded} == {"spec.initContainers{i}"}


@pytest.mark.parametrize("reason", ["CreateContainerConfigError", "CreateContainerError"])
def test_8_33_5_a_create_error_leaves_no_record_and_is_retried_after_a_fixed_delay(reason: str) -> None:
    play = Play(make_pod("c")).begin()
    for retry in range(1, 5):
        play.image("c")
        assert play.start_failed("c", reason, "secret not found") == []
        status = play.status_of("c")
        assert status.state is not None and status.state.waiting is not None
        assert (status.state.waiting.reason, status.state.waiting.message) == (reason, "secret not found")
        assert (status.restart_count, status.last_state, play.phase) == (0, None, "Pending")
        assert play.events[-1] == "Failed: Error: secret not found"
        assert play.recorded[-1].type == "Warning"
        assert play.machine.next_deadline() == play.machine.next_start("c") == 10.0 * retry
        assert play.until_deadline() == ["image c"]
        assert play.state_of("c") == f"waiting {reason}"
    play.run("c")
    assert (play.state_of("c"), play.status_of("c").restart_count) == ("running", 0)


def test_8_33_5_a_start_error_leaves_a_record_and_backs_off() -> None:
    play = Play(make_pod("c")).begin()
    play.image("c")
    assert play.start_failed("c", "RunContainerError", "exec: /x: no such file") == ["image c"]
    assert play.events[-2:] == ["Created: Container created", "Failed: Error: exec: /x: no such file"]
    status = play.status_of("c")
    assert status.state is not None and status.state.waiting is not None
    assert (status.state.waiting.reason, status.state.waiting.message) == (
        "RunContainerError",
        "exec: /x: no such file",
    )
    assert (play.last_state_of("c"), status.restart_count, play.phase) == ("128 StartError", 0, "Running")
    assert play.image("c") == ["start c/1"]
    assert play.start_failed("c", "RunContainerError") == []
    assert (play.state_of("c"), play.last_state_of("c")) == ("waiting CrashLoopBackOff", "128 StartError")
    assert play.status_of("c").restart_count == 1
    assert play.machine.next_deadline() == 10.0


def test_8_a_start_error_with_policy_never_ends_the_pod() -> None:
    play = Play(make_pod("c", policy="Never")).begin()
    play.image("c")
    assert play.start_failed("c", "RunContainerError", "exec: /x: no such file") == ["stop sandbox 0"]
    assert play.state_of("c") == "terminated 128 StartError"
    play.sandbox_stopped()
    assert play.phase == "Failed"
    terminated = play.status_of("c").state
    assert terminated is not None and terminated.terminated is not None
    assert terminated.terminated.message == "exec: /x: no such file"


# Section 19: images.


def test_19_a_pull_backs_off() -> None:
    play = Play(make_pod("c")).begin()
    at = 0.0
    for delay in (10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0):
        assert play.image_failed("c") == []
        assert play.state_of("c") == "waiting ErrImagePull"
        assert play.events[-2:] == [
            'Failed: Failed to pull image "busybox": no such host',
            "Failed: Error: ErrImagePull",
        ]
        assert play.machine.next_start("c") == at + delay
        if delay > 10:
            assert play.until_deadline() == []
            assert play.time == at + 10
            status = play.status_of("c").state
            assert status is not None and status.waiting is not None
            assert status.waiting.reason == "ImagePullBackOff"
            assert status.waiting.message == 'Back-off pulling image "busybox": ErrImagePull: no such host'
            assert play.events[-2:] == ['BackOff: Back-off pulling image "busybox"', "Failed: Error: ImagePullBackOff"]
            assert [event.type for event in play.recorded[-2:]] == ["Normal", "Warning"]
        assert play.until_deadline() == ["image c"]
        at += delay
        assert play.time == at
    assert play.phase == "Pending"


def test_19_containers_of_the_same_image_share_its_back_off() -> None:
    play = Play(make_pod("a", "b")).begin()
    assert play.image_failed("a") == []
    assert play.state_of("a") == "waiting ErrImagePull"
    assert play.state_of("b") == "waiting ImagePullBackOff"
    assert play.until_deadline() == ["image a"]
    assert play.image("a") == ["start a/0"]
    assert play.runs("a") == ["image b"]


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        ("ErrImageNeverPull", "ErrImageNeverPull: text"),
        ("InvalidImageName", "InspectFailed: text"),
        ("ImageInspectError", "InspectFailed: text"),
    ],
)
def test_19_other_image_errors_are_retried_after_a_fixed_delay(reason: str, event: str) -> None:
    play = Play(make_pod("c")).begin()
    for retry in range(1, 4):
        play.image_failed("c", reason, "text")
        assert play.state_of("c") == f"waiting {reason}"
        assert play.events[-2:] == [event, f"Failed: Error: {reason}"]
        assert play.until_deadline() == ["image c"]
        assert play.time == 10.0 * retry


def test_19_an_image_that_was_pulled_says_how_long_it_took() -> None:
    play = Play(make_pod("c")).begin()
    text = 'Successfully pulled image "busybox" in 1.2s (1.3s including waiting). Image size: 7 bytes.'
    play.tell(ImageReady(id=play.pending(EnsureImage).id, container="c", image_id="busybox@sha256:00", message=text))
    play.runs("c")
    assert play.events[0] == f"Pulled: {text}"
    assert play.status_of("c").image_id == "busybox@sha256:00"


# One step alone.


def surroundings(now: float) -> Step:
    return Step(plan_of(make_pod("c")).containers["c"], instant(now), Outbox(1, {}))


def test_19_a_pull_that_is_refused_waits_for_the_images_next_try_and_asks_for_nothing() -> None:
    at = surroundings(5)
    refused = PullBackOff(delay=20, failed=1, error="no such host")
    value = step(ContainerValue(state=ContainerState.QUEUED), Turn(refused=refused), at)
    assert (value.state, value.due, value.reason) == (ContainerState.PULL_WAIT, 21, "ImagePullBackOff")
    assert value.message == 'Back-off pulling image "busybox": ErrImagePull: no such host'
    assert [(each.type, each.reason, each.message) for each in at.out.commands if isinstance(each, RecordEvent)] == [
        ("Normal", "BackOff", 'Back-off pulling image "busybox"'),
        ("Warning", "Failed", "Error: ImagePullBackOff"),
    ]
    assert at.out.inflight == {}


@pytest.mark.parametrize("reason", ["CreateContainerConfigError", "CreateContainerError"])
def test_8_a_failed_create_uses_no_attempt_up(reason: str) -> None:
    at = surroundings(7)
    failed = ContainerFailed(id=1, container="c", attempt=0, reason=reason, message="busy")
    value = step(ContainerValue(state=ContainerState.STARTING), failed, at)
    assert (value.state, value.next_attempt, value.current) == (ContainerState.CREATE_WAIT, 0, None)
    assert (value.due, value.reason, value.message) == (7 + RETRY_DELAY, reason, "busy")


def test_8_a_failed_start_has_used_its_attempt_up() -> None:
    at = surroundings(7)
    failed = ContainerFailed(
        id=1, container="c", attempt=0, reason="RunContainerError", message="exec: no", container_id="ab"
    )
    value = step(ContainerValue(state=ContainerState.STARTING), failed, at)
    assert (value.state, value.next_attempt, value.reason) == (ContainerState.QUEUED, 1, "RunContainerError")
    assert value.current is not None and value.current.reason == "StartError"
    assert (value.current.exit_code, value.current.message) == (128, "exec: no")


def test_8_the_records_of_starts_that_fail_say_what_was_to_run_and_the_third_goes() -> None:
    play = Play(make_pod("c")).begin()
    for attempt in range(3):
        command = play.pending(EnsureImage)
        play.tell(ImageReady(id=command.id, container="c", image_id=f"sha256:{attempt}"))
        lines = play.start_failed("c", "RunContainerError", "no such file")
        current = play.machine.value.containers["c"].current
        assert current is not None
        assert (current.attempt, current.image_id) == (attempt, f"sha256:{attempt}")
        if play.state_of("c") == "waiting CrashLoopBackOff":
            lines += play.until_deadline()
    assert "remove c/0" in lines


def test_8_an_end_that_comes_before_the_answer_to_the_start_has_its_image_and_no_id_yet() -> None:
    play = Play(make_pod("c")).begin()
    command = play.pending(EnsureImage)
    play.tell(ImageReady(id=command.id, container="c", image_id="sha256:1"))
    play.exit("c", 7, attempt=0)
    early = play.machine.value.containers["c"].early
    assert early is not None
    assert (early.container_id, early.image_id) == ("", "sha256:1")


def test_19_the_second_container_of_an_image_tells_the_error_of_the_first() -> None:
    play = Play(make_pod("a", "b")).begin()
    play.image_failed("a", message="no such host")
    assert play.status_of("b").state is not None
    waiting = play.status_of("b").state
    assert waiting is not None and waiting.waiting is not None
    assert waiting.waiting.message == 'Back-off pulling image "busybox": ErrImagePull: no such host'
