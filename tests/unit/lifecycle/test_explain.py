"""What ``describe`` says of a container that waits (kubelet-semantics 9, 19)."""

from __future__ import annotations

import pytest

from nsrunner.lifecycle.commands import EnsureImage
from nsrunner.lifecycle.explain import Wait
from nsrunner.model.types import Container, ContainerRestartRule, ContainerRestartRuleOnExitCodes, Pod
from unit.lifecycle.play import WALL, Play, instant, make_pod


def said(play: Play, name: str = "c", at: float | None = None) -> Wait | None:
    return play.machine.explain(name, instant(play.time if at is None else at))


def crashes(pod: Pod, times: int = 2, run: float = 1.25, code: int = 1, name: str = "c") -> Play:
    """A container that has run and died; it waits for what comes after that."""
    play = Play(pod).begin()
    for number in range(times):
        if number:
            while play.machine.value.containers[name].due is not None:
                play.until_deadline()
        play.run(name)
        for command in play.machine.unanswered:
            if isinstance(command, EnsureImage):
                play.run(command.container)
        play.time += run
        play.exit(name, code)
    return play


def test_a_crash_loop() -> None:
    play = crashes(make_pod("c"))
    wait = said(play)
    assert wait is not None
    assert (wait.reason, wait.left, wait.next_start) == ("CrashLoopBackOff", 10, WALL + 12.5)
    assert wait.lines == (
        "It ended with exit code 1 (Error) after 1.2s, and restart policy Always starts it again; 10s must pass after "
        "its end.",
        "Next start at 2023-11-14T22:13:32Z, in 10s.",
        "The delay after that will be 20s; it doubles up to 5m0s.",
        "What would reset the delay: a run of more than 10m0s; another image or other resources; a new pod.",
    )
    later = said(play, at=play.time + 7.5)
    assert later is not None
    assert (later.left, later.next_start) == (2.5, wait.next_start)
    assert later.lines[1].endswith("in 3s.")
    late = said(play, at=play.time + 99)
    assert late is not None and late.left == 0


def test_the_longest_delay() -> None:
    wait = said(crashes(make_pod("c"), times=8, run=0))
    assert wait is not None
    assert (wait.left, wait.afterwards) == (300, "The delay stays 5m0s.")


def test_a_wait_that_is_cut_short() -> None:
    """The entry expires 600 s after the last start was allowed."""
    play = crashes(make_pod("c"), times=8, run=0)
    play.until_deadline()
    play.run("c")
    play.time += 400
    play.exit("c", 1)
    wait = said(play)
    assert wait is not None
    assert (wait.left, wait.afterwards) == (200, "The delay begins anew then, with 10s.")


def test_a_tuned_back_off() -> None:
    tuned = {"initial": "500ms", "maximum": "1m30s", "reset": "20s"}
    annotations = {f"nsrunner.dev/restart-backoff-{name}": text for name, text in tuned.items()}
    wait = said(crashes(make_pod("c", annotations=annotations)))
    assert wait is not None
    assert wait.left == 0.5
    assert wait.afterwards == "The delay after that will be 1s; it doubles up to 1m30s."
    assert wait.resets[0] == "a run of more than 20s"


RULE = ContainerRestartRule(action="Restart", exit_codes=ContainerRestartRuleOnExitCodes(operator="In", values=(42,)))


@pytest.mark.parametrize(
    ("pod", "name", "code", "because"),
    [
        (make_pod("c", policy="OnFailure"), "c", 3, "restart policy OnFailure starts it again"),
        (make_pod("c", init=["i"]), "i", 3, "an init container is started again until it succeeds"),
        (
            make_pod("c", init=[Container(name="s", image="busybox", restart_policy="Always")], policy="Never"),
            "s",
            0,
            "a sidecar is always started again",
        ),
        (
            make_pod(Container(name="c", image="busybox", restart_policy="Never", restart_policy_rules=(RULE,))),
            "c",
            42,
            "a restart rule for this exit code starts it again",
        ),
    ],
)
def test_what_starts_it_again(pod: Pod, name: str, code: int, because: str) -> None:
    wait = said(crashes(pod, code=code, name=name), name)
    assert wait is not None
    assert wait.why == (
        f"It ended with exit code {code} ({'Error' if code else 'Completed'}) after 1.2s, and {because}; 10s must pass "
        "after its end."
    )


def test_an_image_that_is_missing() -> None:
    play = Play(make_pod("c")).begin()
    play.image_failed("c", message="no such host")
    wait = said(play)
    assert wait is not None
    assert (wait.reason, wait.left) == ("ErrImagePull", 10)
    assert wait.lines == (
        'There is no image "busybox": no such host',
        "Next start at 2023-11-14T22:13:30Z, in 10s.",
        "Each failed pull doubles the delay, up to 5m0s.",
        "What would reset the delay: another image; 10m0s without a failed pull.",
    )


def test_an_image_is_tried_later_than_its_error_gives_way_to_the_back_off() -> None:
    play = Play(make_pod("c")).begin()
    for _ in range(2):
        play.image_failed("c")
        play.until_deadline()
        if play.state_of("c") == "waiting ImagePullBackOff":
            play.until_deadline()
    play.image_failed("c")
    wait = said(play)
    assert wait is not None
    assert (wait.reason, wait.left) == ("ErrImagePull", 40)


def test_an_image_whose_pull_is_put_off() -> None:
    play = Play(make_pod("c")).begin()
    play.image_failed("c")
    play.until_deadline()
    play.image_failed("c")
    play.until_deadline()
    wait = said(play)
    assert wait is not None
    assert (wait.reason, wait.left) == ("ImagePullBackOff", 10)
    assert wait.afterwards == "Each failed pull doubles the delay, up to 5m0s."
    assert wait.why.startswith('There is no image "busybox": Back-off pulling image "busybox": ErrImagePull: ')


def test_an_image_that_must_not_be_pulled() -> None:
    play = Play(make_pod("c")).begin()
    play.image_failed("c", "ErrImageNeverPull", "not there")
    wait = said(play)
    assert wait is not None
    assert (wait.reason, wait.afterwards, wait.resets) == ("ErrImageNeverPull", "It is looked for every 10s.", ())


def test_a_start_that_failed_before_the_program() -> None:
    play = Play(make_pod("c")).begin()
    play.image("c")
    play.start_failed("c", "CreateContainerConfigError", 'configmap "m" not found')
    wait = said(play)
    assert wait is not None
    assert wait.lines == (
        'It could not be started: configmap "m" not found',
        "Next start at 2023-11-14T22:13:30Z, in 10s.",
        "It is tried every 10s: what never ran does not back off.",
    )


def test_whoever_does_not_wait_needs_no_explanation() -> None:
    play = Play(make_pod("c", policy="Never")).begin()
    assert said(play) is None
    play.run("c")
    assert said(play) is None
    play.delete()
    assert play.machine.next_deadline() is not None
    assert said(play) is None, "what it waits for is its own end"
    play.exit("c", 1)
    assert said(play) is None
