"""The pod's table: total, true to its actions, and what an illegal event leaves behind (nothing)."""

from __future__ import annotations

from typing import get_args

import pytest
from msgspec import structs

from nsrunner.lifecycle import IllegalEvent
from nsrunner.lifecycle.commands import AnsweredCommand
from nsrunner.lifecycle.events import (
    ContainerExited,
    ContainerStarted,
    Event,
    ImageReady,
    PodAdded,
    PodRejected,
    PodRemoved,
    SandboxDied,
    SandboxFailed,
    SandboxReady,
    SandboxStopped,
    Tick,
)
from nsrunner.lifecycle.pod_table import ANSWERS, TABLE
from nsrunner.lifecycle.table import BUG, IGNORE, Row, missing
from nsrunner.lifecycle.value import PodState
from unit.lifecycle.play import Play, instant, make_pod

EVENTS = get_args(Event)


def test_the_table_is_total() -> None:
    assert missing(TABLE, PodState, EVENTS) == []
    assert len(TABLE) == len(PodState) * len(EVENTS)
    assert all(isinstance(entry, Row) or entry in (BUG, IGNORE) for entry in TABLE.values())


def test_every_state_is_reached_and_all_but_the_last_are_left() -> None:
    rows = [(state, to) for (state, _), entry in TABLE.items() if isinstance(entry, Row) for to in entry.to]
    assert {to for state, to in rows if to is not state} == set(PodState) - {PodState.NEW}
    assert {state for state, to in rows if to is not state} == set(PodState) - {PodState.REMOVED}


def test_each_command_has_its_answers() -> None:
    assert set(ANSWERS.values()) == set(get_args(AnsweredCommand))
    assert set(ANSWERS) < set(EVENTS)


def _exit(container: str, attempt: int) -> ContainerExited:
    return ContainerExited(
        container=container,
        attempt=attempt,
        exit_code=0,
        oom_killed=False,
        message="",
        started=instant(0),
        finished=instant(0),
    )


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (PodAdded(), "ACTIVE"),
        (PodRejected(reason="x", message="y"), "ACTIVE"),
        (SandboxReady(id=99, attempt=0, pod_ip=""), "no command has this id"),
        (SandboxReady(id=0, attempt=0, pod_ip=""), "no command has this id"),
        (SandboxReady(id=2, attempt=0, pod_ip=""), "does not answer EnsureImage"),
        (ImageReady(id=2, container="other"), "does not answer EnsureImage"),
        (SandboxDied(attempt=1), "there is no such sandbox"),
        (_exit("other", 0), "there is no such instance"),
        (_exit("c", 0), "there is no such instance"),
    ],
    ids=repr,
)
def test_an_illegal_event_says_why_and_changes_nothing(event: Event, why: str) -> None:
    play = Play(make_pod("c")).begin()
    before, unanswered = play.machine.value, play.machine.unanswered
    with pytest.raises(IllegalEvent) as caught:
        play.tell(event)
    assert why in str(caught.value)
    assert 'pod "shop/web" is ACTIVE' in str(caught.value)
    assert repr(event) in str(caught.value)
    assert (play.machine.value, play.machine.unanswered) == (before, unanswered)
    assert play.image("c") == ["start c/0"]


def test_an_attempt_that_was_not_asked_for_is_illegal() -> None:
    play = Play(make_pod("c")).begin()
    play.image("c")
    with pytest.raises(IllegalEvent):
        play.tell(ContainerStarted(id=3, container="c", attempt=1, container_id="0" * 64, started=instant(0)))


def test_a_repeated_answer_is_old_news() -> None:
    play = Play(make_pod("c")).begin()
    before = play.machine.value
    assert play.tell(SandboxReady(id=1, attempt=0, pod_ip="192.0.2.9")) == []
    assert play.machine.value == before


def test_a_spurious_tick_does_nothing() -> None:
    for play in (Play(make_pod("c")), Play(make_pod("c")).begin()):
        before = play.machine.value
        assert play.tell(Tick()) == []
        assert play.machine.value == before


def test_an_exit_that_is_told_again_is_old_news() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    assert play.exit("c", 1) == ["image c"]
    assert play.exit("c", 2, attempt=0) == []
    play.run("c")
    assert play.exit("c", 3, attempt=0) == []
    assert (play.state_of("c"), play.last_state_of("c")) == ("running", "1 Error")
    play.delete()
    assert play.exit("c", 3, attempt=0) == []
    assert (play.state_of("c"), play.machine.next_deadline()) == ("running", 30)


# Whole lives, state by state.


def test_the_life_of_a_pod_that_succeeds() -> None:
    play = Play(make_pod("c", policy="Never"))
    states = []

    def note(lines: list[str], *expected: str) -> None:
        states.append(play.machine.value.state)
        assert lines == list(expected)

    note(play.add(), "create sandbox 0")
    note(play.sandbox(), "image c")
    note(play.image("c"), "start c/0")
    note(play.runs("c"))
    note(play.exit("c", 0), "stop sandbox 0")
    assert (play.phase, play.machine.finished) == ("Running", False)
    note(play.sandbox_stopped())
    assert (play.phase, play.machine.finished, play.machine.removed) == ("Succeeded", True, False)
    note(play.delete(), "remove pod")
    note(play.removed())
    assert (play.machine.removed, play.machine.finished, play.machine.deleted) == (True, True, True)
    note(play.delete())
    assert states == [
        PodState.CREATING,
        *[PodState.ACTIVE] * 3,
        PodState.STOPPING,
        PodState.STOPPED,
        PodState.REMOVING,
        PodState.REMOVED,
        PodState.REMOVED,
    ]


# Section 18.7: rejection.


def test_18_7_a_rejected_pod_fails_without_starting() -> None:
    play = Play(make_pod("c"))
    play.time = 5
    assert play.tell(PodRejected(reason="SysctlForbidden", message='forbidden sysctl: "x" not allowlisted')) == []
    status = play.machine.status()
    assert (status.phase, status.reason) == ("Failed", "SysctlForbidden")
    assert status.message == 'Pod was rejected: forbidden sysctl: "x" not allowlisted'
    assert status.start_time == "2023-11-14T22:13:25Z"
    assert (status.container_statuses, status.conditions, status.qos_class) == ((), (), "BestEffort")
    assert play.events == ['SysctlForbidden: forbidden sysctl: "x" not allowlisted']
    assert play.recorded[0].type == "Warning"
    assert play.machine.finished
    assert play.delete() == ["remove pod"]
    play.removed()
    assert (play.machine.removed, play.phase) == (True, "Failed")


# Section 5: the sandbox.


def test_5_a_sandbox_that_cannot_be_made_is_tried_again() -> None:
    play = Play(make_pod("c", init=["i"]))
    play.add()
    assert play.sandbox_failed("mount: busy") == []
    assert play.events == ["FailedCreatePodSandBox: Failed to create pod sandbox: mount: busy"]
    assert (play.recorded[0].type, play.recorded[0].field_path) == ("Warning", "")
    assert (play.phase, play.state_of("c"), play.state_of("i")) == (
        "Pending",
        "waiting PodInitializing",
        "waiting PodInitializing",
    )
    assert play.tick(9.5) == []
    assert play.until_deadline() == ["create sandbox 1"]
    assert play.time == 10
    play.sandbox_failed("Unable to attach or mount volumes: x", "FailedMount")
    assert play.events[1] == "FailedMount: Unable to attach or mount volumes: x"
    assert play.until_deadline() == ["create sandbox 2"]
    assert play.sandbox() == ["image i"]


def test_5_when_the_sandbox_dies_everything_starts_anew() -> None:
    play = Play(make_pod("c", init=["a", "b"])).begin()
    play.run("a")
    play.exit("a", 0)
    play.run("b")
    play.exit("b", 0)
    play.run("c")
    assert (play.phase, play.says("Initialized")) == ("Running", "True")
    play.time = 50
    assert play.sandbox_died() == ["remove a/0", "remove b/0", "stop sandbox 0"]
    assert play.events[-1] == "SandboxChanged: Pod sandbox changed, it will be killed and re-created."
    assert play.recorded[-1].type == "Normal"
    assert play.state_of("c") == "terminated 137 ContainerStatusUnknown"
    assert play.state_of("a") == "terminated 0 Completed"
    assert play.says("PodReadyToStartContainers") == "False"
    assert play.says("Initialized") == "True"
    assert play.machine.next_deadline() is None
    assert play.sandbox_stopped() == ["create sandbox 1"]
    assert play.sandbox() == ["image a"]
    assert play.image("a") == ["start a/1"]
    assert play.runs("a") == []
    assert (play.phase, play.last_state_of("a"), play.status_of("a").restart_count) == ("Pending", "", 1)
    assert play.exit("a", 0) == ["image b"]
    play.run("b")
    assert play.exit("b", 0) == ["image c"]
    assert play.image("c") == ["start c/1"]
    play.runs("c")
    assert (play.phase, play.state_of("c"), play.last_state_of("c")) == (
        "Running",
        "running",
        "137 ContainerStatusUnknown",
    )


def test_5_9_the_death_of_a_sandbox_is_not_held_against_its_containers() -> None:
    """The kubelet kills and starts them in one sync, so it knows of no end but older ones."""
    play = Play(make_pod("c")).begin()
    play.run("c")
    play.sandbox_died(0)
    play.sandbox_stopped()
    assert play.sandbox() == ["image c"]
    play.run("c")
    play.time = 5
    assert play.exit("c", 1) == ["image c"], "its first crash"
    play.run("c")
    play.time = 20
    play.sandbox_died(1)
    play.sandbox_stopped()
    assert play.sandbox() == ["image c"], "10 s would have to pass after a crash"
    play.run("c")
    assert play.exit("c", 1) == []
    assert play.machine.next_deadline() == 30


@pytest.mark.parametrize("far", ["pulling", "starting"])
def test_5_9_neither_is_an_end_that_is_seen_just_before(far: str) -> None:
    """The kernel kills what is in a pid namespace before it shows the death of the namespace's first process."""
    play = Play(make_pod("c")).begin()
    play.run("c")
    for sandbox in range(3):
        play.time += 100
        assert play.exit("c", 137) == ["image c"]
        play.time += 0.01
        if far == "starting":
            play.image("c")
        play.sandbox_died(sandbox)
        assert play.machine.value.containers["c"].backoff is None, "the start that was allowed did not come about"
        play.sandbox_stopped()
        assert play.sandbox() == ["image c"]
        play.run("c")
    assert play.exit("c", 1) == ["image c"], "its first crash"
    play.run("c")
    play.time += 100
    assert play.exit("c", 137) == []
    assert play.state_of("c") == "waiting CrashLoopBackOff"
    play.sandbox_died(3)
    play.sandbox_stopped()
    assert play.sandbox() == ["image c"], "it only looked like a crash"


@pytest.mark.parametrize(
    ("code", "oom", "before", "waits"),
    [
        (137, False, 1.0, False),
        (137, False, 1.1, True),
        (143, False, 0.0, True),
        (137, True, 0.0, True),
    ],
)
def test_5_9_an_end_of_its_own_before_the_sandbox_died_counts(code: int, oom: bool, before: float, waits: bool) -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    assert play.exit("c", 1) == ["image c"]
    play.run("c")
    play.time = 50
    assert play.exit("c", code, oom=oom) == []
    play.time += before
    play.sandbox_died()
    play.sandbox_stopped()
    assert play.sandbox() == ([] if waits else ["image c"])
    assert (play.machine.next_deadline() == 60) is waits


def test_5_9_a_start_that_was_allowed_is_allowed_in_the_next_sandbox() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    play.exit("c", 1)
    play.run("c")
    play.exit("c", 1)
    assert play.until_deadline() == ["image c"]
    entry = play.machine.value.containers["c"].backoff
    assert entry is not None and entry.delay == 20
    play.sandbox_died()
    play.sandbox_stopped()
    assert play.sandbox() == ["image c"]
    entry = play.machine.value.containers["c"].backoff
    assert entry is not None and entry.delay == 10, "it is not counted twice"


def test_5_onfailure_a_container_that_succeeded_is_not_run_again() -> None:
    play = Play(make_pod("a", "b", policy="OnFailure")).begin()
    play.run("a")
    play.run("b")
    play.exit("a", 0)
    play.sandbox_died()
    play.sandbox_stopped()
    assert play.sandbox() == ["image b"]
    play.run("b")
    assert play.exit("b", 0) == ["stop sandbox 1"]
    play.sandbox_stopped()
    assert play.phase == "Succeeded"


def test_5_never_what_ran_once_is_not_run_again() -> None:
    play = Play(make_pod("a", "b", policy="Never")).begin()
    play.run("a")
    play.run("b")
    play.exit("a", 0)
    assert play.sandbox_died() == ["stop sandbox 0"]
    assert "SandboxChanged" not in " ".join(play.events)
    play.sandbox_stopped()
    assert (play.phase, play.state_of("a"), play.state_of("b")) == (
        "Failed",
        "terminated 0 Completed",
        "terminated 137 ContainerStatusUnknown",
    )


def test_27_the_records_of_init_containers_stay_when_no_sandbox_follows() -> None:
    play = Play(make_pod("c", init=["i"], policy="Never")).begin()
    play.run("i")
    play.exit("i", 0)
    play.run("c")
    assert play.sandbox_died() == ["stop sandbox 0"]
    play.sandbox_stopped()
    assert play.state_of("i") == "terminated 0 Completed"


def test_5_never_but_nothing_ran_yet() -> None:
    play = Play(make_pod("c", policy="Never")).begin()
    assert play.sandbox_died() == ["stop sandbox 0"]
    assert play.sandbox_stopped() == ["create sandbox 1"]
    assert play.sandbox() == ["image c"]


def test_5_never_and_a_start_in_flight_counts_as_run() -> None:
    play = Play(make_pod("c", policy="Never")).begin()
    play.image("c")
    assert play.sandbox_died() == ["stop sandbox 0"]
    play.sandbox_stopped()
    assert (play.phase, play.state_of("c")) == ("Failed", "terminated 137 ContainerStatusUnknown")


def test_a_start_in_flight_when_the_sandbox_dies_uses_up_its_attempt() -> None:
    """The answer may come or not, and late."""
    for answered in (False, True):
        play = Play(make_pod("c")).begin()
        play.image("c")
        play.sandbox_died()
        if answered:
            late = ContainerStarted(id=3, container="c", attempt=0, container_id="0" * 64, started=instant(0))
            assert play.tell(late) == []
            assert play.exit("c", 1, attempt=0) == []
            assert play.state_of("c") == "terminated 1 Error"
        else:
            assert play.state_of("c") == "terminated 137 ContainerStatusUnknown"
        play.sandbox_stopped()
        play.sandbox()
        assert play.image("c") == ["start c/1"]


def test_an_exit_known_before_the_sandbox_died_is_kept() -> None:
    play = Play(make_pod("c")).begin()
    play.image("c")
    play.exit("c", 7, attempt=0)
    play.sandbox_died()
    assert play.state_of("c") == "terminated 7 Error"


def test_an_exit_seen_after_the_sandbox_died_corrects_the_record() -> None:
    play = Play(make_pod("c", policy="Never")).begin()
    play.run("c")
    play.sandbox_died()
    assert play.state_of("c") == "terminated 137 ContainerStatusUnknown"
    assert play.exit("c", 0) == []
    assert play.state_of("c") == "terminated 0 Completed"
    assert play.exit("c", 9) == []
    assert play.state_of("c") == "terminated 0 Completed"
    play.sandbox_stopped()
    assert play.phase == "Succeeded"
    assert play.exit("c", 9) == []
    assert play.phase == "Succeeded"


def test_12_an_exit_seen_after_the_end_no_longer_changes_the_phase() -> None:
    play = Play(make_pod("c", policy="Never")).begin()
    play.run("c")
    play.sandbox_died()
    play.sandbox_stopped()
    assert play.phase == "Failed"
    assert play.exit("c", 0) == []
    assert (play.state_of("c"), play.phase) == ("terminated 0 Completed", "Failed")


def test_11_a_restart_count_survives_the_purge_of_init_containers() -> None:
    play = Play(make_pod("c", init=["i"])).begin()
    play.run("i")
    play.exit("i", 1)
    play.run("i")
    assert play.sandbox_died() == ["remove i/0", "remove i/1", "stop sandbox 0"]
    assert (play.status_of("i").restart_count, play.state_of("i")) == (1, "terminated 137 ContainerStatusUnknown")
    play.sandbox_stopped()
    play.sandbox()
    assert play.image("i") == ["start i/2"]


@pytest.mark.parametrize("stage", ["pull", "pull wait", "create wait", "back off"])
def test_the_sandbox_dies_while_a_container_waits(stage: str) -> None:
    play = Play(make_pod("c")).begin()
    if stage == "pull wait":
        play.image_failed("c")
    elif stage == "create wait":
        play.image("c")
        play.start_failed("c", "CreateContainerError")
    elif stage == "back off":
        play.run("c")
        play.exit("c", 1)
        play.run("c")
        play.exit("c", 1)
    pending = play.machine.unanswered
    assert play.sandbox_died() == ["stop sandbox 0"]
    assert play.machine.next_deadline() is None
    if stage == "pull":
        assert play.tell(ImageReady(id=pending[0].id, container="c")) == []
    play.sandbox_stopped()
    lines = play.sandbox()
    if stage in ("pull", "create wait"):
        assert lines == ["image c"]
    else:
        assert lines == []
        assert play.until_deadline() == ["image c"]
        assert play.time == 10


def test_a_sandbox_that_dies_in_the_making_is_a_failure() -> None:
    play = Play(make_pod("c"))
    play.add()
    assert play.sandbox_died() == ["stop sandbox 0"]
    assert play.events == [
        "FailedCreatePodSandBox: Failed to create pod sandbox: the sandbox died while it was being made"
    ]
    assert play.tell(SandboxFailed(id=1, attempt=0, reason="FailedCreatePodSandBox", message="late")) == []
    assert play.sandbox_died() == []
    assert play.machine.next_deadline() is None
    assert play.sandbox_stopped() == []
    assert play.until_deadline() == ["create sandbox 1"]
    assert play.time == 10
    assert play.sandbox_died(0) == []


def test_a_sandbox_that_keeps_dying_is_not_made_in_a_tight_loop() -> None:
    play = Play(make_pod("c")).begin()
    play.time = 1
    play.sandbox_died(0)
    assert play.sandbox_stopped() == ["create sandbox 1"]
    play.sandbox()
    play.time = 2
    play.sandbox_died(1)
    assert play.sandbox_stopped() == []
    assert play.until_deadline() == ["create sandbox 2"]
    assert play.time == 12
    play.sandbox()
    play.time = 13
    play.sandbox_died(2)
    assert play.sandbox_stopped() == ["create sandbox 3"]


def test_a_slow_removal_of_the_dead_sandbox_counts_as_waiting() -> None:
    play = Play(make_pod("c"))
    play.add()
    play.sandbox_died()
    play.time = 11
    assert play.sandbox_stopped() == ["create sandbox 1"]


# Deletion in every state (sections 4, 10, 30.6 are in test_termination).


def test_delete_before_the_pod_is_accepted() -> None:
    play = Play(make_pod("c"))
    assert play.delete() == ["remove pod"]
    assert (play.machine.finished, play.phase, play.machine.status().start_time) == (True, "Failed", None)
    play.removed()
    assert play.machine.removed


def test_delete_while_the_sandbox_is_being_made() -> None:
    play = Play(make_pod("c"))
    play.add()
    assert play.delete() == []
    assert play.delete(1) == []
    assert not play.machine.finished
    assert play.sandbox() == ["stop sandbox 0"]
    assert play.sandbox_stopped() == ["remove pod"]
    assert (play.phase, play.state_of("c")) == ("Failed", "terminated 137 ContainerStatusUnknown")


def test_delete_while_the_sandbox_is_being_made_and_it_fails() -> None:
    play = Play(make_pod("c"))
    play.add()
    play.delete()
    assert play.sandbox_failed() == ["remove pod"]
    assert play.events == []
    assert play.machine.finished


def test_delete_while_the_sandbox_is_being_made_and_it_dies() -> None:
    play = Play(make_pod("c"))
    play.add()
    play.delete()
    assert play.sandbox_died() == ["stop sandbox 0"]
    assert play.tell(SandboxReady(id=1, attempt=0, pod_ip="")) == []
    assert play.sandbox_stopped() == ["remove pod"]


def test_delete_while_the_sandbox_waits_to_be_tried_again() -> None:
    play = Play(make_pod("c"))
    play.add()
    play.sandbox_failed()
    assert play.delete() == ["remove pod"]
    assert play.machine.next_deadline() is None


def test_delete_while_the_sandbox_is_being_renewed() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    play.sandbox_died()
    assert play.delete() == []
    assert play.sandbox_stopped() == ["remove pod"]
    assert (play.phase, play.state_of("c")) == ("Failed", "terminated 137 ContainerStatusUnknown")


def test_delete_while_an_image_is_pulled() -> None:
    play = Play(make_pod("c")).begin()
    pull = play.machine.unanswered[0].id
    assert play.delete() == ["stop sandbox 0"]
    assert play.tell(ImageReady(id=pull, container="c")) == []
    assert play.sandbox_stopped() == ["remove pod"]


def test_delete_while_a_container_is_started() -> None:
    play = Play(make_pod("c")).begin()
    play.image("c")
    play.time = 1
    assert play.delete(5) == []
    assert play.delete(3) == []
    play.time = 2
    assert play.runs("c") == ["TERM c/0"]
    assert play.machine.next_deadline() == 4
    assert play.until_deadline() == ["KILL c/0"]
    assert play.exit("c", 137) == ["stop sandbox 0"]


def test_delete_while_a_container_is_started_leaves_it_two_seconds() -> None:
    play = Play(make_pod("c")).begin()
    play.image("c")
    play.delete(5)
    play.time = 60
    assert play.runs("c") == ["TERM c/0"]
    assert play.machine.next_deadline() == 62


def test_delete_while_a_container_is_started_and_the_sandbox_dies() -> None:
    play = Play(make_pod("c")).begin()
    play.image("c")
    play.delete()
    assert play.sandbox_died() == ["stop sandbox 0"]
    assert play.state_of("c") == "terminated 137 ContainerStatusUnknown"


@pytest.mark.parametrize("stage", ["pull wait", "create wait", "back off", "ended"])
def test_delete_while_no_process_exists(stage: str) -> None:
    play = Play(make_pod("c", "d" if stage == "ended" else "e", policy="OnFailure")).begin()
    if stage == "pull wait":
        play.image_failed("c")
    elif stage == "create wait":
        play.image("c")
        play.start_failed("c", "CreateContainerError")
    else:
        play.run("c")
        play.exit("c", 1 if stage == "back off" else 0)
    assert play.delete()[-1] == "stop sandbox 0"
    assert play.machine.next_deadline() is None
    assert play.sandbox_stopped() == ["remove pod"]
    assert play.phase == "Failed"


def test_delete_while_the_sandbox_is_stopped() -> None:
    play = Play(make_pod("c", policy="Never")).begin()
    play.run("c")
    play.exit("c", 0)
    assert play.delete() == []
    assert play.sandbox_stopped() == ["remove pod"]
    assert play.delete() == []
    assert play.phase == "Succeeded"


def test_30_6_delete_with_grace_0_of_a_finished_pod_removes_it_at_once() -> None:
    play = Play(make_pod("c", policy="Never")).begin()
    play.run("c")
    play.exit("c", 0)
    play.sandbox_stopped()
    assert play.delete(0) == ["remove pod"]


def test_answers_after_the_end_are_ignored() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    play.delete()
    play.exit("c", 0)
    assert play.signalled("c") == []
    play.sandbox_stopped()
    play.removed()
    assert play.exit("c", 0) == []
    assert play.sandbox_died() == []
    assert play.tell(PodRemoved(id=6)) == []
    assert play.tell(SandboxStopped(id=5, attempt=0)) == []


# Section 16: activeDeadlineSeconds.


def test_16_the_deadline_ends_a_running_pod() -> None:
    play = Play(make_pod("c", deadline=20, grace=5)).begin()
    play.run("c")
    assert play.until_deadline() == ["TERM c/0"]
    assert play.time == 20
    text = "Pod was active on the node longer than the specified deadline"
    assert play.events[-2:] == [f"DeadlineExceeded: {text}", "Killing: Stopping container c"]
    assert (play.phase, play.machine.status().reason) == ("Running", None)
    assert play.until_deadline() == ["KILL c/0"]
    assert play.time == 25
    play.exit("c", 137)
    play.sandbox_stopped()
    status = play.machine.status()
    assert (status.phase, status.reason, status.message) == ("Failed", "DeadlineExceeded", text)
    assert play.says("Ready") == "False PodFailed"
    assert play.machine.unanswered == []
    assert play.delete() == ["remove pod"]


def test_16_what_is_overdue_with_the_deadline_is_done_with_it() -> None:
    """Nobody looked for a while: the kill of one container and the end of the pod are due at once."""
    play = Play(make_pod("c", "d", deadline=100, grace=5)).begin()
    play.run("c")
    play.run("d")
    spec = play.machine.pod.spec
    assert play.spec(containers=(structs.replace(spec.containers[0], image="other"), spec.containers[1])) == [
        "TERM c/0"
    ]
    play.time = 100
    assert play.tell(Tick()) == ["TERM d/0", "KILL c/0"]
    assert play.machine.next_deadline() == 105


def test_16_clean_exits_do_not_save_a_pod_from_its_deadline() -> None:
    play = Play(make_pod("c", deadline=20)).begin()
    play.run("c")
    play.until_deadline()
    play.exit("c", 0)
    play.sandbox_stopped()
    assert (play.phase, play.machine.status().reason) == ("Failed", "DeadlineExceeded")


def test_16_the_deadline_counts_from_the_acceptance_and_strikes_at_any_stage() -> None:
    making = Play(make_pod("c", deadline=5))
    making.add()
    assert making.until_deadline() == []
    assert making.sandbox() == ["stop sandbox 0"]
    making.sandbox_stopped()

    waiting = Play(make_pod("c", deadline=5))
    waiting.add()
    waiting.sandbox_failed()
    assert waiting.until_deadline() == []

    renewing = Play(make_pod("c", deadline=5)).begin()
    renewing.sandbox_died()
    assert renewing.until_deadline() == []
    renewing.sandbox_stopped()

    pulling = Play(make_pod("c", deadline=5)).begin()
    assert pulling.until_deadline() == ["stop sandbox 0"]
    pulling.sandbox_stopped()
    for play in (making, waiting, renewing, pulling):
        assert play.time == 5
        assert (play.phase, play.machine.status().reason, play.machine.finished) == ("Failed", "DeadlineExceeded", True)
        assert play.machine.next_deadline() is None


def test_16_a_pod_that_ends_before_has_no_deadline() -> None:
    play = Play(make_pod("c", deadline=20, policy="Never")).begin()
    play.run("c")
    play.exit("c", 0)
    assert play.machine.next_deadline() is None
    play.sandbox_stopped()
    assert play.phase == "Succeeded"
